#pragma once

#include <span>
#include <vector>

#include <Eigen/Core>

#include "libnorm/core/rng.hpp"
#include "libnorm/metrics/landscape/linear_operator.hpp"

/// Objectives whose Hessians are known in closed form, by Eigen and libm: none of it is the
/// library's. Compiled once: Eigen's products take long.
namespace samples {

using Eigen::MatrixXd;
using Eigen::VectorXd;
using libnorm::Index;
using In = std::span<const double>;
using Out = std::span<double>;

inline Eigen::Map<const VectorXd> seen(In x) { return {x.data(), Index(x.size())}; }
inline Eigen::Map<VectorXd> seen(Out x) { return {x.data(), Index(x.size())}; }
inline In span_of(const VectorXd& x) { return {x.data(), std::size_t(x.size())}; }

/// A matrix as an operator on vectors.
inline libnorm::LinearOperator operator_of(const MatrixXd& a) {
  return libnorm::matrix_operator({a.data(), a.rows(), a.cols()});
}

MatrixXd normals(Index rows, Index cols, std::uint32_t stream);
MatrixXd symmetric(Index n, std::uint32_t stream);
/// Q diag(values) Q^T with a random Q.
MatrixXd with_eigenvalues(const VectorXd& values, std::uint32_t stream);
/// Eigenvalues of a symmetric matrix, ascending.
VectorXd eigenvalues(const MatrixXd& a);
/// The columns belong to them, in their order.
MatrixXd eigenvectors(const MatrixXd& a);
/// x of a x = b, a symmetric.
VectorXd solve(const MatrixXd& a, const VectorXd& b);

/// ||X w - y||^2 / N; Hessian 2 X^T X / N.
struct LeastSquares {
  MatrixXd x;
  VectorXd y;
  MatrixXd dense() const;
  Index dimension() const { return x.cols(); }
  double loss(In w) const;
  void gradient(In w, Out g) const;
  void hessian_vector_product(In w, In v, Out hv) const;
};

/// Mean of log(1 + exp z) - y z, z = X w, y in {0, 1}; Hessian X^T diag(p (1 - p)) X / N. It has no
/// product of its own.
struct Logistic {
  MatrixXd x;
  VectorXd y;
  VectorXd p(In w) const;
  MatrixXd dense(In w) const;
  Index dimension() const { return x.cols(); }
  double loss(In w) const;
  void gradient(In w, Out g) const;
};

/// Softmax cross-entropy of logits W x, W [K, D] row after row; Hessian the mean of
/// (diag p - p p^T) (x) x x^T.
struct Softmax {
  MatrixXd x;
  std::vector<int> label;
  Index classes;
  Index dimension() const { return classes * x.cols(); }
  VectorXd p(In w, Index row) const;
  double loss(In w) const;
  void gradient(In w, Out g) const;
  void gauss_newton_product(In w, In v, Out gv) const;
  MatrixXd dense(In w) const;
};

/// w^T A w / w^T w: scale-invariant, <g, w> = 0, H w = -g. On the unit sphere at an eigenvector q_j
/// its Hessian has eigenvalues 2 (a_i - a_j), i != j.
struct Rayleigh {
  MatrixXd a;
  Index dimension() const { return a.rows(); }
  double loss(In w) const;
  void gradient(In w, Out g) const;
  void hessian_vector_product(In w, In v, Out hv) const;
};

/// b^T w + w^T A w / 2.
struct Quadratic {
  MatrixXd a;
  VectorXd b;
  Index dimension() const { return a.rows(); }
  double loss(In w) const;
  void gradient(In w, Out g) const;
  void hessian_vector_product(In w, In v, Out hv) const;
};

}  // namespace samples
