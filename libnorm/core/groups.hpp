#pragma once

#include "libnorm/core/error.hpp"
#include "libnorm/core/host_device.hpp"

namespace libnorm {

/// Rows sorted into groups: group g holds members[first[g]] .. members[first[g + 1] - 1],
/// ascending. With null pointers each row is a group of its own.
struct Groups {
  /// G, the number of groups.
  Index count = 0;
  /// [G + 1], or null.
  const Index* first = nullptr;
  /// [first[G]] rows, or null.
  const std::int32_t* members = nullptr;

  /// Group g is member(i) for begin(g) <= i < end(g).
  /// @{
  LIBNORM_HOST_DEVICE Index begin(Index g) const { return first == nullptr ? g : first[g]; }
  LIBNORM_HOST_DEVICE Index end(Index g) const { return first == nullptr ? g + 1 : first[g + 1]; }
  LIBNORM_HOST_DEVICE Index member(Index i) const { return members == nullptr ? i : members[i]; }
  /// @}
};

}  // namespace libnorm
