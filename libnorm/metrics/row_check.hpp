#pragma once

#include <string_view>

#include "libnorm/core/tensor.hpp"

namespace libnorm {

/// A power of two that brings `largest` to [1, 2), or near it from below 1e-300; 1 for what is 0 or
/// not finite. Multiplying by it costs no digits.
double unit_scale(double largest);

/// The scale to go on with, a power of two, when numbers as large as `largest` come: the one there
/// is, unless squares would leave the middle of a double's range in it; small numbers change it
/// only while there were none before.
double next_scale(double scale, double largest, bool is_first);

/// What a metric has to know of its rows before it starts.
struct RowCheck {
  /// Counts added up.
  double rows = 0;
  /// Largest magnitude in rows that count.
  double largest = 0;
  /// unit_scale of `largest`: afterwards no square overflows.
  double scale = 1;
};

/// x [R, C], count [R] or null for one each. `first` is what the first row is called.
/// Throws: ShapeError for no columns, ValueError for a number that is not finite or beyond 1e290,
/// or a count that is negative or not finite; each names `where` and the row.
template <class T>
RowCheck check_rows(std::string_view where, const MatrixView<const T>& x, const float* count,
                    Index first = 0);

}  // namespace libnorm
