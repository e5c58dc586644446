#pragma once

#include <span>
#include <vector>

#include "libnorm/core/tensor.hpp"

/// What goes through Eigen, and all that does: compared to digits, not to bits.
namespace libnorm::eigen {

/// A matrix [R, C] by columns, as the decompositions take it; zeros at first.
class Columns {
 public:
  /// Zeros, [rows, cols].
  Columns(Index rows, Index cols)
      : rows_(rows), cols_(cols), memory_(std::size_t(rows * cols), 0.0) {}

  /// The number at row r of column c.
  double& operator()(Index r, Index c) { return memory_[std::size_t(c * rows_ + r)]; }
  /// All numbers, column after column.
  std::span<const double> memory() const { return memory_; }

  /// Rows from `first` on become these, [count, C].
  void put_rows(Index first, const MatrixView<const double>& rows);
  /// Rows from `first` on become a triangle, [C, C] by columns; an empty one is zeros.
  void put_triangle(Index first, const std::vector<double>& triangle);

  /// R of a QR decomposition by Householder: [C, C] by columns, zeros below the diagonal. The
  /// matrix, R >= C, is lost.
  std::vector<double> triangle();
  /// Singular values, descending: min(R, C) of them, 0 beyond as many as there are rows, or
  /// columns, that hold anything but zeros. Of more rows than columns, they are those of the
  /// triangle, and the matrix is lost.
  std::vector<double> singular_values();

 private:
  Index largest_rank() const;

  Index rows_, cols_;
  std::vector<double> memory_;
};

/// Singular values s, descending, and the vectors on the right, which belong to them.
struct RightVectors {
  /// min(R, C)
  std::vector<double> values;
  /// [min(R, C), C]: row i belongs to values[i].
  std::vector<double> vectors;
};
/// Those of rows [R, C], contiguous.
RightVectors right_vectors_of(const MatrixView<const double>& rows);

/// Whether vectors are wanted beside eigenvalues.
enum class Vectors { dropped, kept };
/// Eigenvalues, ascending, and their vectors.
struct Eigensystem {
  /// n of them; none where the iteration did not end.
  std::vector<double> values;
  /// [n, n], if kept: row i belongs to values[i].
  std::vector<double> vectors;
};
/// Those of a symmetric matrix [n, n], of which only what is on and above the diagonal is read.
Eigensystem eigensystem_of(const MatrixView<const double>& symmetric, Vectors vectors);
/// Those, with vectors, of the symmetric matrix with `diagonal` [n] and `beside` [n - 1]. Numbers
/// are compared with absolute ones: they should be near 1.
Eigensystem eigensystem_of(std::span<const double> diagonal, std::span<const double> beside);

/// The triangle U [C, C], by columns, of U^T U = G (Cholesky); empty where G is not positive.
/// `gram` [C, C], of which only what is on and above the diagonal is read.
std::vector<double> cholesky_of(const MatrixView<const double>& gram);
/// tr G^-1, not below 1 over the smallest eigenvalue; infinite where G is not positive.
double inverse_trace(const MatrixView<const double>& gram);

}  // namespace libnorm::eigen
