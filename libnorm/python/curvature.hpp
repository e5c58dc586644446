#pragma once

#include <mutex>
#include <span>
#include <utility>
#include <vector>

#include "libnorm/models/curvature.hpp"

namespace libnorm::python {

/// A Curvature that threads may share: they take turns.
class SharedCurvature {
 public:
  explicit SharedCurvature(Curvature own) : own_(std::move(own)) {}

  Index dimension() const { return own_.dimension(); }
  const std::vector<double>& weights() const { return own_.weights(); }
  double loss(std::span<const double> w) {
    const std::scoped_lock lock(mutex_);
    return own_.loss(w);
  }
  void gradient(std::span<const double> w, std::span<double> g) {
    const std::scoped_lock lock(mutex_);
    own_.gradient(w, g);
  }
  void hessian_vector_product(std::span<const double> w, std::span<const double> v,
                              std::span<double> hv) {
    const std::scoped_lock lock(mutex_);
    own_.hessian_vector_product(w, v, hv);
  }
  void gauss_newton_product(std::span<const double> w, std::span<const double> v,
                            std::span<double> gv) {
    const std::scoped_lock lock(mutex_);
    own_.gauss_newton_product(w, v, gv);
  }

 private:
  std::mutex mutex_;
  Curvature own_;
};

}  // namespace libnorm::python
