#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "libnorm/metrics/landscape/linear_operator.hpp"
#include "libnorm/metrics/metric_value.hpp"

namespace libnorm {

/// Which eigenvalues: of diag(3, 2, 1, -5), `largest` is 3, `smallest` and `largest_magnitude` -5.
enum class End { largest, smallest, largest_magnitude };

/// `largest`, `smallest` or `largest_magnitude`.
std::string_view end_name(End end);

/// Whether eigenvectors come back too.
enum class Eigenvectors { dropped, kept };

/// Number of eigenvalues, tolerance and cost limits.
struct LanczosOptions {
  /// How many eigenvalues, counted with multiplicity; cut to the dimension.
  Index count = 1;
  /// A value has converged when ||A v - l v|| is at most this times ||A||, estimated by the largest
  /// ||A x|| and |l| seen.
  double tolerance = 1e-8;
  /// Lanczos vectors held before a restart; 0 for 80 + 2 count, cut to the dimension. Memory is
  /// (basis + 1) times dimension doubles. Dimensions up to this need no restart.
  Index basis = 0;
  /// Products with A before it gives up; the residuals take `count` more.
  Index products = 1000;
  /// Seed of the start vectors.
  std::uint64_t seed = 0;
  /// Whether to return eigenvectors: `count` times dimension doubles more.
  Eigenvectors vectors = Eigenvectors::dropped;
};

/// Eigenvalues from one end of the spectrum, with residuals.
struct Eigenvalues {
  /// The operator's name.
  std::string of;
  /// The end that was asked for.
  End end = End::largest;
  /// The operator's dimension.
  Index dimension = 0;
  /// l, from the end inwards: descending, ascending, or by descending magnitude.
  std::vector<double> values;
  /// ||A v - l v||, ||v|| = 1, from a separate product: an eigenvalue is within this distance of l.
  /// A residual cannot show that it is the outermost.
  std::vector<double> residuals;
  /// v of values[i] at row i, [count, dimension]; empty unless asked for.
  std::vector<double> vectors;
  /// The largest ||A x||, ||x|| = 1, and |l| seen: the scale of the residuals.
  double norm = 0;
  /// The tolerance of the options.
  double tolerance = 0;
  /// Products with A, all counted.
  Index products = 0;
  /// Number of restarts.
  Index restarts = 0;
  /// Whether every residual is at most tolerance times norm.
  bool converged = false;
};

/// Eigenvalues of a symmetric A from one end, by Lanczos with full reorthogonalization and thick
/// restarts: a full basis is cut to the wanted Ritz vectors and a third of the others.
///
/// Special cases:
/// - An invariant subspace (a remainder below 1e-13 of the norm): its Ritz values are exact. If
///   more are wanted, it continues with a new orthogonal start vector.
/// - Multiplicity: one start vector sees one copy of an eigenvalue. With count > 1, once all are
///   found, a new start vector orthogonal to them runs until its outermost Ritz value is certainly
///   further in (its remainder below a tenth of the gap); otherwise all is repeated. With count = 1
///   nothing is missed unless the start vector is orthogonal to v.
/// - The zero operator: 0, residual 0. Dimension 1: A itself.
/// - Dimensions up to `basis`: the whole space, if needed.
/// If `products` are not enough, it returns the best values so far, fewer than `count` if products
/// are fewer, with converged = false. An operator that is not exactly symmetric (differences) has
/// larger residuals.
///
/// Cost of a product: A's, and 8 b n operations, b <= basis. Order: dot_rows, add_combination. The
/// projected matrix, b x b, is solved by Eigen's SelfAdjointEigenSolver: values are compared to
/// digits, not to bits; they do not depend on the threads. Throws:
/// ValueError unless count, products >= 1, 0 < tolerance < 1, basis 0 or > count; and as A. Source:
/// Wu, Simon 2000 (thick restart); Parlett 1998, chapter 13.
Eigenvalues extreme_eigenvalues(const LinearOperator& a, End end,
                                const LanczosOptions& options = {});

/// Each value (`largest_eigenvalue`; with several `largest_eigenvalue_1`, ...) and its residual,
/// then products, restarts, and converged as 1 or 0.
std::vector<MetricValue> values_of(const Eigenvalues& found);

/// The tridiagonal matrix of Lanczos from one start vector: a quadrature of A's spectrum.
struct Tridiagonal {
  /// [steps]
  std::vector<double> diagonal;
  /// [steps - 1]
  std::vector<double> beside;
  /// Products with A: as many as steps.
  Index products = 0;
};

/// Up to `steps` steps of Lanczos with full reorthogonalization from `start`, which is not zero;
/// fewer where an invariant subspace is met, whose Ritz values are then exact. No Eigen: same bits
/// everywhere. Memory: steps times dimension doubles. Throws: ValueError if steps < 1.
Tridiagonal tridiagonalize(const LinearOperator& a, std::span<const double> start, Index steps);

}  // namespace libnorm
