#pragma once

#include <limits>

#include "libnorm/core/dual_pack.hpp"

// Rescaling of channels whose squares are outside the range of T: their statistics are those of x
// times a power of two. All functions work lane by lane; other channels have the factor 1 and keep
// their bits.
namespace libnorm {

/// The factor, from the unscaled x: the sum of squares, the inverse deviation, and the mean, which
/// distinguishes a large constant from small numbers, since both have no squares.
template <class P>
LIBNORM_INLINE P far_factor(const P& squares, const P& inverse, const P& mean) {
  using T = typename P::value_type;
  constexpr bool kIsFloat = sizeof(Real<T>) == sizeof(float);
  const P infinite{T(std::numeric_limits<Real<T>>::infinity())};
  const P most{T(Real<T>(kIsFloat ? 0x1p60 : 0x1p500))};
  const P up{T(Real<T>(kIsFloat ? 0x1p80 : 0x1p600))};
  const P down{T(Real<T>(kIsFloat ? 0x1p-80 : 0x1p-600))};
  const P large{T(Real<T>(kIsFloat ? 0x1p40 : 0x1p400))};
  const P without = select_less(larger(mean, -mean), large, up, down);
  return select_less(squares, infinite, select_less(inverse, most, P(T(1)), without), down);
}
/// Whether all factors are 1.
template <class P>
LIBNORM_INLINE bool none_is_far(const P& factor) {
  return value_of(sum(factor)) == Real<typename P::value_type>(kLanes);
}

/// 1 / sqrt(squares / n + epsilon) of x, from the squares of factor x. For a constant, whose
/// squares are 0, it is 1 / sqrt(epsilon), and 0 without epsilon: zeros stay zeros. NaN stays NaN.
/// Where it is beyond the range of T, for subnormal numbers without epsilon, it is T's largest.
template <class P>
LIBNORM_INLINE P far_inverse(const P& squares, const P& n, const P& factor, double epsilon) {
  using T = typename P::value_type;
  const T own{Real<T>(epsilon)};
  const P root = sqrt(squares / n + P(own) * factor * factor);
  const P constant(own > T(0) ? T(1) / square_root(own) : T(0));
  const P most{T((std::numeric_limits<Real<T>>::max)())}, inverse = factor / root;
  const P bounded = select_less(most, inverse, most, inverse);
  return select_less(P(T(0)), squares, bounded, constant);
}

/// (x - mean - rest) inverse. If the difference overflows, it is computed from halves.
template <class P>
LIBNORM_INLINE P standardized(const P& x, const P& mean, const P& rest, const P& inverse) {
  using T = typename P::value_type;
  const P d = (x - mean) - rest, half(T(0.5)), most{T((std::numeric_limits<Real<T>>::max)())};
  const P half_d = (x * half - mean * half) - rest * half;
  return select_less(most, larger(d, -d), half_d * (inverse + inverse), d * inverse);
}

}  // namespace libnorm
