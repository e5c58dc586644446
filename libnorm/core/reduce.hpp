#pragma once

#include "libnorm/core/pack.hpp"

namespace libnorm {

/// The one order in which numbers along an axis are added: element i goes to lane i mod 32, each
/// lane adds in ascending order, and the lanes are folded in halves, l with l + 16, l + 8, l + 4,
/// l + 2, l + 1. That is two AVX-512 registers, four of AVX2, or a CUDA warp with shuffles.

namespace detail {
#if defined(LIBNORM_CUDA_KERNELS)
template <class T, class F>
LIBNORM_PACK_INLINE T fold(F f, const Registers<T, 1>& r) {
  return fold_threads(f, r.v);
}
#else
template <class T, class F, class V>
LIBNORM_PACK_INLINE T fold_lanes(F f, V v) {
  constexpr int lanes = int(sizeof(V) / sizeof(T));
  if constexpr (lanes == 2) {
    return f(T(v[0]), T(v[1]));
  } else {
    typename VectorOf<T, int(sizeof(V)) / 2>::type lo, hi;
    std::memcpy(&lo, &v, sizeof lo);
    std::memcpy(&hi, reinterpret_cast<const char*>(&v) + sizeof lo, sizeof hi);
    return fold_lanes<T>(f, f(lo, hi));
  }
}
template <class F, class V, int n>
LIBNORM_PACK_INLINE void fold_registers(F f, const Registers<V, n>& a, const Registers<V, n>& b,
                                        Registers<V, n>& r) {
  if constexpr (n == 1) {
    r.v = f(a.v, b.v);
  } else {
    fold_registers(f, a.lo, b.lo, r.lo);
    fold_registers(f, a.hi, b.hi, r.hi);
  }
}
template <class T, class F, class V, int n>
LIBNORM_PACK_INLINE T fold(F f, const Registers<V, n>& r) {
  if constexpr (n > 1) {
    Registers<V, n / 2> half;
    fold_registers(f, r.lo, r.hi, half);
    return fold<T>(f, half);
  } else {
    return fold_lanes<T>(f, r.v);
  }
}
#endif
}  // namespace detail

/// Sum of the 32 lanes.
template <class I, class T>
LIBNORM_PACK_INLINE T sum(const Pack<I, T>& a) {
  return detail::fold<T>([](auto x, auto y) LIBNORM_PACK_ALWAYS { return x + y; }, a.regs);
}

/// Largest of the 32 lanes (none of them NaN).
template <class I, class T>
LIBNORM_PACK_INLINE T largest(const Pack<I, T>& a) {
  return detail::fold<T>([](auto x, auto y) LIBNORM_PACK_ALWAYS { return x < y ? y : x; }, a.regs);
}

}  // namespace libnorm
