#pragma once

// Included by the translation units that are compiled once for each instruction set, and by nothing
// else. The build defines LIBNORM_ISA there as the tag of that set.

#include "libnorm/core/launch.hpp"
#include "libnorm/core/pack.hpp"

namespace libnorm {

template <class IsaTag, class Body>
void KernelEntry<IsaTag, Body>::run(const Body& body, Index begin, Index end) {
  if constexpr (requires { body.run_rows(Warp<IsaTag>{}, begin, end); }) {
    body.run_rows(Warp<IsaTag>{}, begin, end);
  } else {
    for (Index output = begin; output < end; ++output) body(Warp<IsaTag>{}, output);
  }
}

}  // namespace libnorm
