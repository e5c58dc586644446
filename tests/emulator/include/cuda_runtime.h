#pragma once

// Stands in for CUDA's header of this name where kernels are compiled by the host's compiler.

// It says `__noinline__` itself, and so comes before the macro of that name.
#include <memory>

#define __global__
#define __device__
#define __host__
#define __constant__
// Weak, so that a compiler refuses what the emulator has not, arrays of a fixed size: they would be
// each thread's own. What is declared `extern` is the same, weak or not.
#define __shared__ __attribute__((weak))
#define __launch_bounds__(...)
#define __align__(bytes) __attribute__((aligned(bytes)))
#define __forceinline__ inline __attribute__((always_inline))
#define __noinline__ __attribute__((noinline))

#include "emulated/device.h"
#include "emulated/host.h"
#include "emulated/memory.h"
#include "emulated/types.h"
