#pragma once

#include <cstdint>
#include <iterator>
#include <type_traits>

#include "libnorm/core/pack.hpp"
#include "libnorm/core/simd.hpp"

/// exp, log, erf, tanh and GELU from + - * / and fma alone, written once over one double or one
/// register of doubles: the same bits from every compiler, optimisation level and instruction set,
/// which no libm promises. The includer's flags do not matter either, since every product that is
/// added is in an fma or exact. The float versions widen, use the same code and round once. NaN
/// gives NaN, whose payload may differ; NaN and infinities may raise the exception invalid.
namespace libnorm::math {

/// 2 / sqrt(pi), the slope of erf at 0.
inline constexpr double kTwoOverRootPi = 0x1.20dd750429b6dp+0;

/// Phi(x), the standard normal distribution function, and its derivative.
template <class D>
struct Gaussian {
  /// Phi(x)
  D cdf;
  /// exp(-x^2/2) / sqrt(2 pi)
  D pdf;
};

/// GELU(x) = x Phi(x) and its derivative.
template <class T>
struct GeluResult {
  /// x Phi(x)
  T value;
  /// Phi(x) + x phi(x), phi the derivative of Phi.
  T slope;
};

namespace detail {

// Printed by scripts/fit_math.py.
inline constexpr double kLn2Hi = 0x1.62e42fefa3800p-1;
inline constexpr double kLn2Lo = 0x1.ef35793c76730p-45;
inline constexpr double kLog2E = 0x1.71547652b82fep+0;
inline constexpr double kInvSqrt2Pi = 0x1.9884533d43651p-2;
inline constexpr double kSqrt2 = 0x1.6a09e667f3bcdp+0;
// (exp(r) - 1 - r) / r^2 for |r| <= log(2)/2.
// Worst relative error 3.6e-18, as rounded 1.1e-17.
inline constexpr double kExp[] = {
    0x1.000000000000ap-1,  0x1.55555555554fap-3,  0x1.555555555087cp-5,  0x1.1111111127be9p-7,
    0x1.6c16c1842a139p-10, 0x1.a01a012a5697dp-13, 0x1.a0199a0c61a43p-16, 0x1.71df2554b6670p-19,
    0x1.28ad72d1e3750p-22, 0x1.ad7f6b1243b61p-26};
// (log((1 + s) / (1 - s)) / s - 2) / z for z = s^2, |s| <= 3 - 2 sqrt(2).
// Worst relative error 1.2e-18, as rounded 1.5e-18.
inline constexpr double kLog[] = {0x1.5555555555592p-1, 0x1.999999997fea9p-2, 0x1.24924941e4959p-2,
                                  0x1.c71c5212f987ep-3, 0x1.74663d0ce6dc8p-3, 0x1.39a1e7e1cd988p-3,
                                  0x1.2f03b6933fa28p-3};
// erf(x) / x - 1 for u = x^2 <= 1.015625^2.
// Worst relative error 1.9e-19, as rounded 1.8e-17.
inline constexpr double kErf[] = {
    0x1.06eba8214db69p-3,  -0x1.812746b0379e6p-2,  0x1.ce2f21a042ad5p-4,  -0x1.b82ce312832bfp-6,
    0x1.565bcd0d771cdp-8,  -0x1.c02db3ce720a2p-11, 0x1.f9a3206961787p-14, -0x1.f4d1c76d5ae14p-17,
    0x1.b9ddbbf1dd275p-20, -0x1.5f12d55d30c06p-23, 0x1.f73342c060765p-27, -0x1.370b1a685bf96p-30,
    0x1.01bbc05096844p-34};
// exp(a^2/2) Phi(-a) for 0 <= a <= 40, numerator.
// Worst relative error 5.4e-17, as rounded 1.3e-16.
inline constexpr double kTailUp[] = {
    0x1.0000000000000p-1,  0x1.8d0e73214c809p-1, 0x1.309dff7f2c80ap-1, 0x1.28f12ef0067c3p-2,
    0x1.915f4e2fb5617p-4,  0x1.847e04a0094e9p-6, 0x1.0d3da2045c45dp-8, 0x1.028f5016e56a2p-11,
    0x1.3a9adf02ca7e6p-15, 0x1.76f5a030729d5p-20};
// exp(a^2/2) Phi(-a) for 0 <= a <= 40, denominator.
// Worst relative error 5.4e-17, as rounded 1.3e-16.
inline constexpr double kTailDown[] = {
    0x1.0000000000000p+0,  0x1.2ca84e5ff7180p+1,  0x1.4832d279866a2p+1, 0x1.b7a0fb54cc620p+0,
    0x1.91586b69812efp-1,  0x1.05e0166550fc9p-2,  0x1.f0f8e538e6b1bp-5, 0x1.5486115654b18p-7,
    0x1.44f97aab88c5fp-10, 0x1.8a4c817be0dcdp-14, 0x1.d5f127ac70440p-19};

/// The operations that the functions need of their number type: here, one double.
struct One {
  using V = double;
  using U = std::uint64_t;
  static LIBNORM_INLINE V broadcast(double x) { return x; }
  static LIBNORM_INLINE V fma(V a, V b, V c) { return fused(a, b, c); }
};

/// One register of doubles.
template <class IsaTag>
struct Many : Register<IsaTag, double> {
  using V = typename Register<IsaTag, double>::V;
  using U = typename VectorOf<std::uint64_t, IsaTag::kBytes>::type;
};
/// One lane's double.
template <>
struct Many<Cuda> : One {};

/// The functions on a number type. No branches: special values are chosen at the end.
template <class Number>
struct Functions {
  using V = typename Number::V;
  using U = typename Number::U;

  static constexpr double kInfinity = __builtin_inf();
  /// Added to a number below 2^51, it leaves the nearest integer in the low bits.
  static constexpr double kShift = 0x1.8p52;
  static constexpr std::uint64_t kSign = 0x8000000000000000;
  static constexpr std::uint64_t kMantissa = 0x000fffffffffffff;

  /// A constant in every lane.
  static LIBNORM_INLINE V c(double x) { return Number::broadcast(x); }
  static LIBNORM_INLINE U bits(V x) { return __builtin_bit_cast(U, x); }
  static LIBNORM_INLINE V from_bits(U x) { return __builtin_bit_cast(V, x); }
  static LIBNORM_INLINE V abs(V x) { return from_bits(bits(x) & ~kSign); }
  /// |x| with the sign of y, for x >= 0.
  static LIBNORM_INLINE V with_sign(V x, V y) { return from_bits(bits(x) | (bits(y) & kSign)); }

  /// sum of a[i] x^i from degree i on, by Horner's rule.
  template <const auto& a, int i = 0>
  static LIBNORM_INLINE V polynomial(V x) {
    constexpr double coefficient = a[i];  // A GPU finds no array of the processor's.
    if constexpr (i + 1 == int(std::size(a))) {
      return c(coefficient);
    } else {
      return Number::fma(x, polynomial<a, i + 1>(x), c(coefficient));
    }
  }

  /// x = n log(2) + r with |r| <= log(2)/2; n stands in the low bits of `shifted`.
  struct Reduced {
    V r;
    U shifted;
  };
  static LIBNORM_INLINE Reduced reduce(V x) {
    const V shifted = Number::fma(x, c(kLog2E), c(kShift));
    const V n = shifted - kShift;
    const V r = Number::fma(n, c(-kLn2Lo), Number::fma(n, c(-kLn2Hi), x));
    return {r, bits(shifted)};
  }
  /// y 2^n by adding to the exponent; y and the product must be normal.
  static LIBNORM_INLINE V scale(V y, U shifted) { return from_bits(bits(y) + (shifted << 52)); }
  /// exp(r) - 1 for |r| <= log(2)/2.
  static LIBNORM_INLINE V expm1_reduced(V r) { return Number::fma(r * r, polynomial<kExp>(r), r); }
  /// exp(x + lo) for tiny lo; 0 below -708, not defined above 709.
  static LIBNORM_INLINE V exp_below(V x, V lo) {
    const Reduced reduced = reduce(x);
    const V y = scale(expm1_reduced(reduced.r + lo) + 1.0, reduced.shifted);
    return x < -708.0 ? c(0) : y;
  }

  static LIBNORM_INLINE V exp(V x) {
    const Reduced reduced = reduce(x);
    const V y = scale(expm1_reduced(reduced.r) + 1.0, reduced.shifted);
    const V bounded = x < 0x1.62e42fefa39fp9 ? y : x + kInfinity;
    return x < -708.0 ? c(0) : bounded;
  }

  /// log(m 2^k) with m in [sqrt(1/2), sqrt(2)): s = (m-1)/(m+1), log(m) = 2 atanh(s) as a
  /// correction of m - 1, which is exact.
  static LIBNORM_INLINE V log(V x) {
    constexpr std::uint64_t kRootHalf = 0x3fe6a09e667f3bcd;
    const V normal = x < 0x1p-1022 ? x * 0x1p54 : x;
    const V bias = x < 0x1p-1022 ? c(0x1p52 + 1023 + 54) : c(0x1p52 + 1023);
    const U moved = bits(normal) - kRootHalf + (std::uint64_t(1023) << 52);
    const V k = from_bits((moved >> 52) | 0x4330000000000000) - bias;
    const V f = from_bits((moved & kMantissa) + kRootHalf) - 1.0;
    const V s = f / (f + 2.0);
    const V z = s * s;
    const V half = f * f * 0.5;
    const V tail = Number::fma(s, Number::fma(z, polynomial<kLog>(z), half), k * kLn2Lo);
    const V y = Number::fma(k, c(kLn2Hi), f - (half - tail));
    const V below = x < 0.0 ? c(__builtin_nan("")) : c(-kInfinity);
    const V bounded = x > 0.0 ? y : below;
    return x < kInfinity ? bounded : x + kInfinity;
  }

  /// expm1(-2|x|) = t gives tanh|x| = -t / (t + 2); beyond 20 it rounds to 1.
  static LIBNORM_INLINE V tanh(V x) {
    const V a = abs(x);
    const Reduced reduced = reduce((a > 20.0 ? c(20) : a) * -2.0);
    const V power = scale(c(1), reduced.shifted);
    const V t = Number::fma(power, expm1_reduced(reduced.r), power - 1.0);
    return with_sign(abs(t / (t + 2.0)), x);
  }

  /// exp(a^2/2) Phi(-a) for 0 <= a <= 40: a rational function with positive coefficients, so that
  /// nothing cancels.
  static LIBNORM_INLINE V tail_ratio(V a) {
    return polynomial<kTailUp>(a) / polynomial<kTailDown>(a);
  }

  /// x + x P(x^2) up to 1.015625, 1 - 2 Phi(-sqrt(2) |x|) beyond.
  static LIBNORM_INLINE V erf(V x) {
    const V a = abs(x);
    const V y = a > 28.0 ? c(28) : a;
    const V hi = y * y;
    const V inner = Number::fma(a, polynomial<kErf>(hi), a);
    const V tail = exp_below(-hi, -Number::fma(y, y, -hi)) * tail_ratio(y * kSqrt2);
    const V outer = Number::fma(tail, c(-2), c(1));
    return with_sign(a < 1.015625 ? inner : outer, x);
  }

  /// The rounding error of x^2 goes into the exponential too, else it would grow with x^2.
  static LIBNORM_INLINE Gaussian<V> gaussian(V x) {
    const V a = abs(x);
    const V y = a > 40.0 ? c(40) : a;
    const V hi = y * y;
    const V lo = Number::fma(y, y, -hi);
    const V e = exp_below(hi * -0.5, lo * -0.5);
    const V tail = e * tail_ratio(y);
    return {x < 0.0 ? tail : Number::fma(tail, c(-1), c(1)), e * kInvSqrt2Pi};
  }

  static LIBNORM_INLINE GeluResult<V> gelu(V x) {
    const Gaussian<V> g = gaussian(x);
    // Beyond 40, Phi is 0 or 1 and its derivative 0: the bounds keep infinity from meeting 0.
    const V above = x < -40.0 ? c(-40) : x;
    const V inside = above > 40.0 ? c(40) : above;
    return {above * g.cdf, Number::fma(inside, g.pdf, g.cdf)};
  }
};

/// f(x) register by register; registers of float pass through two of double.
template <class Tag, class T, class F, class V, int n>
LIBNORM_PACK_INLINE void apply(F f, const Registers<V, n>& x, Registers<V, n>& y) {
  if constexpr (n > 1) {
    apply<Tag, T>(f, x.lo, y.lo);
    apply<Tag, T>(f, x.hi, y.hi);
  } else if constexpr (lane_per_thread<Tag>) {
    y.v = T(f(double(x.v)));
  } else if constexpr (std::is_same_v<T, double>) {
    y.v = f(x.v);
  } else {
    typename Many<Tag>::V lo, hi;
    Register<Tag, float>::widen(x.v, lo, hi);
    y.v = Register<Tag, float>::narrow(f(lo), f(hi));
  }
}

/// The same for a function of two results.
template <class Tag, class T, class F, class V, int n>
LIBNORM_PACK_INLINE void apply(F f, const Registers<V, n>& x, Registers<V, n>& y,
                               Registers<V, n>& z) {
  if constexpr (n > 1) {
    apply<Tag, T>(f, x.lo, y.lo, z.lo);
    apply<Tag, T>(f, x.hi, y.hi, z.hi);
  } else if constexpr (lane_per_thread<Tag>) {
    double first, second;
    f(double(x.v), first, second);
    y.v = T(first);
    z.v = T(second);
  } else if constexpr (std::is_same_v<T, double>) {
    f(x.v, y.v, z.v);
  } else {
    typename Many<Tag>::V lo, hi, y_lo, y_hi, z_lo, z_hi;
    Register<Tag, float>::widen(x.v, lo, hi);
    f(lo, y_lo, z_lo);
    f(hi, y_hi, z_hi);
    y.v = Register<Tag, float>::narrow(y_lo, y_hi);
    z.v = Register<Tag, float>::narrow(z_lo, z_hi);
  }
}

template <class Tag, class T, class F>
LIBNORM_PACK_INLINE Pack<Tag, T> map(F f, const Pack<Tag, T>& x) {
  Pack<Tag, T> y;
  apply<Tag, T>(f, x.regs, y.regs);
  return y;
}

using Single = Functions<One>;
template <class Tag>
using Lanes = Functions<Many<Tag>>;

/// Not inlined: a body would hold one copy for each register of 32 lanes, and compile for minutes.
template <class Tag>
LIBNORM_DEVICE __attribute__((noinline, const)) typename Many<Tag>::V erf_of(
    typename Many<Tag>::V x) {
  return Lanes<Tag>::erf(x);
}
template <class Tag>
LIBNORM_DEVICE __attribute__((noinline, const)) typename Many<Tag>::V tanh_of(
    typename Many<Tag>::V x) {
  return Lanes<Tag>::tanh(x);
}

}  // namespace detail

/// e^x; infinity above 709.78. The double result has a relative error below 1.7e-16 and is 0 below
/// -708. The float result is the nearest one for every float, and underflows gradually.
/// @{
LIBNORM_INLINE double exp(double x) { return detail::Single::exp(x); }
LIBNORM_INLINE float exp(float x) { return float(exp(double(x))); }
template <class Tag, class T>
LIBNORM_PACK_INLINE Pack<Tag, T> exp(const Pack<Tag, T>& x) {
  return detail::map([](auto v) LIBNORM_PACK_ALWAYS { return detail::Lanes<Tag>::exp(v); }, x);
}
/// @}

/// Natural logarithm; -infinity at 0, NaN below. The double result has a relative error below
/// 1.7e-16, for subnormal x too. The float result is the nearest one for every float but 5, which
/// miss the nearest by one last place; the worst is 0.500000001 of it from the exact value.
/// @{
LIBNORM_INLINE double log(double x) { return detail::Single::log(x); }
LIBNORM_INLINE float log(float x) { return float(log(double(x))); }
template <class Tag, class T>
LIBNORM_PACK_INLINE Pack<Tag, T> log(const Pack<Tag, T>& x) {
  return detail::map([](auto v) LIBNORM_PACK_ALWAYS { return detail::Lanes<Tag>::log(v); }, x);
}
/// @}

/// erf(x) = 2/sqrt(pi) integral_0^x exp(-t^2) dt; odd, also in the sign of zero. The double result
/// has a relative error below 1.8e-16, the float result is the nearest one for every float.
/// @{
LIBNORM_INLINE double erf(double x) { return detail::Single::erf(x); }
LIBNORM_INLINE float erf(float x) { return float(erf(double(x))); }
template <class Tag, class T>
LIBNORM_PACK_INLINE Pack<Tag, T> erf(const Pack<Tag, T>& x) {
  return detail::map([](auto v) LIBNORM_PACK_ALWAYS { return detail::erf_of<Tag>(v); }, x);
}
/// @}

/// Hyperbolic tangent; odd, also in the sign of zero. The double result has a relative error below
/// 4e-16, the float result is the nearest one for every float.
/// @{
LIBNORM_INLINE double tanh(double x) { return detail::Single::tanh(x); }
LIBNORM_INLINE float tanh(float x) { return float(tanh(double(x))); }
template <class Tag, class T>
LIBNORM_PACK_INLINE Pack<Tag, T> tanh(const Pack<Tag, T>& x) {
  return detail::map([](auto v) LIBNORM_PACK_ALWAYS { return detail::tanh_of<Tag>(v); }, x);
}
/// @}

/// Phi(x) = (1 + erf(x / sqrt(2))) / 2 and exp(-x^2/2) / sqrt(2 pi) from one exponential. Relative
/// errors: Phi below 1.3e-15 for x in [-37.5, -5], 1e-15 above; its derivative 4e-16 for
/// |x| <= 37.6. Below -37.5 Phi is subnormal: half a last place more. What is smaller still is 0.
/// @{
LIBNORM_INLINE Gaussian<double> gaussian(double x) { return detail::Single::gaussian(x); }
template <class Tag>
LIBNORM_PACK_INLINE Gaussian<Pack<Tag, double>> gaussian(const Pack<Tag, double>& x) {
  Gaussian<Pack<Tag, double>> r;
  detail::apply<Tag, double>(
      [](auto v, auto& cdf, auto& pdf) LIBNORM_PACK_ALWAYS {
        const auto g = detail::Lanes<Tag>::gaussian(v);
        cdf = g.cdf;
        pdf = g.pdf;
      },
      x.regs, r.cdf.regs, r.pdf.regs);
  return r;
}
/// @}

/// The exact GELU x Phi(x), and its derivative Phi(x) + x phi(x). Errors of the doubles: relative
/// 1.4e-15 (value, where Phi is normal), absolute 4e-16 (slope). The float value is the nearest
/// one for every float; so is the float slope but for 2 floats, whose worst is 0.5000000004 of a
/// last place from the exact slope. Source: Hendrycks and Gimpel, arXiv 1606.08415; PyTorch's
/// `gelu(approximate="none")`.
/// @{
LIBNORM_INLINE GeluResult<double> gelu(double x) { return detail::Single::gelu(x); }
LIBNORM_INLINE GeluResult<float> gelu(float x) {
  const GeluResult<double> g = gelu(double(x));
  return {float(g.value), float(g.slope)};
}
template <class Tag, class T>
LIBNORM_PACK_INLINE GeluResult<Pack<Tag, T>> gelu(const Pack<Tag, T>& x) {
  GeluResult<Pack<Tag, T>> r;
  detail::apply<Tag, T>(
      [](auto v, auto& value, auto& slope) LIBNORM_PACK_ALWAYS {
        const auto g = detail::Lanes<Tag>::gelu(v);
        value = g.value;
        slope = g.slope;
      },
      x.regs, r.value.regs, r.slope.regs);
  return r;
}
/// @}

}  // namespace libnorm::math
