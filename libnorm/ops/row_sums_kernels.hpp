#pragma once

// Included by the translation units that are compiled for one instruction set or device.

#include "libnorm/core/instantiate.hpp"
#include "libnorm/ops/row_sums_body.hpp"

namespace libnorm {

/// Instantiates what launch_row_sums may launch of them.
template <class IsaTag, class T, class Sums>
auto instantiate_row_sums() {
  if constexpr (std::is_same_v<T, float>) {
    return instantiate<IsaTag, RowSumsBody<T, Sums>, ShardSumsBody<T, Sums>>();
  } else {
    return instantiate<IsaTag, RowSumsBody<T, Sums>>();
  }
}

}  // namespace libnorm
