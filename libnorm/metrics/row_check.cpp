#include "libnorm/metrics/row_check.hpp"

#include <algorithm>
#include <cmath>

namespace libnorm {

template <class T>
RowCheck check_rows(std::string_view where, const MatrixView<const T>& x, const float* count) {
  constexpr double kLargest = 1e290;
  const std::string name(where);
  if (x.cols < 1) {
    throw ShapeError(name + ": no columns (" + shape_text(x.rows, x.cols) + "); need at least one");
  }
  RowCheck check;
  for (Index r = 0; r < x.rows; ++r) {
    const double weight = count == nullptr ? 1.0 : double(count[r]);
    bool sound = weight >= 0 && std::isfinite(weight);
    for (Index c = 0; c < x.cols; ++c) {
      const double size = std::abs(double(x(r, c)));
      sound = sound && size <= kLargest;
      check.largest = std::max(check.largest, size);
    }
    if (!sound) {
      throw ValueError(name + ": row " + std::to_string(r) +
                       " holds a number that is not finite or beyond 1e290, or a count that is not "
                       "finite or below 0; need neither");
    }
    check.rows += weight;
  }
  // Not beyond 1000, as 2^1074 is no double.
  if (check.largest > 0) {
    check.scale = std::ldexp(1.0, std::min(1000, -std::ilogb(check.largest)));
  }
  return check;
}

template RowCheck check_rows<float>(std::string_view, const MatrixView<const float>&, const float*);
template RowCheck check_rows<double>(std::string_view, const MatrixView<const double>&,
                                     const float*);

}  // namespace libnorm
