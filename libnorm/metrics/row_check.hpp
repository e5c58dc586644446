#pragma once

#include <string_view>

#include "libnorm/core/tensor.hpp"

namespace libnorm {

/// What a metric has to know of its rows before it starts.
struct RowCheck {
  /// Counts added up.
  double rows = 0;
  /// Largest magnitude.
  double largest = 0;
  /// A power of two that brings `largest` to [1, 2), or near it from below 1e-300; 1 for zeros.
  /// Multiplying by it costs no digits, and afterwards no square overflows.
  double scale = 1;
};

/// x [R, C], count [R] or null for one each.
/// Throws: ShapeError for no columns, ValueError for a number that is not finite or beyond 1e290,
/// or a count below 0; each names `where`.
template <class T>
RowCheck check_rows(std::string_view where, const MatrixView<const T>& x, const float* count);

}  // namespace libnorm
