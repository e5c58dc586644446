#pragma once

#include <span>
#include <string>
#include <vector>

#include "libnorm/core/rng.hpp"
#include "libnorm/metrics/landscape/objective.hpp"
#include "libnorm/metrics/landscape/slice.hpp"
#include "libnorm/models/parameters.hpp"

namespace libnorm {

/// How a random direction is scaled.
enum class DirectionScale {
  /// N(0, 1) as drawn.
  raw,
  /// The whole direction has length 1.
  unit,
  /// Each matrix has the length of its weights, ||W||_F.
  layer,
  /// Each row of a matrix has the length of its weights: Li et al. 2018.
  filter,
};

/// The part of a direction for vectors (gains and biases: one row or one column).
enum class VectorPolicy {
  /// N(0, 1), not scaled.
  as_drawn,
  /// 0: Li et al. 2018.
  zero,
  /// Each vector's part has the length of its weights; a vector of zeros stays.
  normalized,
};

/// A direction d, drawn N(0, 1) with number i from index i of `random`; then vectors by `vectors`,
/// matrices by `scale`; with `unit`, the whole is scaled to length 1 at the end. A filter or layer
/// of zero weights gets 0.
///
/// w [n] in the order of `parameters`. `unit` with `as_drawn` is unit_direction and `filter` with
/// `zero` filter_normalized_direction, to the bit. Lengths are of core/vector_sums.hpp.
/// Throws: ShapeError unless w fits, ValueError for `unit` where nothing is left.
std::vector<double> draw_direction(const Random& random, const ParameterList& parameters,
                                   std::span<const double> w, DirectionScale scale,
                                   VectorPolicy vectors);

/// Makes `second` orthogonal to `first` and restores its length, so that a surface's axes are at
/// right angles. The lengths of single filters then differ a little from their normalized ones. A
/// `first` of zeros changes nothing.
/// Throws: ShapeError unless sizes are the same, ValueError for a length that is not finite, or
/// where nothing would be left.
void make_orthogonal(std::span<double> second, std::span<const double> first);

/// f(w + alpha_i d) at each alpha; values may be infinite or NaN.
/// Order: w + alpha d by one fma. Throws: ShapeError where sizes do not fit.
LossSlice loss_line(const ObjectiveView& f, std::span<const double> w,
                    std::span<const double> direction, std::span<const double> alpha);

/// A loss over a plane through weight space.
struct LossSurface {
  /// Places along the first direction, d.
  std::vector<double> alpha;
  /// Places along the second, e.
  std::vector<double> beta;
  /// f(w + alpha_i d + beta_j e) at i * beta.size() + j, in the unit of f.
  std::vector<double> loss;
};

/// Order: (w + alpha d) + beta e by two fma. Throws: ShapeError where sizes do not fit.
LossSurface loss_surface(const ObjectiveView& f, std::span<const double> w,
                         std::span<const double> first, std::span<const double> second,
                         std::span<const double> alpha, std::span<const double> beta);

/// {"alpha": [...], "loss": [...]}
std::string json_of(const LossSlice& slice);

/// {"alpha": [...], "beta": [...], "loss": [[...], ...]}, a row an alpha.
std::string json_of(const LossSurface& surface);

}  // namespace libnorm
