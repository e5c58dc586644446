#pragma once

#include <vector>

#include "libnorm/core/tensor.hpp"

namespace libnorm {

/// Distances from each row to its nearest neighbours, for the distinct rows.
struct Neighbours {
  /// [rows, k], ascending along each row; in the unit of x.
  std::vector<double> distances;
  /// Distinct rows, in lexicographic order.
  Index rows = 0;
  /// Neighbours of each row: the number asked for, at most rows - 1.
  Index k = 0;
};

/// The k nearest other rows of each row, exactly: matrix products, with a bound of their rounding
/// error, select the candidates, whose distances are then computed from differences. Equal rows
/// count once, so weights would not matter. k is cut to rows - 1.
///
/// x [R, C]. Throws: as check_rows, ValueError if k < 1.
/// Cost: R^2 C multiply-adds by gemm<double> in blocks of 64 rows, R^2 comparisons; memory 65 R
/// doubles and a copy of x. 10,000 rows of 128 channels: seconds. A large mean and numbers of very
/// different sizes cost no digits: a distance is the root of a sum of squared differences, rescaled
/// where squares would overflow or vanish.
template <class T>
Neighbours nearest_neighbours(const MatrixView<const T>& x, Index k);

/// The TwoNN dimension: the d of P(r2 / r1 <= m) = 1 - m^-d, r1 and r2 the distances to the two
/// nearest rows, by a line through 0 of -log(1 - F) over log m, F = i / R, without the largest
/// tenth. Fewer than three different rows: 0. All ratios 1 (a lattice): infinite. Order: ascending
/// ratios. Needs k >= 2. Source: Facco et al. 2017.
///
/// Both estimates: distances that are not finite, or below 0, give NaN. Rows with a neighbour at
/// distance 0 are left out. Throws: ShapeError unless there are rows times k distances.
double two_nn_dimension(const Neighbours& neighbours);

/// How the estimates at the rows are averaged.
enum class Averaging {
  /// The mean of the estimates: Levina, Bickel 2004.
  estimates,
  /// One over the mean of their inverses: MacKay, Ghahramani 2005; less biased for few neighbours.
  inverses,
};

/// The maximum likelihood dimension: at each row 1 / d = sum over j < k of log(r_k / r_j) / (k -
/// 1). k < 2: 0. All distances equal: infinite. NaN and Throws: as two_nn_dimension.
double likelihood_dimension(const Neighbours& neighbours, Averaging averaging);

}  // namespace libnorm
