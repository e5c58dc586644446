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
/// Up to C rows are held as they are, so that of fewer rows than channels nothing is [C, C].
/// Numbers may have any size up to 1e290: all is held times a power of two that keeps their squares
/// inside a double's range. Goes through Eigen's Householder QR: compared to digits, not to bits.
class RowFactor {
 public:
  /// No rows yet. Throws: ShapeError for fewer than one channel.
  explicit RowFactor(Index channels);

  /// Takes rows in: x [R, C], row r standing for count[r] rows; null: each for one.
  /// Throws: ShapeError for another width; as check_rows. Stretches of 1024 rows that came before
  /// the one at fault are kept.
  template <class T>
  void add(const MatrixView<const T>& x, const float* count = nullptr);

  /// Takes in all rows that another factor has. Throws: ShapeError for another width.
  void merge(const RowFactor& other);

  /// Rows taken in so far, repetitions included.
  double rows() const { return rows_; }
  /// [C]
  std::span<const double> mean() const { return told_mean_; }

  /// Singular values, descending, of all rows together: min(n, C) of them, n the larger of rows(),
  /// rounded up, and the rows that were given. Beyond the rank that so many rows can have, which is
  /// one less where their mean is off, they are 0.
  /// Throws: ShapeError if no rows were taken in.
  std::vector<double> singular_values(Centring centring) const;

 private:
  template <class T>
  void take(const MatrixView<const T>& x, const float* count);
  void move_mean(Index channel, double by);
  void join(const std::vector<double>& triangle, const std::vector<double>& rows);
  bool is_zero() const;
  void rescale(double scale);

  Index channels_;
  double rows_ = 0;
  /// Rows that count for something.
  Index given_ = 0;
  /// A power of two that all below is multiplied by, but the mean as it is told.
  double scale_ = 1;
  std::vector<double> mean_, told_mean_;
  /// [n, C], rows that are no triangle yet, n <= C.
  std::vector<double> held_;
  /// [C, C] by columns, zeros below the diagonal; empty until there are more rows.
  std::vector<double> triangle_;
};

}  // namespace libnorm
