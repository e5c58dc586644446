#include "libnorm/optim/adam.hpp"

#include "libnorm/core/domain.hpp"
#include "libnorm/core/launch.hpp"
#include "libnorm/core/simd.hpp"
#include "libnorm/optim/adam_body.hpp"

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
}

template <class T>
Adam<T>::Adam(Index size, const AdamOptions& options) : options_(options) {
  options.check<T>();
  if (size < 0) {
    throw ValueError("Adam: negative number of weights (" + std::to_string(size) +
                     "); need 0 or more");
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
