#include "libnorm/optim/adam.hpp"

#include <limits>

#include "libnorm/core/launch.hpp"
#include "libnorm/core/simd.hpp"
#include "libnorm/optim/adam_body.hpp"

namespace libnorm {

template <class T>
Adam<T>::Adam(Index size, const AdamOptions& options) : options_(options) {
  const auto is_decay = [](double beta) { return 0 <= beta && beta < 1; };
  const auto is_positive = [](double x) {
    return 0 < x && x < std::numeric_limits<double>::infinity();
  };
  if (!is_positive(options.learning_rate) || !is_positive(options.epsilon) ||
      !is_decay(options.beta1) || !is_decay(options.beta2)) {
    throw ValueError("Adam: options outside their domain (learning_rate " +
                     std::to_string(options.learning_rate) + ", beta1 " +
                     std::to_string(options.beta1) + ", beta2 " + std::to_string(options.beta2) +
                     ", epsilon " + std::to_string(options.epsilon) +
                     "); need finite rate > 0, epsilon > 0 and 0 <= beta < 1");
  }
  m_.assign(std::size_t(size), T(0));
  v_.assign(std::size_t(size), T(0));
}

template <class T>
void Adam<T>::step(T* weights, const T* gradient) {
  ++steps_;
  power1_ *= options_.beta1;
  power2_ *= options_.beta2;
  const Index size = Index(m_.size());
  const double rate = options_.learning_rate / (1.0 - power1_);
  const double root = square_root(1.0 - power2_);
  launch((size + AdamBody<T>::kChunk - 1) / AdamBody<T>::kChunk, 16,
         AdamBody<T>{size, weights, gradient, m_.write(), v_.write(), T(1.0 - options_.beta1),
                     T(options_.beta2), T(1.0 - options_.beta2), T(rate), T(root),
                     T(options_.epsilon)});
}

template <class T>
void Adam<T>::set_steps(Index steps) {
  steps_ = steps;
  power1_ = power2_ = 1;
  for (Index i = 0; i < steps; ++i) {
    power1_ *= options_.beta1;
    power2_ *= options_.beta2;
  }
}

template class Adam<float>;
template class Adam<double>;

}  // namespace libnorm
