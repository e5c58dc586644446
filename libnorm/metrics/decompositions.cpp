#include "libnorm/metrics/decompositions.hpp"

#include <algorithm>
#include <cfenv>
#include <limits>

// Templates of one name are merged when a program is linked, whatever instruction set they were
// compiled for. A program has Eigen's of its own; those here are others, by name.
#define Eigen libnorm::eigen::solver
// Stacks of 128 KiB have to do.
#define EIGEN_STACK_ALLOCATION_LIMIT 8192
#include <Eigen/Cholesky>
#include <Eigen/Eigenvalues>
#include <Eigen/QR>
#include <Eigen/SVD>
#undef Eigen

namespace libnorm::eigen {
namespace {

using solver::MatrixXd;
using Map = solver::Map<MatrixXd>;
using ConstMap = solver::Map<const MatrixXd>;

/// Eigen may divide by 0 on its way to what is right: a program that has made signals of
/// floating-point exceptions gets none meanwhile.
class NoSignals {
 public:
  NoSignals() { std::feholdexcept(&before_); }
  ~NoSignals() { std::fesetenv(&before_); }
  NoSignals(const NoSignals&) = delete;
  NoSignals& operator=(const NoSignals&) = delete;

 private:
  std::fenv_t before_;
};

/// Rows of a view are columns to Eigen.
solver::Map<const MatrixXd, solver::Unaligned, solver::OuterStride<>> by_columns(
    const MatrixView<const double>& m) {
  return {m.data, m.cols, m.rows, solver::OuterStride<>(m.stride)};
}

Eigensystem taken_from(const solver::SelfAdjointEigenSolver<MatrixXd>& solved, Vectors vectors) {
  Eigensystem found;
  if (solved.info() != solver::Success) return found;
  const auto& values = solved.eigenvalues();
  found.values.assign(values.data(), values.data() + values.size());
  if (vectors == Vectors::kept) {
    const MatrixXd& kept = solved.eigenvectors();
    found.vectors.assign(kept.data(), kept.data() + kept.size());
  }
  return found;
}

}  // namespace

void Columns::put_rows(Index first, const MatrixView<const double>& rows) {
  for (Index r = 0; r < rows.rows; ++r) {
    for (Index c = 0; c < cols_; ++c) (*this)(first + r, c) = rows(r, c);
  }
}

void Columns::put_triangle(Index first, const std::vector<double>& triangle) {
  for (Index c = 0; c < cols_ && !triangle.empty(); ++c) {
    std::copy_n(triangle.data() + c * cols_, cols_, memory_.data() + c * rows_ + first);
  }
}

std::vector<double> Columns::triangle() {
  const NoSignals none;
  Map m(memory_.data(), rows_, cols_);
  const solver::HouseholderQR<solver::Ref<MatrixXd>> qr(m);
  std::vector<double> triangle(std::size_t(cols_ * cols_));
  Map(triangle.data(), cols_, cols_) = m.topRows(cols_).triangularView<solver::Upper>();
  return triangle;
}

Index Columns::largest_rank() const {
  std::vector<char> rows(std::size_t(rows_), 0);
  Index columns = 0;
  for (Index c = 0; c < cols_; ++c) {
    const double* column = memory_.data() + c * rows_;
    bool filled = false;
    for (Index r = 0; r < rows_; ++r) {
      if (column[r] == 0) continue;
      filled = true;
      rows[std::size_t(r)] = 1;
    }
    columns += filled;
  }
  return std::min(columns, Index(std::count(rows.begin(), rows.end(), 1)));
}

std::vector<double> Columns::singular_values() {
  const NoSignals none;
  const bool tall = rows_ > cols_;
  const Index rank = largest_rank();
  const std::vector<double> square = tall ? triangle() : memory_;
  const solver::BDCSVD<MatrixXd> svd(ConstMap(square.data(), tall ? cols_ : rows_, cols_));
  const auto& found = svd.singularValues();
  std::vector<double> s(found.data(), found.data() + found.size());
  std::fill(s.begin() + rank, s.end(), 0.0);
  return s;
}

RightVectors right_vectors_of(const MatrixView<const double>& rows) {
  const NoSignals none;
  const solver::BDCSVD<MatrixXd> svd(by_columns(rows).transpose(),
                                     solver::ComputeThinU | solver::ComputeThinV);
  const auto& s = svd.singularValues();
  const MatrixXd& v = svd.matrixV();
  return {{s.data(), s.data() + s.size()}, {v.data(), v.data() + v.size()}};
}

Eigensystem eigensystem_of(const MatrixView<const double>& symmetric, Vectors vectors) {
  const NoSignals none;
  const int options =
      vectors == Vectors::kept ? solver::ComputeEigenvectors : solver::EigenvaluesOnly;
  return taken_from(solver::SelfAdjointEigenSolver<MatrixXd>(by_columns(symmetric), options),
                    vectors);
}

Eigensystem eigensystem_of(std::span<const double> diagonal, std::span<const double> beside) {
  const NoSignals none;
  using Vector = solver::Map<const solver::VectorXd>;
  solver::SelfAdjointEigenSolver<MatrixXd> solved;
  solved.computeFromTridiagonal(Vector(diagonal.data(), Index(diagonal.size())),
                                Vector(beside.data(), Index(beside.size())));
  return taken_from(solved, Vectors::kept);
}

std::vector<double> cholesky_of(const MatrixView<const double>& gram) {
  const NoSignals none;
  const solver::LLT<MatrixXd> cholesky(by_columns(gram));
  if (cholesky.info() != solver::Success) return {};
  std::vector<double> triangle(std::size_t(gram.size()));
  Map(triangle.data(), gram.rows, gram.rows) = cholesky.matrixU();
  return triangle;
}

double inverse_trace(const MatrixView<const double>& gram) {
  const NoSignals none;
  const solver::LLT<MatrixXd> cholesky(by_columns(gram));
  if (cholesky.info() != solver::Success) return std::numeric_limits<double>::infinity();
  MatrixXd inverse = MatrixXd::Identity(gram.rows, gram.rows);
  cholesky.matrixL().solveInPlace(inverse);
  return inverse.squaredNorm();
}

}  // namespace libnorm::eigen
