#pragma once

#include <memory>
#include <span>
#include <vector>

#include "libnorm/core/tensor.hpp"

namespace libnorm {

/// Rows of length 1 at right angles, which grow one by one: the basis of a Krylov space, or of a
/// matrix's range.
class OrthonormalRows {
 public:
  /// Room for `capacity` rows of `dimension`; memory is touched as rows come.
  OrthonormalRows(Index dimension, Index capacity);

  /// Rows so far.
  Index size() const { return size_; }
  /// Numbers of each.
  Index dimension() const { return dimension_; }
  /// Row i of 0 .. size-1, which is not checked. It lies here, and does not move.
  std::span<const double> row(Index i) const;
  /// [size, dimension]
  MatrixView<const double> rows() const { return {memory_.get(), size_, dimension_}; }

  /// w - V^T V w into w, twice, which leaves what remains at right angles to rounding (Giraud et
  /// al. 2005). `along` [size], if not empty, gets V w. Returns the length of what remains.
  /// Cost: 8 size dimension operations. Order: of dot_rows and add_combination.
  double orthogonalize(std::span<double> w, std::span<double> along = {}) const;

  /// w / length, w at right angles to all rows. Throws: ShapeError where there is no more room.
  void append(std::span<const double> w, double length);

  /// Row i becomes sum_k mix(i, k) row k; rows after the last of mix go. mix [at most size, size]
  /// has orthonormal rows.
  void combine(const MatrixView<const double>& mix);

 private:
  Index dimension_, capacity_, size_ = 0;
  std::unique_ptr<double[]> memory_;
};

}  // namespace libnorm
