#pragma once

#include <string>
#include <vector>

#include "libnorm/core/error.hpp"
#include "libnorm/core/mirrored.hpp"

namespace libnorm {

/// The caller's names for Adam's options, for messages.
struct AdamNames {
  /// Names of the members of AdamOptions.
  /// @{
  std::string learning_rate = "learning_rate", beta1 = "beta1", beta2 = "beta2",
              epsilon = "epsilon";
  /// @}
};

/// Adam's options. The defaults are PyTorch's, except the learning rate, which is the paper's.
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

  /// Throws: ValueError, which names the number, unless rate and epsilon are positive and finite
  /// and 0 <= beta < 1, all as a T: the type of the weights computes with them.
  template <class T>
  void check(const AdamNames& names = {}) const;
};

/// Adam (Kingma, Ba 2015, arXiv:1412.6980) as PyTorch defines it, without weight decay:
///
///     m = m + (1 - beta1) (g - m),  v = beta2 v + (1 - beta2) g^2,
///     w = w - rate / (1 - beta1^t) m / (sqrt(v) / sqrt(1 - beta2^t) + epsilon)
template <class T>
class Adam {
 public:
  /// Throws: as AdamOptions::check; ValueError if size < 0.
  Adam(Index size, const AdamOptions& options);

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
  AdamOptions options_;
  Mirrored<T> m_, v_;
  Index steps_ = 0;
  double power1_ = 1, power2_ = 1;
};

}  // namespace libnorm
