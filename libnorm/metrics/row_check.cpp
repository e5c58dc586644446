#include "libnorm/metrics/row_check.hpp"

#include <algorithm>
#include <cmath>

#include "libnorm/core/domain.hpp"

namespace libnorm {
namespace {

constexpr double kLargest = 1e290;

[[noreturn]] void refuse_count(const std::string& where, Index row, double count) {
  throw ValueError(where + ": row " + std::to_string(row) +
                   " has a count that is negative or not finite (" + number_text(count) +
                   "); need neither");
}

[[noreturn]] void refuse_number(const std::string& where, Index row, Index channel, double x) {
  throw ValueError(where + ": row " + std::to_string(row) +
                   " holds a number that is not finite or beyond 1e290 (" + number_text(x) +
                   " in channel " + std::to_string(channel) + "); need neither");
}

}  // namespace

double unit_scale(double largest) {
  if (!(largest > 0) || !std::isfinite(largest)) return 1;
  // Not beyond 1000, as 2^1074 is no double.
  return std::ldexp(1.0, std::min(1000, -std::ilogb(largest)));
}

double next_scale(double scale, double largest, bool is_first) {
  constexpr double kHigh = 0x1p300, kLow = 0x1p-300;
  const double size = largest * scale;
  const bool fits = size <= kHigh && (size >= kLow || !is_first);
  return !(largest > 0) || fits ? scale : unit_scale(largest);
}

template <class T>
RowCheck check_rows(std::string_view where, const MatrixView<const T>& x, const float* count,
                    Index first) {
  const std::string name(where);
  if (x.cols < 1) {
    throw ShapeError(name + ": no columns (" + shape_text(x.rows, x.cols) + "); need at least one");
  }
  RowCheck check;
  for (Index r = 0; r < x.rows; ++r) {
    const double weight = count == nullptr ? 1.0 : double(count[r]);
    if (!(weight >= 0) || !std::isfinite(weight)) refuse_count(name, first + r, weight);
    for (Index c = 0; c < x.cols; ++c) {
      const double size = std::abs(double(x(r, c)));
      if (!(size <= kLargest)) refuse_number(name, first + r, c, double(x(r, c)));
      if (weight > 0) check.largest = std::max(check.largest, size);
    }
    check.rows += weight;
  }
  check.scale = unit_scale(check.largest);
  return check;
}

template RowCheck check_rows<float>(std::string_view, const MatrixView<const float>&, const float*,
                                    Index);
template RowCheck check_rows<double>(std::string_view, const MatrixView<const double>&,
                                     const float*, Index);

}  // namespace libnorm
