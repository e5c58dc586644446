#pragma once

#include <cstdint>

namespace libnorm {

/// Signed count or position; signed so that a difference of two is one too.
using Index = std::int64_t;

}  // namespace libnorm
