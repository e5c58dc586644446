#pragma once

#include <concepts>
#include <functional>
#include <span>
#include <type_traits>

#include "libnorm/metrics/landscape/linear_operator.hpp"

namespace libnorm {

/// A loss of `dimension` weights and its gradient, in double. `gradient` writes every number of g.
/// The same w always gives the same loss.
template <class F>
concept Objective = requires(F& f, std::span<const double> w, std::span<double> g) {
  { f.dimension() } -> std::convertible_to<Index>;
  { f.loss(w) } -> std::convertible_to<double>;
  f.gradient(w, g);
};

/// An objective with Hessian-vector products: hv = H(w) v.
template <class F>
concept TwiceDifferentiable = Objective<F> &&
    requires(F& f, std::span<const double> w, std::span<const double> v, std::span<double> hv) {
  f.hessian_vector_product(w, v, hv);
};

/// An objective with Gauss-Newton products: gv = J^T B J v, J the derivative of the model's outputs
/// and B the Hessian of the loss as a function of them.
template <class F>
concept HasGaussNewton = Objective<F> &&
    requires(F& f, std::span<const double> w, std::span<const double> v, std::span<double> gv) {
  f.gauss_newton_product(w, v, gv);
};

/// A type-erased reference to an objective, which must outlive it. Checks sizes and results.
class ObjectiveView {
 public:
  /// Implicit conversion. The view has the products of f's type.
  template <class F>
  requires(Objective<F> && !std::same_as<std::remove_cv_t<F>, ObjectiveView>) ObjectiveView(F& f)
      : dimension_(f.dimension()),
        loss_([&f](std::span<const double> w) { return double(f.loss(w)); }),
        gradient_([&f](std::span<const double> w, std::span<double> g) { f.gradient(w, g); }) {
    if constexpr (TwiceDifferentiable<F>) {
      hessian_ = [&f](std::span<const double> w, std::span<const double> v, std::span<double> hv) {
        f.hessian_vector_product(w, v, hv);
      };
    }
    if constexpr (HasGaussNewton<F>) {
      gauss_newton_ = [&f](std::span<const double> w, std::span<const double> v,
                           std::span<double> gv) { f.gauss_newton_product(w, v, gv); };
    }
  }

  /// f's dimension when the view was made.
  Index dimension() const { return dimension_; }
  /// Whether f is TwiceDifferentiable, and whether it HasGaussNewton.
  /// @{
  bool has_hessian() const { return bool(hessian_); }
  bool has_gauss_newton() const { return bool(gauss_newton_); }
  /// @}

  /// Throws: ShapeError unless w has `dimension` numbers. May be infinite or NaN where f says so.
  double loss(std::span<const double> w) const;
  /// Throws: ShapeError as above, ValueError for a gradient that is not finite.
  void gradient(std::span<const double> w, std::span<double> g) const;
  /// Throws: ShapeError as above, ValueError where f has no such product.
  /// @{
  void hessian_vector_product(std::span<const double> w, std::span<const double> v,
                              std::span<double> hv) const;
  void gauss_newton_product(std::span<const double> w, std::span<const double> v,
                            std::span<double> gv) const;
  /// @}

 private:
  using Product =
      std::function<void(std::span<const double>, std::span<const double>, std::span<double>)>;

  Index dimension_;
  std::function<double(std::span<const double>)> loss_;
  std::function<void(std::span<const double>, std::span<double>)> gradient_;
  Product hessian_, gauss_newton_;
};

/// The Hessian at w, which is copied; f must outlive the operator. By f's own product where it has
/// one, else by differenced_hessian at its default step; the operator's name says which.
LinearOperator hessian(const ObjectiveView& f, std::span<const double> w);

/// Its rows and columns at the ranges: principal_block of the above.
LinearOperator hessian(const ObjectiveView& f, std::span<const double> w,
                       std::vector<IndexRange> ranges);

/// cbrt(2^-53) ||w||, about 4.8e-6 of the length of w; cbrt(2^-53) where w is zero.
double difference_step(std::span<const double> w);

/// The Hessian from differences of gradients:
///
///     H v = (g(w + h u) - g(w - h u)) ||v|| / (2 h),    u = v / ||v||,
///
/// two gradients a product. The error is h^2 / 6 times the third derivative of g along u, from
/// truncation, and about 2^-53 (||g|| + ||H|| ||w||) / h from rounding. For an f that varies over
/// the scale of ||w||, as scale-invariant ones do, the default h brings both to about 1e-10 of
/// ||H|| + ||g|| / ||w||; where f varies over another scale L, take cbrt(2^-53) L. A product of
/// differences is symmetric to that error only. Source: Nocedal, Wright 2006, section 8.1.
///
/// h > 0, or 0 for difference_step(w). Throws: ValueError otherwise.
LinearOperator differenced_hessian(const ObjectiveView& f, std::span<const double> w, double h = 0);

/// The Gauss-Newton matrix at w, which is copied; f must outlive the operator.
/// Throws: ValueError where f has no such product: there is no substitute.
LinearOperator gauss_newton(const ObjectiveView& f, std::span<const double> w);

}  // namespace libnorm
