#pragma once

#include <string_view>

#include "libnorm/core/tensor.hpp"

namespace libnorm {

/// The power of two that scales `largest` to [1, 2), or near it from below 1e-300; 1 if `largest`
/// is 0 or not finite. Multiplying by it is exact.
double unit_scale(double largest);

/// The scale, a power of two, for further numbers as large as `largest`: the current one, unless
/// squares would leave the middle of a double's range. Small numbers change it only if they are the
/// first.
double next_scale(double scale, double largest, bool is_first);

/// Properties of the rows that a metric needs before it starts.
struct RowCheck {
  /// Sum of the counts.
  double rows = 0;
  /// Largest magnitude in rows whose count is above 0.
  double largest = 0;
  /// unit_scale of `largest`: squares of scaled numbers do not overflow.
  double scale = 1;
};

/// x [R, C], count [R] or null for one each. `first` is the first row's number in messages.
/// Throws: ShapeError for no columns, ValueError for a number that is not finite or beyond 1e290,
/// or a count that is negative or not finite; each names `where` and the row.
template <class T>
RowCheck check_rows(std::string_view where, const MatrixView<const T>& x, const float* count,
                    Index first = 0);

}  // namespace libnorm
