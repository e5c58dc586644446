#pragma once

#include "libnorm/core/dual.hpp"
#include "libnorm/core/math.hpp"
#include "libnorm/core/pack.hpp"
#include "libnorm/core/reduce.hpp"

namespace libnorm {

/// 32 lanes of duals: bodies that are written against Pack run on it unchanged.
template <class Tag, class R>
struct Pack<Tag, Dual<R>> {
  using value_type = Dual<R>;
  Pack<Tag, R> value, tangent;

  Pack() = default;
  LIBNORM_PACK_INLINE Pack(const Dual<R>& x) : value(x.value), tangent(x.tangent) {}
  /// Constants: tangents of 0.
  LIBNORM_PACK_INLINE explicit Pack(const Pack<Tag, R>& value_) : value(value_), tangent(R(0)) {}
  LIBNORM_PACK_INLINE Pack(const Pack<Tag, R>& value_, const Pack<Tag, R>& tangent_)
      : value(value_), tangent(tangent_) {}

  static LIBNORM_PACK_INLINE Pack load(const DualPointer<const R>& p, Index n,
                                       const Dual<R>& rest = Dual<R>()) {
    return {Pack<Tag, R>::load(p.value, n, rest.value),
            Pack<Tag, R>::load(p.tangent, n, rest.tangent)};
  }
  LIBNORM_PACK_INLINE void store(const DualPointer<R>& p, Index n) const {
    value.store(p.value, n);
    tangent.store(p.tangent, n);
  }
};

template <class Tag, class R>
LIBNORM_PACK_INLINE Pack<Tag, Dual<R>> operator+(const Pack<Tag, Dual<R>>& a,
                                                 const Pack<Tag, Dual<R>>& b) {
  return {a.value + b.value, a.tangent + b.tangent};
}
template <class Tag, class R>
LIBNORM_PACK_INLINE Pack<Tag, Dual<R>> operator-(const Pack<Tag, Dual<R>>& a,
                                                 const Pack<Tag, Dual<R>>& b) {
  return {a.value - b.value, a.tangent - b.tangent};
}
template <class Tag, class R>
LIBNORM_PACK_INLINE Pack<Tag, Dual<R>> operator-(const Pack<Tag, Dual<R>>& a) {
  return {-a.value, -a.tangent};
}
template <class Tag, class R>
LIBNORM_PACK_INLINE Pack<Tag, Dual<R>> operator*(const Pack<Tag, Dual<R>>& a,
                                                 const Pack<Tag, Dual<R>>& b) {
  return {a.value * b.value, fma(a.value, b.tangent, a.tangent * b.value)};
}
template <class Tag, class R>
LIBNORM_PACK_INLINE Pack<Tag, Dual<R>> operator/(const Pack<Tag, Dual<R>>& a,
                                                 const Pack<Tag, Dual<R>>& b) {
  const Pack<Tag, R> q = a.value / b.value;
  return {q, fma(-q, b.tangent, a.tangent) / b.value};
}
template <class Tag, class R>
LIBNORM_PACK_INLINE Pack<Tag, Dual<R>> fma(const Pack<Tag, Dual<R>>& a, const Pack<Tag, Dual<R>>& b,
                                           const Pack<Tag, Dual<R>>& c) {
  return {fma(a.value, b.value, c.value),
          fma(a.value, b.tangent, fma(a.tangent, b.value, c.tangent))};
}
template <class Tag, class R>
LIBNORM_PACK_INLINE Pack<Tag, Dual<R>> sqrt(const Pack<Tag, Dual<R>>& a) {
  const Pack<Tag, R> root = sqrt(a.value);
  const Pack<Tag, R> none(R(0));
  return {root, select_less(none, root, a.tangent / (root + root), none)};
}
template <class Tag, class R>
LIBNORM_PACK_INLINE Pack<Tag, Dual<R>> select_less(const Pack<Tag, Dual<R>>& a,
                                                   const Pack<Tag, Dual<R>>& b,
                                                   const Pack<Tag, Dual<R>>& yes,
                                                   const Pack<Tag, Dual<R>>& no) {
  return {select_less(a.value, b.value, yes.value, no.value),
          select_less(a.value, b.value, yes.tangent, no.tangent)};
}
template <class Tag, class R>
LIBNORM_PACK_INLINE Pack<Tag, Dual<R>> larger(const Pack<Tag, Dual<R>>& a,
                                              const Pack<Tag, Dual<R>>& b) {
  return select_less(b, a, a, b);
}
template <class Tag, class R>
LIBNORM_PACK_INLINE Dual<R> sum(const Pack<Tag, Dual<R>>& a) {
  return {sum(a.value), sum(a.tangent)};
}
/// The largest value, as a constant: a number subtracted before exponentials cancels in their
/// quotient, so its tangent cancels too.
template <class Tag, class R>
LIBNORM_PACK_INLINE Dual<R> largest(const Pack<Tag, Dual<R>>& a) {
  return {largest(a.value)};
}

namespace math {

template <class R>
LIBNORM_PACK_INLINE Dual<R> log(const Dual<R>& x) {
  return {log(x.value), x.tangent / x.value};
}
template <class Tag, class R>
LIBNORM_PACK_INLINE Pack<Tag, Dual<R>> exp(const Pack<Tag, Dual<R>>& x) {
  const Pack<Tag, R> e = exp(x.value);
  return {e, e * x.tangent};
}
/// tanh' = 1 - tanh^2
template <class Tag, class R>
LIBNORM_PACK_INLINE Pack<Tag, Dual<R>> tanh(const Pack<Tag, Dual<R>>& x) {
  const Pack<Tag, R> t = tanh(x.value);
  return {t, fma(-t, t, Pack<Tag, R>(R(1))) * x.tangent};
}
/// erf'(x) = 2 / sqrt(pi) exp(-x^2)
template <class Tag, class R>
LIBNORM_PACK_INLINE Pack<Tag, Dual<R>> erf(const Pack<Tag, Dual<R>>& x) {
  const Pack<Tag, R> slope = exp(-(x.value * x.value)) * Pack<Tag, R>(R(kTwoOverRootPi));
  return {erf(x.value), slope * x.tangent};
}
/// The slope Phi + x phi has the slope phi (2 - x^2).
template <class Tag, class R>
LIBNORM_PACK_INLINE GeluResult<Pack<Tag, Dual<R>>> gelu(const Pack<Tag, Dual<R>>& x) {
  using D = Pack<Tag, double>;
  const auto g = gelu(x.value);
  const D wide = widen(x.value);
  const D bend = gaussian(wide).pdf * fma(-wide, wide, D(2.0));
  return {{g.value, g.slope * x.tangent}, {g.slope, narrow<R>(bend) * x.tangent}};
}

/// exp(x) for x <= 0. Numbers far below 0 and -infinity are clamped to a number whose exp is 0
/// too, so that they raise no floating-point exception. NaN stays NaN.
template <class P>
LIBNORM_PACK_INLINE P exp_of_difference(const P& x) {
  return exp(larger(P(typename P::value_type(-1000)), x));
}

}  // namespace math
}  // namespace libnorm
