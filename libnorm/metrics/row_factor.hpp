#pragma once

#include <span>
#include <vector>

#include "libnorm/core/tensor.hpp"

namespace libnorm {

/// Whether the mean row is taken off before a spectrum is formed.
enum class Centring { none, mean };

/// All that the spectrum of a tall matrix depends on, gathered a stretch of rows at a time, so that
/// the rows need never be in memory together: how many rows, their mean m [C], and the triangle R
/// [C, C] of a QR decomposition of the centred rows, sqrt(count) (x - m) = Q R.
///
/// Two factors merge without subtracting squares, so that no digits are lost, as they would be in
/// X^T X - n m m^T: rows a and b together have the triangle of
/// [R_a; R_b; sqrt(n_a n_b / (n_a + n_b)) (m_a - m_b)]. Source: Chan, Golub, LeVeque 1983
/// (doi:10.1080/00031305.1983.10483115), whose update of sums of squares this is the root of.
///
/// Goes through Eigen's Householder QR: compared to digits, not to bits.
class RowFactor {
 public:
  /// No rows yet. Throws: ShapeError for fewer than one channel.
  explicit RowFactor(Index channels);

  /// Takes rows in: x [R, C], row r standing for count[r] rows; null: each for one.
  /// Throws: ShapeError for another width, ValueError for a number that is not finite or a count
  /// below 0.
  template <class T>
  void add(const MatrixView<const T>& x, const float* count = nullptr);

  /// Takes in all rows that another factor has. Throws: ShapeError for another width.
  void merge(const RowFactor& other);

  /// Rows taken in so far, repetitions included.
  double rows() const { return rows_; }
  /// [C]
  std::span<const double> mean() const { return mean_; }

  /// Singular values, descending, of all rows together: min(ceil(rows()), C) of them.
  /// Throws: ShapeError if no rows were taken in.
  std::vector<double> singular_values(Centring centring) const;

 private:
  Index channels_;
  double rows_ = 0;
  std::vector<double> mean_;
  /// [C, C] by columns, zeros below the diagonal.
  std::vector<double> triangle_;
};

}  // namespace libnorm
