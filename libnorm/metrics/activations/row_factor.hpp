#pragma once

#include <span>
#include <vector>

#include "libnorm/core/tensor.hpp"

namespace libnorm {

/// Whether the mean row is subtracted before a spectrum is computed.
enum class Centring { none, mean };

/// The spectrum of a tall matrix whose rows are added a few at a time and need not be in memory
/// together. Holds the number of rows, their mean m [C], and the triangle R [C, C] of a QR
/// decomposition of the centred rows, sqrt(count) (x - m) = Q R.
///
/// Two factors merge without subtracting squares, so that no digits are lost, as they would be in
/// X^T X - n m m^T: rows a and b together have the triangle of
/// [R_a; R_b; sqrt(n_a n_b / (n_a + n_b)) (m_a - m_b)]. Source: Chan, Golub, LeVeque 1983
/// (doi:10.1080/00031305.1983.10483115), whose update of sums of squares this is a square root of.
///
/// Up to C rows are held unchanged, so that with fewer rows than channels no matrix is [C, C].
/// Numbers may be up to 1e290: a power of two scales them so that squares stay inside a double's
/// range. Uses Eigen's Householder QR: compared to digits, not to bits.
class RowFactor {
 public:
  /// No rows yet. Throws: ShapeError for fewer than one channel.
  explicit RowFactor(Index channels);

  /// Adds rows: x [R, C]; row r counts count[r] times, or once if null.
  /// Throws: ShapeError for another width; as check_rows. Stretches of 1024 rows before the faulty
  /// one are kept.
  template <class T>
  void add(const MatrixView<const T>& x, const float* count = nullptr);

  /// Adds all rows of another factor. Throws: ShapeError for another width.
  void merge(const RowFactor& other);

  /// Rows added so far, repetitions included.
  double rows() const { return rows_; }
  /// [C]
  std::span<const double> mean() const { return told_mean_; }

  /// Singular values, descending, of all rows together: min(n, C) of them, n the larger of rows(),
  /// rounded up, and the rows added. Values beyond the largest possible rank, which is one less if
  /// centred, are 0. Throws: ShapeError if no rows were added.
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
  /// Rows whose count is above 0.
  Index given_ = 0;
  /// A power of two; all members below but told_mean_ are in this unit.
  double scale_ = 1;
  std::vector<double> mean_, told_mean_;
  /// [n, C], rows that are not yet in the triangle, n <= C.
  std::vector<double> held_;
  /// [C, C] by columns, zeros below the diagonal; empty until there are more rows.
  std::vector<double> triangle_;
};

}  // namespace libnorm
