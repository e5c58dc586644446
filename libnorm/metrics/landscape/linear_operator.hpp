#pragma once

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "libnorm/core/tensor.hpp"

namespace libnorm {

/// Positions first .. first + count - 1.
struct IndexRange {
  /// 0 or more.
  Index first = 0;
  /// 1 or more.
  Index count = 0;
};

/// The number of positions in the ranges.
/// Throws: ValueError if one is empty or not within 0 .. dimension-1, or two of them overlap.
Index count_of(std::span<const IndexRange> ranges, Index dimension);

/// x at the ranges, one after the other.
std::vector<double> gather(std::span<const double> x, std::span<const IndexRange> ranges);

/// part into x at the ranges: gather backwards.
void scatter(std::span<const double> part, std::span<const IndexRange> ranges, std::span<double> x);

/// A symmetric matrix given by its product with a vector, which is all that the estimators of
/// curvature need.
class LinearOperator {
 public:
  /// out = A in, both [dimension]; they do not overlap, and `out` is not initialized.
  using Apply = std::function<void(std::span<const double> in, std::span<double> out)>;

  /// `name` appears in results: `Hessian`. Throws: ShapeError if dimension < 1.
  LinearOperator(std::string name, Index dimension, Apply apply);

  /// The operator's name.
  const std::string& name() const { return name_; }
  /// n of the matrix [n, n].
  Index dimension() const { return dimension_; }

  /// out = A in. Throws: ShapeError where sizes do not fit, ValueError for a product that is not
  /// finite.
  void apply(std::span<const double> in, std::span<double> out) const;

 private:
  std::string name_;
  Index dimension_;
  Apply apply_;
};

/// The rows and columns of `a` at the ranges, in their order: of a Hessian, that of the loss as a
/// function of these weights, with all others held. A product costs one of a. Throws: as count_of.
LinearOperator principal_block(const LinearOperator& a, std::vector<IndexRange> ranges);

/// A matrix in memory, [n, n], which must outlive the operator.
/// Order of a product: along the axis. Throws: ShapeError unless it is square, ValueError if it is
/// not symmetric to 1e-12 of its largest number, or holds one that is not finite.
LinearOperator matrix_operator(const MatrixView<const double>& a);

}  // namespace libnorm
