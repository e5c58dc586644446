#pragma once

// How functions are marked for where they run. The build defines LIBNORM_CUDA_KERNELS where kernels
// are compiled; what is a body's runs on the device alone there.

#if defined(LIBNORM_CUDA_KERNELS)
#include <cuda_runtime.h>
#define LIBNORM_DEVICE __device__
#define LIBNORM_HOST_DEVICE __host__ __device__
#else
#define LIBNORM_DEVICE
#define LIBNORM_HOST_DEVICE
#endif

/// Code for one instruction set must never stand alone as a symbol that another could be linked to.
/// Names tell sets apart too (isa.hpp). Two builds rely on these alone: what a sanitizer checks, since
/// the compiler does not come to an end with thousands of its checks in one function, and the scalar
/// set, whose lanes are loops that take ten times as long to compile where all is in one function.
#if defined(__CUDACC__)
#define LIBNORM_ALWAYS
#define LIBNORM_INLINE __device__ __forceinline__
#else
#if defined(LIBNORM_NO_FORCED_INLINING)
#define LIBNORM_ALWAYS
#else
#define LIBNORM_ALWAYS __attribute__((always_inline))
#endif
#define LIBNORM_INLINE LIBNORM_ALWAYS inline
#endif
