#pragma once

#include "harness/results/result.hpp"

namespace harness {

/// Version of the order of summation and of the random streams: raised when the bits of a training
/// run change by intention.
inline constexpr const char* kNumerics = "1";

/// This build, this machine, and the device of the calling thread.
Environment environment(int threads);

}  // namespace harness
