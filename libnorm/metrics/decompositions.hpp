#pragma once

#include <span>
#include <vector>

#include "libnorm/core/tensor.hpp"

/// All computations by Eigen: compared to digits, not to bits.
namespace libnorm::eigen {

/// A column-major matrix [R, C] for the decompositions; zeros at first.
class Columns {
 public:
  /// Zeros, [rows, cols].
  Columns(Index rows, Index cols)
      : rows_(rows), cols_(cols), memory_(std::size_t(rows * cols), 0.0) {}

  /// The number at row r of column c.
  double& operator()(Index r, Index c) { return memory_[std::size_t(c * rows_ + r)]; }
  /// All numbers, column after column.
  std::span<const double> memory() const { return memory_; }

  /// Sets the rows from `first` on; rows [count, C].
  void put_rows(Index first, const MatrixView<const double>& rows);
  /// Sets the rows from `first` on to a triangle, [C, C] by columns; an empty one sets zeros.
  void put_triangle(Index first, const std::vector<double>& triangle);

  /// The triangle of a Householder QR decomposition: [C, C] by columns, zeros below the diagonal.
  /// Needs R >= C; overwrites the matrix.
  std::vector<double> triangle();
  /// Singular values, descending: min(R, C) of them; those beyond the number of rows, or columns,
  /// that are not all zeros are 0. With more rows than columns they are computed from the triangle,
  /// and the matrix is overwritten.
  std::vector<double> singular_values();

 private:
  Index largest_rank() const;

  Index rows_, cols_;
  std::vector<double> memory_;
};

/// Singular values s, descending, and their right singular vectors.
struct RightVectors {
  /// min(R, C)
  std::vector<double> values;
  /// [min(R, C), C]: row i belongs to values[i].
  std::vector<double> vectors;
};
/// Singular values and right singular vectors of contiguous rows [R, C].
RightVectors right_vectors_of(const MatrixView<const double>& rows);

/// Whether to compute eigenvectors too.
enum class Vectors { dropped, kept };
/// Eigenvalues, ascending, and eigenvectors.
struct Eigensystem {
  /// [n]; empty if the iteration did not converge.
  std::vector<double> values;
  /// [n, n], if kept: row i belongs to values[i].
  std::vector<double> vectors;
};
/// The eigenvalues of a symmetric matrix [n, n]; only its upper triangle is read.
Eigensystem eigensystem_of(const MatrixView<const double>& symmetric, Vectors vectors);
/// The eigenvalues and vectors of the symmetric tridiagonal matrix with `diagonal` [n] and `beside`
/// [n - 1]. Its convergence test is absolute: the numbers should be near 1.
Eigensystem eigensystem_of(std::span<const double> diagonal, std::span<const double> beside);

/// The triangle U [C, C], by columns, of U^T U = G (Cholesky); empty if G is not positive definite.
/// `gram` is G [C, C]; only its upper triangle is read.
std::vector<double> cholesky_of(const MatrixView<const double>& gram);
/// tr G^-1, which is at least 1 over the smallest eigenvalue; infinite if G is not positive
/// definite.
double inverse_trace(const MatrixView<const double>& gram);

}  // namespace libnorm::eigen
