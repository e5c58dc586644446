#include "tests/unit/metrics/landscape/objective_samples.hpp"

#include <cmath>

#include <Eigen/Dense>

namespace samples {
namespace {

using Rows = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

Eigen::Map<const Rows> matrix(const Softmax& f, In w) { return {w.data(), f.classes, f.x.cols()}; }

}  // namespace

MatrixXd normals(Index rows, Index cols, std::uint32_t stream) {
  const libnorm::Random random(11, libnorm::Purpose::test, stream);
  MatrixXd m(rows, cols);
  for (Index i = 0; i < m.size(); ++i) m.data()[i] = random.normal(std::uint64_t(i));
  return m;
}

MatrixXd symmetric(Index n, std::uint32_t stream) {
  const MatrixXd m = normals(n, n, stream);
  return (m + m.transpose()) / 2;
}

MatrixXd with_eigenvalues(const VectorXd& values, std::uint32_t stream) {
  const Index n = values.size();
  const MatrixXd q = Eigen::HouseholderQR<MatrixXd>(normals(n, n, stream)).householderQ();
  const MatrixXd m = q * values.asDiagonal() * q.transpose();
  return (m + m.transpose()) / 2;
}

VectorXd eigenvalues(const MatrixXd& a) {
  return Eigen::SelfAdjointEigenSolver<MatrixXd>(a, Eigen::EigenvaluesOnly).eigenvalues();
}

MatrixXd eigenvectors(const MatrixXd& a) {
  return Eigen::SelfAdjointEigenSolver<MatrixXd>(a).eigenvectors();
}

VectorXd solve(const MatrixXd& a, const VectorXd& b) { return a.ldlt().solve(b); }

MatrixXd LeastSquares::dense() const { return 2 * x.transpose() * x / double(x.rows()); }

double LeastSquares::loss(In w) const { return (x * seen(w) - y).squaredNorm() / double(x.rows()); }

void LeastSquares::gradient(In w, Out g) const {
  seen(g) = 2 * x.transpose() * (x * seen(w) - y) / double(x.rows());
}

void LeastSquares::hessian_vector_product(In, In v, Out hv) const {
  seen(hv) = 2 * x.transpose() * (x * seen(v)) / double(x.rows());
}

VectorXd Logistic::p(In w) const { return (1 + (-(x * seen(w)).array()).exp()).inverse(); }

MatrixXd Logistic::dense(In w) const {
  const VectorXd q = p(w);
  const VectorXd weight = q.array() * (1 - q.array());
  return x.transpose() * weight.asDiagonal() * x / double(x.rows());
}

double Logistic::loss(In w) const {
  const VectorXd z = x * seen(w);
  return ((1 + z.array().exp()).log() - y.array() * z.array()).mean();
}

void Logistic::gradient(In w, Out g) const {
  seen(g) = x.transpose() * (p(w) - y) / double(x.rows());
}

VectorXd Softmax::p(In w, Index row) const {
  const VectorXd z = matrix(*this, w) * x.row(row).transpose();
  const VectorXd e = (z.array() - z.maxCoeff()).exp();
  return e / e.sum();
}

double Softmax::loss(In w) const {
  double total = 0;
  for (Index r = 0; r < x.rows(); ++r) total -= std::log(p(w, r)[label[std::size_t(r)]]);
  return total / double(x.rows());
}

void Softmax::gradient(In w, Out g) const {
  Rows sum = Rows::Zero(classes, x.cols());
  for (Index r = 0; r < x.rows(); ++r) {
    VectorXd d = p(w, r);
    d[label[std::size_t(r)]] -= 1;
    sum += d * x.row(r) / double(x.rows());
  }
  seen(g) = seen(In(sum.data(), std::size_t(sum.size())));
}

void Softmax::gauss_newton_product(In w, In v, Out gv) const {
  Rows sum = Rows::Zero(classes, x.cols());
  for (Index r = 0; r < x.rows(); ++r) {
    const VectorXd q = p(w, r);
    const VectorXd jv = matrix(*this, v) * x.row(r).transpose();
    const VectorXd b = q.array() * jv.array() - q.array() * q.dot(jv);
    sum += b * x.row(r) / double(x.rows());
  }
  seen(gv) = seen(In(sum.data(), std::size_t(sum.size())));
}

MatrixXd Softmax::dense(In w) const {
  MatrixXd h = MatrixXd::Zero(dimension(), dimension());
  for (Index r = 0; r < x.rows(); ++r) {
    const VectorXd q = p(w, r);
    const MatrixXd b = MatrixXd(q.asDiagonal()) - q * q.transpose();
    for (Index i = 0; i < classes; ++i) {
      for (Index j = 0; j < classes; ++j) {
        h.block(i * x.cols(), j * x.cols(), x.cols(), x.cols()) +=
            b(i, j) * x.row(r).transpose() * x.row(r) / double(x.rows());
      }
    }
  }
  return h;
}

double Rayleigh::loss(In w) const { return seen(w).dot(a * seen(w)) / seen(w).squaredNorm(); }

void Rayleigh::gradient(In w, Out g) const {
  seen(g) = 2 * (a * seen(w) - loss(w) * seen(w)) / seen(w).squaredNorm();
}

void Rayleigh::hessian_vector_product(In w, In v, Out hv) const {
  VectorXd g(dimension());
  gradient(w, {g.data(), w.size()});
  seen(hv) =
      2 * (a * seen(v) - loss(w) * seen(v) - seen(w) * g.dot(seen(v)) - g * seen(w).dot(seen(v))) /
      seen(w).squaredNorm();
}

double Quadratic::loss(In w) const { return seen(w).dot(b) + seen(w).dot(a * seen(w)) / 2; }

void Quadratic::gradient(In w, Out g) const { seen(g) = b + a * seen(w); }

void Quadratic::hessian_vector_product(In, In v, Out hv) const { seen(hv) = a * seen(v); }

}  // namespace samples
