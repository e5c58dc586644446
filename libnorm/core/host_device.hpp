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
/// Names tell sets apart too where they have a set's tag (isa.hpp), as those of packs do; what a
/// sanitizer checks relies on these alone, since the compiler does not come to an end with
/// thousands of its checks in one function. So do the packs of the scalar set, 32 lanes one by one:
/// all in one function they take six times as long to compile.
#if defined(__CUDACC__)
#define LIBNORM_ALWAYS
#define LIBNORM_INLINE __device__ __forceinline__
#define LIBNORM_PACK_ALWAYS
#define LIBNORM_PACK_INLINE LIBNORM_INLINE
#else
#if defined(LIBNORM_SANITIZED)
#define LIBNORM_ALWAYS
#else
#define LIBNORM_ALWAYS __attribute__((always_inline))
#endif
#if defined(LIBNORM_CALLED_PACKS)
#define LIBNORM_PACK_ALWAYS
#else
#define LIBNORM_PACK_ALWAYS LIBNORM_ALWAYS
#endif
#define LIBNORM_PACK_INLINE LIBNORM_PACK_ALWAYS inline
#define LIBNORM_INLINE LIBNORM_ALWAYS inline
#endif
