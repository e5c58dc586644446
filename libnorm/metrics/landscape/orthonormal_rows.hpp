#pragma once

#include <memory>
#include <span>
#include <vector>

#include "libnorm/core/tensor.hpp"

namespace libnorm {

/// Orthonormal rows, added one by one: the basis of a Krylov space, or of a matrix's range.
class OrthonormalRows {
 public:
  /// Room for `capacity` rows of `dimension`; memory is touched only as rows are added.
  OrthonormalRows(Index dimension, Index capacity);

  /// Rows so far.
  Index size() const { return size_; }
  /// Numbers in each row.
  Index dimension() const { return dimension_; }
  /// Row i of 0 .. size-1, which is not checked. Its address does not change.
  std::span<const double> row(Index i) const;
  /// [size, dimension]
  MatrixView<const double> rows() const { return {memory_.get(), size_, dimension_}; }

  /// w = w - V^T V w, twice, so that w is orthogonal to the rows up to rounding (Giraud et al.
  /// 2005). `along` [size], if not empty, gets V w. Returns the length of the new w. Cost: 8 size
  /// dimension operations. Order: of dot_rows and add_combination.
  double orthogonalize(std::span<double> w, std::span<double> along = {}) const;

  /// Appends w / length; w is orthogonal to all rows. Throws: ShapeError if there is no more room.
  void append(std::span<const double> w, double length);

  /// Row i becomes sum_k mix(i, k) row k; rows beyond those of mix are removed. mix [at most size,
  /// size] has orthonormal rows.
  void combine(const MatrixView<const double>& mix);

 private:
  Index dimension_, capacity_, size_ = 0;
  std::unique_ptr<double[]> memory_;
};

}  // namespace libnorm
