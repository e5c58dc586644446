#pragma once

// Marks functions for the host, the device or both. The build defines LIBNORM_CUDA_KERNELS where
// kernels are compiled; there a body's functions run on the device only.

#if defined(LIBNORM_CUDA_KERNELS)
#include <cuda_runtime.h>
#define LIBNORM_DEVICE __device__
#define LIBNORM_HOST_DEVICE __host__ __device__
#else
#define LIBNORM_DEVICE
#define LIBNORM_HOST_DEVICE
#endif

/// Forces inlining, so that no symbol holds code for one instruction set that the linker could use
/// for another. Names that contain a set's tag (isa.hpp), such as those of packs, are safe too.
/// Sanitizer builds rely on these names alone, since the compiler does not finish with thousands of
/// checks in one function. So do the packs of the scalar set, whose 32 lanes in one function take
/// six times as long to compile.
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
