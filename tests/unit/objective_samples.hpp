#pragma once

#include <cmath>
#include <span>
#include <vector>

#include <Eigen/Dense>

#include "libnorm/core/rng.hpp"

/// Objectives whose Hessians are known in closed form, by Eigen and libm: none of it is the
/// library's.
namespace samples {

using Eigen::MatrixXd;
using Eigen::VectorXd;
using libnorm::Index;
using In = std::span<const double>;
using Out = std::span<double>;

inline Eigen::Map<const VectorXd> seen(In x) { return {x.data(), Index(x.size())}; }
inline Eigen::Map<VectorXd> seen(Out x) { return {x.data(), Index(x.size())}; }
inline In span_of(const VectorXd& x) { return {x.data(), std::size_t(x.size())}; }

inline MatrixXd normals(Index rows, Index cols, std::uint32_t stream) {
  const libnorm::Random random(11, libnorm::Purpose::test, stream);
  MatrixXd m(rows, cols);
  for (Index i = 0; i < m.size(); ++i) m.data()[i] = random.normal(std::uint64_t(i));
  return m;
}

inline MatrixXd symmetric(Index n, std::uint32_t stream) {
  const MatrixXd m = normals(n, n, stream);
  return (m + m.transpose()) / 2;
}

/// Q diag(values) Q^T with a random Q.
inline MatrixXd with_eigenvalues(const VectorXd& values, std::uint32_t stream) {
  const Index n = values.size();
  const MatrixXd q = Eigen::HouseholderQR<MatrixXd>(normals(n, n, stream)).householderQ();
  const MatrixXd m = q * values.asDiagonal() * q.transpose();
  return (m + m.transpose()) / 2;
}

/// ||X w - y||^2 / N; Hessian 2 X^T X / N.
struct LeastSquares {
  MatrixXd x;
  VectorXd y;
  MatrixXd dense() const { return 2 * x.transpose() * x / double(x.rows()); }
  Index dimension() const { return x.cols(); }
  double loss(In w) const { return (x * seen(w) - y).squaredNorm() / double(x.rows()); }
  void gradient(In w, Out g) const {
    seen(g) = 2 * x.transpose() * (x * seen(w) - y) / double(x.rows());
  }
  void hessian_vector_product(In, In v, Out hv) const {
    seen(hv) = 2 * x.transpose() * (x * seen(v)) / double(x.rows());
  }
};

/// Mean of log(1 + exp z) - y z, z = X w, y in {0, 1}; Hessian X^T diag(p (1 - p)) X / N. It has no
/// product of its own.
struct Logistic {
  MatrixXd x;
  VectorXd y;
  VectorXd p(In w) const { return (1 + (-(x * seen(w)).array()).exp()).inverse(); }
  MatrixXd dense(In w) const {
    const VectorXd q = p(w);
    const VectorXd weight = q.array() * (1 - q.array());
    return x.transpose() * weight.asDiagonal() * x / double(x.rows());
  }
  Index dimension() const { return x.cols(); }
  double loss(In w) const {
    const VectorXd z = x * seen(w);
    return ((1 + z.array().exp()).log() - y.array() * z.array()).mean();
  }
  void gradient(In w, Out g) const { seen(g) = x.transpose() * (p(w) - y) / double(x.rows()); }
};

/// Softmax cross-entropy of logits W x, W [K, D] row after row; Hessian the mean of
/// (diag p - p p^T) (x) x x^T.
struct Softmax {
  MatrixXd x;
  std::vector<int> label;
  Index classes;
  Index dimension() const { return classes * x.cols(); }
  using Rows = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  Eigen::Map<const Rows> matrix(In w) const { return {w.data(), classes, x.cols()}; }
  VectorXd p(In w, Index row) const {
    const VectorXd z = matrix(w) * x.row(row).transpose();
    const VectorXd e = (z.array() - z.maxCoeff()).exp();
    return e / e.sum();
  }
  double loss(In w) const {
    double total = 0;
    for (Index r = 0; r < x.rows(); ++r) total -= std::log(p(w, r)[label[std::size_t(r)]]);
    return total / double(x.rows());
  }
  void gradient(In w, Out g) const {
    Rows sum = Rows::Zero(classes, x.cols());
    for (Index r = 0; r < x.rows(); ++r) {
      VectorXd d = p(w, r);
      d[label[std::size_t(r)]] -= 1;
      sum += d * x.row(r) / double(x.rows());
    }
    seen(g) = seen(In(sum.data(), std::size_t(sum.size())));
  }
  void gauss_newton_product(In w, In v, Out gv) const {
    Rows sum = Rows::Zero(classes, x.cols());
    for (Index r = 0; r < x.rows(); ++r) {
      const VectorXd q = p(w, r);
      const VectorXd jv = matrix(v) * x.row(r).transpose();
      const VectorXd b = q.array() * jv.array() - q.array() * q.dot(jv);
      sum += b * x.row(r) / double(x.rows());
    }
    seen(gv) = seen(In(sum.data(), std::size_t(sum.size())));
  }
  MatrixXd dense(In w) const {
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
};

/// w^T A w / w^T w: scale-invariant, <g, w> = 0, H w = -g. On the unit sphere at an eigenvector q_j
/// its Hessian has eigenvalues 2 (a_i - a_j), i != j.
struct Rayleigh {
  MatrixXd a;
  Index dimension() const { return a.rows(); }
  double loss(In w) const { return seen(w).dot(a * seen(w)) / seen(w).squaredNorm(); }
  void gradient(In w, Out g) const {
    seen(g) = 2 * (a * seen(w) - loss(w) * seen(w)) / seen(w).squaredNorm();
  }
  void hessian_vector_product(In w, In v, Out hv) const {
    VectorXd g(dimension());
    gradient(w, {g.data(), w.size()});
    seen(hv) =
        2 *
        (a * seen(v) - loss(w) * seen(v) - seen(w) * g.dot(seen(v)) - g * seen(w).dot(seen(v))) /
        seen(w).squaredNorm();
  }
};

/// b^T w + w^T A w / 2.
struct Quadratic {
  MatrixXd a;
  VectorXd b;
  Index dimension() const { return a.rows(); }
  double loss(In w) const { return b.dot(seen(w)) + seen(w).dot(a * seen(w)) / 2; }
  void gradient(In w, Out g) const { seen(g) = b + a * seen(w); }
  void hessian_vector_product(In, In v, Out hv) const { seen(hv) = a * seen(v); }
};

}  // namespace samples
