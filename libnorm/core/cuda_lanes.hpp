#pragma once

// Included by pack.hpp where kernels are compiled: 32 lanes as the threads of a warp.

#include <cuda_runtime.h>

#include "libnorm/core/pack.hpp"

namespace libnorm {

/// One lane's number, held by its thread: the CUDA counterpart of a register, Register<Isa, T>.
template <class T>
struct Register<Cuda, T> {
  using V = T;
  static constexpr int kLanes = 32;

  static LIBNORM_INLINE int lane() { return int(threadIdx.x % 32); }
  static LIBNORM_INLINE V load(const T* p) { return p[lane()]; }
  static LIBNORM_INLINE V load(const T* p, Index n, T rest) {
    return lane() < n ? p[lane()] : rest;
  }
  static LIBNORM_INLINE void store(T* p, V v) { p[lane()] = v; }
  static LIBNORM_INLINE void store(T* p, V v, Index n) {
    if (lane() < n) p[lane()] = v;
  }
  static LIBNORM_INLINE V broadcast(T x) { return x; }
  static LIBNORM_INLINE V fma(V a, V b, V c) { return fused(a, b, c); }
  static LIBNORM_INLINE V sqrt(V a) { return square_root(a); }
};

/// A warp that has an output to itself.
template <>
struct Warp<Cuda> {
  using Tag = Cuda;
  template <class T>
  using Lanes = Pack<Cuda, T>;

  static LIBNORM_INLINE void sync() { __syncwarp(); }
  template <class F>
  static LIBNORM_INLINE void once(F f) {
    __syncwarp();
    if (threadIdx.x % 32 == 0) f();
    __syncwarp();
  }
  static LIBNORM_INLINE bool leads() { return true; }
};

/// One of the warps of a block that share an output. Every warp executes the whole body, except
/// that the shards of a sum over rows are dealt out (`sum_rows_in_shards`) and one warp writes.
struct CudaTeam : Warp<Cuda> {
  static LIBNORM_INLINE bool leads() { return threadIdx.x < 32; }
};

/// The block's shared memory; its launch sets the size.
LIBNORM_INLINE float* shared_memory() {
  extern __shared__ float shared_floats[];
  return shared_floats;
}

namespace detail {
/// f of this lane's value and that of the lane whose number differs in one bit; the lower lane's
/// value is the first argument, so that both lanes compute the same.
template <class T, class F>
LIBNORM_INLINE T fold_threads(F f, T v) {
#pragma unroll
  for (int bit = 16; bit > 0; bit /= 2) {
    const T other = __shfl_xor_sync(0xffffffffu, v, bit);
    const bool is_upper = (threadIdx.x & unsigned(bit)) != 0;
    v = f(is_upper ? other : v, is_upper ? v : other);
  }
  return v;
}
}  // namespace detail

}  // namespace libnorm
