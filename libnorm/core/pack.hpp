#pragma once

#include <cstdint>
#include <type_traits>

#include "libnorm/core/dual.hpp"
#include "libnorm/core/error.hpp"
#include "libnorm/core/simd.hpp"

namespace libnorm {

/// Lanes of a pack: 32 on every machine (two AVX-512 registers of float, four of AVX2, or one CUDA
/// warp). The number is part of the order of every sum.
inline constexpr Index kLanes = 32;
/// Whether each lane is a thread.
template <class IsaTag>
inline constexpr bool lane_per_thread = std::is_same_v<IsaTag, Cuda>;

/// One value for each of the 32 lanes. Bodies use this type and nothing narrower, so that every
/// instruction set does the same operations in the same order.
template <class IsaTag, class T>
struct Pack {
  /// The register's operations, its type, and the registers that hold 32 lanes.
  /// @{
  using Reg = Register<IsaTag, T>;
  using V = typename Reg::V;
  using Tree = Registers<V, int(kLanes) / Reg::kLanes>;
  /// @}
  /// The type of a lane.
  using value_type = T;
  /// Lanes 0..31 from left to right; on a GPU, where a thread is a lane, its own value.
  Tree regs;

  Pack() = default;
  /// x in every lane.
  LIBNORM_PACK_INLINE Pack(T x) {
    apply([x](V) LIBNORM_PACK_ALWAYS { return Reg::broadcast(x); }, regs, regs);
  }

  /// Lanes from p[0..31].
  static LIBNORM_PACK_INLINE Pack load(const T* p) {
    Pack r;
    load_tree(r.regs, p);
    return r;
  }
  /// Lanes from p[0..n-1]; the others are `rest`.
  static LIBNORM_PACK_INLINE Pack load(const T* p, Index n, T rest = T(0)) {
    if constexpr (lane_per_thread<IsaTag>) {
      Pack r;
      r.regs.v = Reg::load(p, n, rest);
      return r;
    } else {
      if (n >= kLanes) return load(p);
      Pack r;
      load_tree(r.regs, p, n, rest);
      return r;
    }
  }
  /// Lanes to p[0..31].
  LIBNORM_PACK_INLINE void store(T* p) const { store_tree(regs, p); }
  /// Lanes 0..n-1 to p[0..n-1].
  LIBNORM_PACK_INLINE void store(T* p, Index n) const {
    if constexpr (lane_per_thread<IsaTag>) {
      Reg::store(p, regs.v, n);
    } else {
      if (n >= kLanes) return store(p);
      store_tree(regs, p, n);
    }
  }

  /// f of the operands, register by register.
  template <class F, class... Packs>
  static LIBNORM_PACK_INLINE Pack map(F f, const Packs&... operands) {
    Pack r;
    apply(f, r.regs, operands.regs...);
    return r;
  }

 private:
  template <class F, int n, class... Trees>
  static LIBNORM_PACK_INLINE void apply(F f, Registers<V, n>& r, const Trees&... a) {
    if constexpr (n == 1) {
      r.v = f(a.v...);
    } else {
      apply(f, r.lo, a.lo...);
      apply(f, r.hi, a.hi...);
    }
  }
  template <int n>
  static LIBNORM_PACK_INLINE void load_tree(Registers<V, n>& r, const T* p) {
    if constexpr (n == 1) {
      r.v = Reg::load(p);
    } else {
      load_tree(r.lo, p);
      load_tree(r.hi, p + n / 2 * Reg::kLanes);
    }
  }
  template <int n>
  static LIBNORM_PACK_INLINE void load_tree(Registers<V, n>& r, const T* p, Index left, T rest) {
    if constexpr (n == 1) {
      r.v = Reg::load_some(p, left, rest);
    } else {
      load_tree(r.lo, p, left, rest);
      load_tree(r.hi, p + n / 2 * Reg::kLanes, left - n / 2 * Reg::kLanes, rest);
    }
  }
  template <int n>
  static LIBNORM_PACK_INLINE void store_tree(const Registers<V, n>& r, T* p) {
    if constexpr (n == 1) {
      Reg::store(p, r.v);
    } else {
      store_tree(r.lo, p);
      store_tree(r.hi, p + n / 2 * Reg::kLanes);
    }
  }
  /// A register that is not whole alone is stored in parts, which is slow.
  template <int n>
  static LIBNORM_PACK_INLINE void store_tree(const Registers<V, n>& r, T* p, Index left) {
    if (left >= n * Reg::kLanes) return store_tree(r, p);
    if constexpr (n == 1) {
      if (left > 0) Reg::store_some(p, left, r.v);
    } else {
      store_tree(r.lo, p, left);
      store_tree(r.hi, p + n / 2 * Reg::kLanes, left - n / 2 * Reg::kLanes);
    }
  }
};

/// Lane by lane, each rounded once.
/// @{
template <class Tag, class T>
LIBNORM_PACK_INLINE Pack<Tag, T> operator+(const Pack<Tag, T>& a, const Pack<Tag, T>& b) {
  return Pack<Tag, T>::map([](auto x, auto y) LIBNORM_PACK_ALWAYS { return x + y; }, a, b);
}
template <class Tag, class T>
LIBNORM_PACK_INLINE Pack<Tag, T> operator-(const Pack<Tag, T>& a, const Pack<Tag, T>& b) {
  return Pack<Tag, T>::map([](auto x, auto y) LIBNORM_PACK_ALWAYS { return x - y; }, a, b);
}
template <class Tag, class T>
LIBNORM_PACK_INLINE Pack<Tag, T> operator*(const Pack<Tag, T>& a, const Pack<Tag, T>& b) {
  return Pack<Tag, T>::map([](auto x, auto y) LIBNORM_PACK_ALWAYS { return x * y; }, a, b);
}
template <class Tag, class T>
LIBNORM_PACK_INLINE Pack<Tag, T> operator/(const Pack<Tag, T>& a, const Pack<Tag, T>& b) {
  return Pack<Tag, T>::map([](auto x, auto y) LIBNORM_PACK_ALWAYS { return x / y; }, a, b);
}
template <class Tag, class T>
LIBNORM_PACK_INLINE Pack<Tag, T> operator-(const Pack<Tag, T>& a) {
  return Pack<Tag, T>::map([](auto x) LIBNORM_PACK_ALWAYS { return -x; }, a);
}
/// @}

/// a * b + c, rounded once.
template <class Tag, class T>
LIBNORM_PACK_INLINE Pack<Tag, T> fma(const Pack<Tag, T>& a, const Pack<Tag, T>& b,
                                     const Pack<Tag, T>& c) {
  return Pack<Tag, T>::map([](auto x, auto y, auto z)
                               LIBNORM_PACK_ALWAYS { return Register<Tag, T>::fma(x, y, z); },
                           a, b, c);
}

/// The square root, rounded once.
template <class Tag, class T>
LIBNORM_PACK_INLINE Pack<Tag, T> sqrt(const Pack<Tag, T>& a) {
  return Pack<Tag, T>::map([](auto x) LIBNORM_PACK_ALWAYS { return Register<Tag, T>::sqrt(x); }, a);
}

/// a < b ? yes : no, lane by lane; `no` where a or b is NaN.
template <class Tag, class T>
LIBNORM_PACK_INLINE Pack<Tag, T> select_less(const Pack<Tag, T>& a, const Pack<Tag, T>& b,
                                             const Pack<Tag, T>& yes, const Pack<Tag, T>& no) {
  return Pack<Tag, T>::map([](auto x, auto y, auto u, auto v)
                               LIBNORM_PACK_ALWAYS { return x < y ? u : v; },
                           a, b, yes, no);
}

/// The larger of two, lane by lane; b where either is NaN.
template <class Tag, class T>
LIBNORM_PACK_INLINE Pack<Tag, T> larger(const Pack<Tag, T>& a, const Pack<Tag, T>& b) {
  return select_less(b, a, a, b);
}

namespace detail {
template <class Tag, class Narrow, class Wide, int n>
LIBNORM_PACK_INLINE void widen_tree(const Registers<Narrow, n>& a, Registers<Wide, 2 * n>& r) {
  if constexpr (n == 1) {
    Register<Tag, float>::widen(a.v, r.lo.v, r.hi.v);
  } else {
    widen_tree<Tag>(a.lo, r.lo);
    widen_tree<Tag>(a.hi, r.hi);
  }
}
template <class Tag, class Narrow, class Wide, int n>
LIBNORM_PACK_INLINE void narrow_tree(const Registers<Wide, 2 * n>& a, Registers<Narrow, n>& r) {
  if constexpr (n == 1) {
    r.v = Register<Tag, float>::narrow(a.lo.v, a.hi.v);
  } else {
    narrow_tree<Tag>(a.lo, r.lo);
    narrow_tree<Tag>(a.hi, r.hi);
  }
}
}  // namespace detail

/// float to double, exact; doubles stay as they are.
template <class Tag, class T>
LIBNORM_PACK_INLINE Pack<Tag, double> widen(const Pack<Tag, T>& a) {
  if constexpr (std::is_same_v<T, double>) {
    return a;
  } else if constexpr (lane_per_thread<Tag>) {
    Pack<Tag, double> r;
    r.regs.v = double(a.regs.v);
    return r;
  } else {
    Pack<Tag, double> r;
    detail::widen_tree<Tag>(a.regs, r.regs);
    return r;
  }
}

/// double to T, rounded to nearest even; a constant where T is a dual.
template <class T, class Tag>
LIBNORM_PACK_INLINE Pack<Tag, T> narrow(const Pack<Tag, double>& a) {
  if constexpr (is_dual<T>) {
    return Pack<Tag, T>(narrow<Real<T>>(a));
  } else if constexpr (std::is_same_v<T, double>) {
    return a;
  } else if constexpr (lane_per_thread<Tag>) {
    Pack<Tag, float> r;
    r.regs.v = float(a.regs.v);
    return r;
  } else {
    Pack<Tag, float> r;
    detail::narrow_tree<Tag>(a.regs, r.regs);
    return r;
  }
}

/// A body's view of the machine: the type of 32 lanes, and the synchronisation that lanes need
/// where they are threads. On a processor it compiles to nothing.
template <class IsaTag>
struct Warp {
  /// The instruction set.
  using Tag = IsaTag;
  /// 32 lanes of T.
  template <class T>
  using Lanes = Pack<IsaTag, T>;

  /// Writes of any lane before it are visible to every lane after it.
  static LIBNORM_PACK_INLINE void sync() {}
  /// Calls f once for all lanes, for a single number in memory. Lanes are synchronised before and
  /// after.
  template <class F>
  static LIBNORM_PACK_INLINE void once(F f) {
    f();
  }
  /// Whether this warp, of those that share an output, writes it.
  static LIBNORM_PACK_INLINE bool leads() { return true; }
};

}  // namespace libnorm

#if defined(LIBNORM_CUDA_KERNELS)
#include "libnorm/core/cuda_lanes.hpp"
#endif
