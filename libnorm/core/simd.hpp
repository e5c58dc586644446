#pragma once

#include <cstdint>
#include <cstring>
#include <type_traits>
#include <utility>

#include "libnorm/core/host_device.hpp"
#include "libnorm/core/isa.hpp"
#include "libnorm/core/types.hpp"

#if defined(__AVX2__) || defined(__AVX512F__)
#include <immintrin.h>
#endif

namespace libnorm {

/// One register of the instruction set. Arithmetic and comparisons are the compiler's vector
/// extension; this adds the operations that it lacks.
template <class IsaTag, class T>
struct Register;

template <class T, int kBytes>
struct VectorOf {
  typedef T type __attribute__((vector_size(kBytes)));
};

#if !defined(LIBNORM_CUDA_KERNELS)

template <class IsaTag, class T>
struct RegisterBase {
  using V = typename VectorOf<T, IsaTag::kBytes>::type;
  static constexpr int kLanes = IsaTag::kBytes / int(sizeof(T));
  static LIBNORM_INLINE V load(const T* p) {
    V v;
    std::memcpy(&v, p, sizeof v);
    return v;
  }
  static LIBNORM_INLINE void store(T* p, V v) { std::memcpy(p, &v, sizeof v); }
  static LIBNORM_INLINE V broadcast(T x) { return x - V{}; }
  /// p[0 .. n-1], with `rest` behind them.
  static LIBNORM_INLINE V load_some(const T* p, Index n, T rest) {
    T all[kLanes];
    for (int i = 0; i < kLanes; ++i) all[i] = i < n ? p[i] : rest;
    return load(all);
  }
  static LIBNORM_INLINE void store_some(T* p, Index n, V v) {
    T all[kLanes];
    store(all, v);
    for (Index i = 0; i < n && i < kLanes; ++i) p[i] = all[i];
  }
};

template <class T>
struct Register<Scalar, T> : RegisterBase<Scalar, T> {
  using V = typename RegisterBase<Scalar, T>::V;
  static LIBNORM_INLINE V fma(V a, V b, V c) {
    for (int i = 0; i < RegisterBase<Scalar, T>::kLanes; ++i) {
      if constexpr (sizeof(T) == 4) {
        c[i] = __builtin_fmaf(a[i], b[i], c[i]);
      } else {
        c[i] = __builtin_fma(a[i], b[i], c[i]);
      }
    }
    return c;
  }
  static LIBNORM_INLINE V sqrt(V a) {
    for (int i = 0; i < RegisterBase<Scalar, T>::kLanes; ++i) {
      if constexpr (sizeof(T) == 4) {
        a[i] = __builtin_sqrtf(a[i]);
      } else {
        a[i] = __builtin_sqrt(a[i]);
      }
    }
    return a;
  }
  template <class Wide>
  static LIBNORM_INLINE void widen(V a, Wide& lo, Wide& hi) {
    lo = Wide{double(a[0]), double(a[1])};
    hi = Wide{double(a[2]), double(a[3])};
  }
  template <class Wide>
  static LIBNORM_INLINE V narrow(Wide lo, Wide hi) {
    return V{float(lo[0]), float(lo[1]), float(hi[0]), float(hi[1])};
  }
};

#if defined(__AVX2__) && !defined(__AVX512F__)
template <>
struct Register<Avx2, float> : RegisterBase<Avx2, float> {
  static LIBNORM_INLINE V fma(V a, V b, V c) { return _mm256_fmadd_ps(a, b, c); }
  static LIBNORM_INLINE V sqrt(V a) { return _mm256_sqrt_ps(a); }
  static LIBNORM_INLINE void widen(V a, __m256d& lo, __m256d& hi) {
    lo = _mm256_cvtps_pd(_mm256_castps256_ps128(a));
    hi = _mm256_cvtps_pd(_mm256_extractf128_ps(a, 1));
  }
  static LIBNORM_INLINE V narrow(__m256d lo, __m256d hi) {
    return _mm256_set_m128(_mm256_cvtpd_ps(hi), _mm256_cvtpd_ps(lo));
  }
  static LIBNORM_INLINE __m256i first(Index n) {
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(int(n)), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
  }
  static LIBNORM_INLINE V load_some(const float* p, Index n, float rest) {
    const __m256i mask = first(n);
    return _mm256_blendv_ps(_mm256_set1_ps(rest), _mm256_maskload_ps(p, mask),
                            _mm256_castsi256_ps(mask));
  }
  static LIBNORM_INLINE void store_some(float* p, Index n, V v) {
    _mm256_maskstore_ps(p, first(n), v);
  }
};
template <>
struct Register<Avx2, double> : RegisterBase<Avx2, double> {
  static LIBNORM_INLINE V fma(V a, V b, V c) { return _mm256_fmadd_pd(a, b, c); }
  static LIBNORM_INLINE V sqrt(V a) { return _mm256_sqrt_pd(a); }
  static LIBNORM_INLINE __m256i first(Index n) {
    return _mm256_cmpgt_epi64(_mm256_set1_epi64x(n), _mm256_setr_epi64x(0, 1, 2, 3));
  }
  static LIBNORM_INLINE V load_some(const double* p, Index n, double rest) {
    const __m256i mask = first(n);
    return _mm256_blendv_pd(_mm256_set1_pd(rest), _mm256_maskload_pd(p, mask),
                            _mm256_castsi256_pd(mask));
  }
  static LIBNORM_INLINE void store_some(double* p, Index n, V v) {
    _mm256_maskstore_pd(p, first(n), v);
  }
};
#endif

#if defined(__AVX512F__)
template <>
struct Register<Avx512, float> : RegisterBase<Avx512, float> {
  static LIBNORM_INLINE V fma(V a, V b, V c) { return _mm512_fmadd_ps(a, b, c); }
  static LIBNORM_INLINE V sqrt(V a) { return _mm512_sqrt_ps(a); }
  static LIBNORM_INLINE __mmask16 first(Index n) {
    return __mmask16(n <= 0 ? 0 : n >= kLanes ? 0xffff : (1u << n) - 1);
  }
  static LIBNORM_INLINE V load_some(const float* p, Index n, float rest) {
    return _mm512_mask_loadu_ps(_mm512_set1_ps(rest), first(n), p);
  }
  static LIBNORM_INLINE void store_some(float* p, Index n, V v) {
    _mm512_mask_storeu_ps(p, first(n), v);
  }
  static LIBNORM_INLINE void widen(V a, __m512d& lo, __m512d& hi) {
    lo = _mm512_cvtps_pd(_mm512_castps512_ps256(a));
    hi = _mm512_cvtps_pd(_mm512_extractf32x8_ps(a, 1));
  }
  static LIBNORM_INLINE V narrow(__m512d lo, __m512d hi) {
    return _mm512_insertf32x8(_mm512_castps256_ps512(_mm512_cvtpd_ps(lo)), _mm512_cvtpd_ps(hi), 1);
  }
};
template <>
struct Register<Avx512, double> : RegisterBase<Avx512, double> {
  static LIBNORM_INLINE V fma(V a, V b, V c) { return _mm512_fmadd_pd(a, b, c); }
  static LIBNORM_INLINE V sqrt(V a) { return _mm512_sqrt_pd(a); }
  static LIBNORM_INLINE __mmask8 first(Index n) {
    return __mmask8(n <= 0 ? 0 : n >= kLanes ? 0xff : (1u << n) - 1);
  }
  static LIBNORM_INLINE V load_some(const double* p, Index n, double rest) {
    return _mm512_mask_loadu_pd(_mm512_set1_pd(rest), first(n), p);
  }
  static LIBNORM_INLINE void store_some(double* p, Index n, V v) {
    _mm512_mask_storeu_pd(p, first(n), v);
  }
};
#endif

#endif

/// The same for one number.
template <class T>
LIBNORM_INLINE T fused(T a, T b, T c) {
#if defined(__CUDA_ARCH__)
  if constexpr (std::is_same_v<T, float>)
    return __fmaf_rn(a, b, c);
  else
    return __fma_rn(a, b, c);
#else
  if constexpr (std::is_same_v<T, float>) {
    return __builtin_fmaf(a, b, c);
  } else {
    return __builtin_fma(a, b, c);
  }
#endif
}
/// The square root, rounded once.
template <class T>
LIBNORM_INLINE T square_root(T a) {
#if defined(__CUDA_ARCH__)
  if constexpr (std::is_same_v<T, float>)
    return __fsqrt_rn(a);
  else
    return __dsqrt_rn(a);
#else
  if constexpr (std::is_same_v<T, float>) {
    return __builtin_sqrtf(a);
  } else {
    return __builtin_sqrt(a);
  }
#endif
}

/// The registers that hold 32 lanes, as a binary tree: halving the tree is the first step of every
/// sum, and a tree of named halves stays in registers where an array goes through memory.
template <class V, int kCount>
struct Registers {
  Registers<V, kCount / 2> lo, hi;
};
template <class V>
struct Registers<V, 1> {
  V v;
};

/// f(0), f(1), ... f(n - 1) with constants for arguments, so that arrays indexed by them become
/// registers with every compiler.
template <int n, class F>
LIBNORM_INLINE void unroll(F f) {
  [&]<int... i>(std::integer_sequence<int, i...>) LIBNORM_ALWAYS {
    (f(std::integral_constant<int, i>{}), ...);
  }
  (std::make_integer_sequence<int, n>{});
}

}  // namespace libnorm
