#pragma once

#include <algorithm>
#include <cmath>
#include <vector>

#include "libnorm/metrics/activations/row_factor.hpp"

namespace libnorm {

/// The rows of a spectrum.
struct RowCount {
  /// Sum of the counts.
  double rows = 0;
  /// Rows whose count is above 0.
  Index given = 0;
  /// C
  Index channels = 0;
};

/// The singular values to report, from those computed for rows times `scale`: min(n, C) of them, n
/// the larger of `rows` (rounded up) and `given`. The rank is at most `given`, and one less if the
/// rows are centred: values beyond it are rounding errors and become 0.
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
