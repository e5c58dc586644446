#pragma once

#include "harness/results/result.hpp"

namespace harness {

/// Version of the order of summation and of the random streams. It is raised when the bits of a
/// training run change on purpose.
inline constexpr const char* kNumerics = "1";

/// The environment of this build, this machine, and the calling thread's device.
Environment environment(int threads);

}  // namespace harness
