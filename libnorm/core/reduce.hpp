#pragma once

#include "libnorm/core/pack.hpp"

namespace libnorm {

/// The one order in which numbers along an axis are added: element i goes to lane i mod 32, each
/// lane adds in ascending order, and the lanes are folded in halves, l with l + 16, l + 8, l + 4,
/// l + 2, l + 1. That is two AVX-512 registers, four of AVX2, or a CUDA warp with shuffles.
/// More than kLongSum floats are added in double, in the same order, and rounded once: roundings of
/// one sign would add up to more than a float's last digits.

/// The most floats that are added as floats. Part of the order of summation.
inline constexpr Index kLongSum = 1024;

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
template <class Tag, class T>
LIBNORM_PACK_INLINE T sum(const Pack<Tag, T>& a) {
  return detail::fold<T>([](auto x, auto y) LIBNORM_PACK_ALWAYS { return x + y; }, a.regs);
}

/// Largest of the 32 lanes (none of them NaN).
template <class Tag, class T>
LIBNORM_PACK_INLINE T largest(const Pack<Tag, T>& a) {
  return detail::fold<T>([](auto x, auto y) LIBNORM_PACK_ALWAYS { return x < y ? y : x; }, a.regs);
}

/// Calls f(zero) and returns its result. zero is 32 lanes of 0 of the type in which n numbers of
/// type T are added: T, or double for long sums.
template <class T, class W, class F>
LIBNORM_PACK_INLINE auto with_sums(W, Index n, F f) {
  if constexpr (std::is_same_v<T, float>) {
    if (n > kLongSum) return f(typename W::template Lanes<double>(0.0));
  }
  return f(typename W::template Lanes<T>(T(0)));
}

/// Converts 32 numbers to the type of their sums, or sums back to the type of the numbers.
template <class To, class IsaTag, class T>
LIBNORM_PACK_INLINE To as(const Pack<IsaTag, T>& x) {
  if constexpr (std::is_same_v<To, Pack<IsaTag, T>>) {
    return x;
  } else if constexpr (std::is_same_v<T, float>) {
    return widen(x);
  } else {
    return narrow<float>(x);
  }
}

/// term(i) + term(i + 32) + ... for the n numbers of an axis; term(i) is those from i on, and 0
/// beyond the end.
template <class T, class W, class F>
LIBNORM_PACK_INLINE T sum_along(W warp, Index n, F term) {
  return with_sums<T>(warp, n, [&](auto total) LIBNORM_PACK_ALWAYS {
    for (Index i = 0; i < n; i += kLanes) total = total + as<decltype(total)>(term(i));
    return T(sum(total));
  });
}

/// The same for the products x(i) y(i), each added by one fma.
template <class T, class W, class X, class Y>
LIBNORM_PACK_INLINE T sum_products_along(W warp, Index n, X x, Y y) {
  return with_sums<T>(warp, n, [&](auto total) LIBNORM_PACK_ALWAYS {
    using S = decltype(total);
    for (Index i = 0; i < n; i += kLanes) total = fma(as<S>(x(i)), as<S>(y(i)), total);
    return T(sum(total));
  });
}

}  // namespace libnorm
