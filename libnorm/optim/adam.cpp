#include "libnorm/optim/adam.hpp"

#include <algorithm>

#include "libnorm/core/domain.hpp"
#include "libnorm/core/launch.hpp"
#include "libnorm/core/simd.hpp"
#include "libnorm/optim/adam_body.hpp"
#include "libnorm/optim/clip_body.hpp"

namespace libnorm {

template <class T>
void AdamOptions::check(const AdamNames& names) const {
  const std::string as = type_text<T>();
  const auto check_decay = [&](const std::string& name, double x) {
    require_in_domain(T(0) <= T(x) && T(x) < T(1), "Adam", name, x, "0 <= beta < 1 as " + as);
  };
  check_decay(names.beta1, beta1);
  check_decay(names.beta2, beta2);
  require_in_domain(is_positive_as<T>(epsilon), "Adam", names.epsilon, epsilon,
                    "finite epsilon > 0 as " + as);
  // The first step's rate is the largest.
  const bool fits =
      is_positive_as<T>(learning_rate) && is_finite_as<T>(learning_rate / (1 - beta1));
  require_in_domain(fits, "Adam", names.learning_rate, learning_rate,
                    "finite rate > 0 as " + as + ", over 1 - beta1 too");
  const double taken = learning_rate * weight_decay;
  require_in_domain(T(0) <= T(weight_decay) && T(taken) < T(1), "Adam", names.weight_decay,
                    weight_decay, "0 <= decay < 1 / rate as " + as);
  require_in_domain(clip_norm == 0 || is_positive_as<T>(clip_norm), "Adam", names.clip_norm,
                    clip_norm, "finite norm > 0 as " + as + ", or 0 for none");
  require_in_domain(schedule.warmup_steps >= 0, "Adam", names.warmup_steps,
                    double(schedule.warmup_steps), "0 or more steps");
  require_in_domain(0 <= schedule.final_share && schedule.final_share <= 1, "Adam",
                    names.final_share, schedule.final_share, "a share of the rate, 0 .. 1");
}

template <class T>
Adam<T>::Adam(Index size, const AdamOptions& options, const std::vector<bool>& decays)
    : options_(options) {
  options.check<T>();
  if (size < 0) {
    throw ValueError("Adam: negative number of weights (" + std::to_string(size) +
                     "); need 0 or more");
  }
  m_.assign(std::size_t(size), T(0));
  v_.assign(std::size_t(size), T(0));
  if (!decays.empty() && Index(decays.size()) != size) {
    throw ShapeError("Adam: sizes differ (" + std::to_string(size) + " weights, decays of " +
                     std::to_string(decays.size()) + "); need one for each weight, or none");
  }
  if (options.weight_decay > 0) {
    decays_.assign(std::size_t(size), T(1));
    std::copy(decays.begin(), decays.end(), decays_.host().begin());
  }
  if (options.clip_norm > 0) {
    factor_.assign(1, T(1));
    constexpr Index kShard = SquaresBody<T>::kShard;
    squares_.assign(std::size_t((size + kShard - 1) / kShard), 0.0);
  }
}

/// Computes the gradient's factor. Returns: where it lies on the thread's device.
template <class T>
const T* Adam<T>::clip_factor(const T* gradient) {
  if (options_.clip_norm == 0) return nullptr;
  const Index shards = Index(squares_.size());
  double* squares = squares_.data();
  if constexpr (std::is_same_v<T, float>) {
    if (current_device() == Device::cuda) {
      const std::size_t bytes = squares_.size() * sizeof(double);
      squares = static_cast<double*>(squares_on_gpu_.size() < bytes
                                         ? squares_on_gpu_.reserve(bytes, "sums of squares")
                                         : squares_on_gpu_.data());
    }
  }
  launch(shards, 4, SquaresBody<T>{Index(m_.size()), gradient, squares});
  launch(1, 1, ClipBody<T>{shards, squares, options_.clip_norm, factor_.write()});
  return factor_.read();
}

template <class T>
void Adam<T>::step(T* weights, const T* gradient) {
  ++steps_;
  power1_ *= options_.beta1;
  power2_ *= options_.beta2;
  const Index size = Index(m_.size());
  const double rate = options_.rate(steps_);
  const double root = square_root(1.0 - power2_);
  const T* const clip = clip_factor(gradient);
  const T* const decays = decays_.size() > 0 ? decays_.read() : nullptr;
  launch((size + AdamBody<T>::kChunk - 1) / AdamBody<T>::kChunk, 16,
         AdamBody<T>{size, weights, gradient, m_.write(), v_.write(), T(1.0 - options_.beta1),
                     T(options_.beta2), T(1.0 - options_.beta2), T(rate / (1.0 - power1_)), T(root),
                     T(options_.epsilon), clip, decays, T(rate * options_.weight_decay)});
}

template <class T>
void Adam<T>::set_steps(Index steps) {
  if (steps < 0) {
    throw ValueError("Adam: negative number of steps (" + std::to_string(steps) +
                     "); need 0 or more");
  }
  steps_ = steps;
  power1_ = power2_ = 1;
  for (Index i = 0; i < steps; ++i) {
    power1_ *= options_.beta1;
    power2_ *= options_.beta2;
  }
}

template void AdamOptions::check<float>(const AdamNames&) const;
template void AdamOptions::check<double>(const AdamNames&) const;
template class Adam<float>;
template class Adam<double>;

}  // namespace libnorm
