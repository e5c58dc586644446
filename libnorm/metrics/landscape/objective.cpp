#include "libnorm/metrics/landscape/objective.hpp"

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "libnorm/core/domain.hpp"
#include "libnorm/core/vector_sums.hpp"

namespace libnorm {
namespace {

void require_size(const char* where, std::size_t size, Index dimension) {
  if (Index(size) == dimension) return;
  throw ShapeError(std::string("objective: wrong size of ") + where + " (" + std::to_string(size) +
                   "); need " + std::to_string(dimension));
}

std::vector<double> copied(const ObjectiveView& f, std::span<const double> w) {
  require_size("the weights", w.size(), f.dimension());
  if (!all_finite(w)) {
    throw ValueError("objective: the weights hold a number that is not finite; need none");
  }
  return {w.begin(), w.end()};
}

}  // namespace

double ObjectiveView::loss(std::span<const double> w) const {
  require_size("the weights", w.size(), dimension_);
  return loss_(w);
}

void ObjectiveView::gradient(std::span<const double> w, std::span<double> g) const {
  require_size("the weights", w.size(), dimension_);
  require_size("the gradient", g.size(), dimension_);
  gradient_(w, g);
  if (!all_finite(g)) {
    throw ValueError("objective: the gradient holds a number that is not finite; need none");
  }
}

void ObjectiveView::hessian_vector_product(std::span<const double> w, std::span<const double> v,
                                           std::span<double> hv) const {
  require_size("the weights", w.size(), dimension_);
  require_size("the vector", v.size(), dimension_);
  require_size("the product", hv.size(), dimension_);
  if (!hessian_) {
    throw ValueError(
        "objective: it has no Hessian-vector product (has_hessian() is false); use hessian(), "
        "which "
        "then takes differences");
  }
  hessian_(w, v, hv);
}

void ObjectiveView::gauss_newton_product(std::span<const double> w, std::span<const double> v,
                                         std::span<double> gv) const {
  require_size("the weights", w.size(), dimension_);
  require_size("the vector", v.size(), dimension_);
  require_size("the product", gv.size(), dimension_);
  if (!gauss_newton_) {
    throw ValueError(
        "objective: it has no Gauss-Newton product (has_gauss_newton() is false); give it a "
        "gauss_newton_product");
  }
  gauss_newton_(w, v, gv);
}

LinearOperator hessian(const ObjectiveView& f, std::span<const double> w) {
  if (!f.has_hessian()) return differenced_hessian(f, w);
  return {"Hessian", f.dimension(),
          [f, at = copied(f, w)](std::span<const double> in, std::span<double> out) {
            f.hessian_vector_product(at, in, out);
          }};
}

LinearOperator hessian(const ObjectiveView& f, std::span<const double> w,
                       std::vector<IndexRange> ranges) {
  return principal_block(hessian(f, w), std::move(ranges));
}

double difference_step(std::span<const double> w) {
  constexpr double kRootOfRounding = 1.2599210498948732 * 0x1p-18;
  const double size = length(w);
  return kRootOfRounding * (size == 0 ? 1 : size);
}

LinearOperator differenced_hessian(const ObjectiveView& f, std::span<const double> w, double h) {
  if (!(h >= 0) || !std::isfinite(h)) {
    throw ValueError("differenced_hessian: the step is invalid (" + number_text(h) +
                     "); need h > 0, or 0 for the default");
  }
  std::vector<double> at = copied(f, w);
  if (h == 0) h = difference_step(at);
  return {"Hessian by central differences", f.dimension(),
          [f, at = std::move(at), h](std::span<const double> in, std::span<double> out) {
            const double size = length(in);
            std::vector<double> moved(at), below(at.size());
            if (!(size > 0)) {
              std::fill(out.begin(), out.end(), 0.0);
              return;
            }
            add_scaled(-h / size, in, moved);
            f.gradient(moved, below);
            moved = at;
            add_scaled(h / size, in, moved);
            f.gradient(moved, out);
            for (std::size_t i = 0; i < below.size(); ++i) {
              out[i] = (out[i] - below[i]) / (2 * h) * size;
            }
          }};
}

LinearOperator gauss_newton(const ObjectiveView& f, std::span<const double> w) {
  if (!f.has_gauss_newton()) {
    throw ValueError(
        "gauss_newton: the objective has no such product (has_gauss_newton() is false); give it a "
        "gauss_newton_product");
  }
  return {"Gauss-Newton matrix", f.dimension(),
          [f, at = copied(f, w)](std::span<const double> in, std::span<double> out) {
            f.gauss_newton_product(at, in, out);
          }};
}

}  // namespace libnorm
