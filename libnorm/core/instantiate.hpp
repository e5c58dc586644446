#pragma once

// Included by the translation units that are compiled for one instruction set or device.

#include <tuple>
#include <type_traits>

#include "libnorm/core/launch.hpp"

namespace libnorm {

/// Instantiates KernelEntry<IsaTag, Body>::run for each body, on a GPU for those that have a
/// kernel. Naming a function makes the compiler emit it.
template <class IsaTag, class... Bodies>
auto instantiate() {
  const auto entry_of = []<class Body>(std::type_identity<Body>) {
    if constexpr (std::is_same_v<IsaTag, Cuda> && !runs_on_gpu<Body>) {
      return std::tuple<>();
    } else {
      return std::tuple(&KernelEntry<IsaTag, Body>::run);
    }
  };
  return std::tuple_cat(entry_of(std::type_identity<Bodies>{})...);
}

}  // namespace libnorm
