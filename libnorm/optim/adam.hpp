#pragma once

#include <string>
#include <vector>

#include "libnorm/core/error.hpp"
#include "libnorm/core/mirrored.hpp"
#include "libnorm/optim/rate_schedule.hpp"

namespace libnorm {

/// The caller's names for Adam's options, for messages.
struct AdamNames {
  /// Names of the members of AdamOptions.
  /// @{
  std::string learning_rate = "learning_rate", beta1 = "beta1", beta2 = "beta2",
              epsilon = "epsilon", weight_decay = "weight_decay", clip_norm = "clip_norm",
              warmup_steps = "warmup_steps", final_share = "final_share";
  /// @}
};

/// Adam's options. The defaults are PyTorch's, except the learning rate, which is the paper's:
/// there is no decay, no clipping and no schedule.
struct AdamOptions {
  /// `rate` in the formula of Adam.
  double learning_rate = 1e-4;
  /// Decay rates of the moments.
  /// @{
  double beta1 = 0.9;
  double beta2 = 0.999;
  /// @}
  /// Added to the square root, not inside it.
  double epsilon = 1e-8;
  /// What is taken off a weight in each step, times the rate; 0: nothing.
  double weight_decay = 0;
  /// The longest gradient; 0: any.
  double clip_norm = 0;
  /// What the rate is multiplied by in each step.
  RateSchedule schedule = {};

  /// The learning rate of step t = 1, 2, ...
  double rate(Index t) const { return learning_rate * schedule.share(t); }

  /// Throws: ValueError, which names the number, unless rate and epsilon are positive and finite,
  /// 0 <= beta < 1, 0 <= rate weight_decay < 1 and clip_norm >= 0, all as a T: the type of the
  /// weights computes with them; and unless warmup_steps >= 0 and 0 <= final_share <= 1.
  template <class T>
  void check(const AdamNames& names = {}) const;
};

/// Adam (Kingma, Ba 2015, arXiv:1412.6980) as PyTorch defines it:
///
///     m = m + (1 - beta1) (g - m),  v = beta2 v + (1 - beta2) g^2,
///     w = w - rate / (1 - beta1^t) m / (sqrt(v) / sqrt(1 - beta2^t) + epsilon)
///
/// With weight_decay it is AdamW (Loshchilov, Hutter 2019, arXiv:1711.05101): weights that decay
/// first lose rate x weight_decay of themselves, by one fma. With clip_norm, g is first multiplied
/// by min(1, clip_norm / (||g|| + 1e-6)) (Pascanu et al. 2013, arXiv:1211.5063; the addend is
/// PyTorch's), ||g|| over all weights. `rate` follows the schedule.
///
/// Order of ||g||^2: in double; shards of 4096 numbers, each by fma in the order of
/// libnorm/core/reduce.hpp, and then the shards' sums in that order.
template <class T>
class Adam {
 public:
  /// decays: for each weight whether it decays; if empty, all do. Of a model, the common recipe
  /// takes its matrices (ParameterList::in_matrices).
  /// Throws: as AdamOptions::check; ValueError if size < 0; ShapeError if `decays` has another.
  Adam(Index size, const AdamOptions& options, const std::vector<bool>& decays = {});

  /// One step on `weights` along `gradient`, both of the given size and on the thread's device (see
  /// Transformer::weights_data).
  void step(T* weights, const T* gradient);

  /// t, the steps so far.
  Index steps() const { return steps_; }

  /// For checkpoints: the state that a step changes besides the weights, in the processor's memory;
  /// see Mirrored::host.
  /// @{
  std::vector<T>& first_moment() { return m_.host(); }
  std::vector<T>& second_moment() { return v_.host(); }
  const std::vector<T>& first_moment() const { return m_.host(); }
  const std::vector<T>& second_moment() const { return v_.host(); }
  /// @}
  /// For checkpoints: sets t, and computes the powers of beta by t products, for the same bits.
  /// Throws: ValueError for t < 0.
  void set_steps(Index steps);

 private:
  const T* clip_factor(const T* gradient);

  AdamOptions options_;
  Mirrored<T> m_, v_;
  /// 1 or 0 for each weight; empty without weight decay.
  Mirrored<T> decays_;
  /// The gradient's factor, and where its shards' sums of squares lie; empty without clipping.
  /// @{
  Mirrored<T> factor_;
  std::vector<double> squares_;
  DeviceMemory squares_on_gpu_;
  /// @}
  Index steps_ = 0;
  double power1_ = 1, power2_ = 1;
};

}  // namespace libnorm
