#pragma once

#include <algorithm>
#include <cmath>
#include <vector>

#include "libnorm/metrics/activations/row_factor.hpp"

namespace libnorm {

/// Rows that some singular values are of.
struct RowCount {
  /// Counts added up.
  double rows = 0;
  /// Rows that count for something.
  Index given = 0;
  /// C
  Index channels = 0;
};

/// Singular values as they are told, of those found for rows times `scale`: min(n, C) of them, n
/// the larger of `rows` (rounded up) and `given`. The rank of so many rows is at most `given`, and
/// one less once their mean is off: what a decomposition finds beyond is rounding, and becomes 0.
inline std::vector<double> told_values(std::vector<double> s, double scale, const RowCount& count,
                                       Centring centring) {
  const double fewest = std::max(std::ceil(count.rows), double(count.given));
  const Index kept = fewest < double(count.channels) ? Index(fewest) : count.channels;
  s.resize(std::size_t(kept), 0.0);
  const Index rank = std::min(kept, count.given - (centring == Centring::mean ? 1 : 0));
  std::fill(s.begin() + rank, s.end(), 0.0);
  for (double& x : s) x /= scale;
  return s;
}

}  // namespace libnorm
