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

/// How many eigenvalues, how well, and at what cost.
struct LanczosOptions {
  /// How many eigenvalues, counted with multiplicity; cut to the dimension.
  Index count = 1;
  /// A value counts as found when ||A v - l v|| is at most this times ||A||, of which the largest
  /// ||A x|| and |l| met stand in.
  double tolerance = 1e-8;
  /// Lanczos vectors held before a restart; 0 for 80 + 2 count, cut to the dimension. Memory is
  /// (basis + 1) times dimension doubles. A space no larger than this is done without restarts.
  Index basis = 0;
  /// Products with A before it gives up. Those that take residuals come on top, `count` of them.
  Index products = 1000;
  /// Of the start vectors.
  std::uint64_t seed = 0;
  /// Kept, they are `count` times dimension doubles more.
  Eigenvectors vectors = Eigenvectors::dropped;
};

/// Eigenvalues from one end, with their certificate.
struct Eigenvalues {
  /// The operator's name.
  std::string of;
  /// Which values were asked for.
  End end = End::largest;
  /// The operator's.
  Index dimension = 0;
  /// l, from the end inwards: descending, ascending, or by descending magnitude.
  std::vector<double> values;
  /// ||A v - l v||, ||v|| = 1, from a product of its own: an eigenvalue lies that near to l. That
  /// it is the outermost, no residual can say.
  std::vector<double> residuals;
  /// v of values[i] at row i, [count, dimension]; empty unless asked for.
  std::vector<double> vectors;
  /// The largest of ||A x||, ||x|| = 1, and |l| met: the residuals' measure.
  double norm = 0;
  /// As asked for.
  double tolerance = 0;
  /// Products with A, all counted.
  Index products = 0;
  /// How often the basis was cut.
  Index restarts = 0;
  /// Whether every residual is at most tolerance times norm.
  bool converged = false;
};

/// Eigenvalues of a symmetric A from one end, by Lanczos with full reorthogonalization and thick
/// restarts: a basis that is full is cut to the wanted Ritz vectors and a third of the others.
///
/// What happens where Krylov spaces end:
/// - An invariant subspace (a remainder below 1e-13 of the norm): its Ritz values are exact. If
///   more are wanted, it goes on with a new start vector at right angles.
/// - Multiplicity: one start vector sees one copy of an eigenvalue. With count > 1, once all are
///   found, a new start vector at right angles to them runs until its outermost Ritz value has
///   settled behind (its remainder below a tenth of the gap); if it does not stay behind, all is
///   repeated. With count = 1 nothing is missed, but for a start vector at right angles to v.
/// - The zero operator: 0, residual 0. Dimension 1: A itself.
/// - Dimensions up to `basis`: all of the space, if need be.
/// Without `products` enough it returns the best there is, fewer values than `count` if products
/// are fewer, with converged = false. An operator that is not quite symmetric (differences) has
/// residuals that say so.
///
/// Cost of a product: A's, and 8 b n operations, b <= basis. Order: dot_rows, add_combination. The
/// projected matrix, b x b, goes through Eigen's SelfAdjointEigenSolver, whose rounding is not
/// ours: values are compared to digits, not to bits; they do not depend on the threads. Throws:
/// ValueError unless count, products >= 1, 0 < tolerance < 1, basis 0 or > count; and as A. Source:
/// Wu, Simon 2000 (thick restart); Parlett 1998, chapter 13.
Eigenvalues extreme_eigenvalues(const LinearOperator& a, End end,
                                const LanczosOptions& options = {});

/// Each value (`largest_eigenvalue`; with several `largest_eigenvalue_1`, ...) and its residual,
/// then products, restarts, and converged as 1 or 0.
std::vector<MetricValue> values_of(const Eigenvalues& found);

/// What Lanczos makes of one start vector: a quadrature of A's spectrum.
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
