#pragma once

#include <limits>

#include "libnorm/core/dual_pack.hpp"

// Channels whose squares are outside the range of T: their statistics are taken of x times a power
// of two. All functions work lane by lane; other channels have the factor 1 and keep their bits.
namespace libnorm {

/// The factor, from the sum of squares and the inverse deviation that x itself gave.
template <class P>
LIBNORM_INLINE P far_factor(const P& squares, const P& inverse) {
  using T = typename P::value_type;
  constexpr bool kIsFloat = sizeof(Real<T>) == sizeof(float);
  const P infinite{T(std::numeric_limits<Real<T>>::infinity())};
  const P most{T(Real<T>(kIsFloat ? 0x1p60 : 0x1p500))};
  const P up{T(Real<T>(kIsFloat ? 0x1p80 : 0x1p600))};
  const P down{T(Real<T>(kIsFloat ? 0x1p-80 : 0x1p-600))};
  return select_less(squares, infinite, select_less(inverse, most, P(T(1)), up), down);
}
/// Whether all factors are 1.
template <class P>
LIBNORM_INLINE bool none_is_far(const P& factor) {
  return value_of(sum(factor)) == Real<typename P::value_type>(kLanes);
}

/// The mean, from that of x and that of factor x. A factor above 1 may be one too many: a large
/// constant has no squares either.
template <class P>
LIBNORM_INLINE P far_mean(const P& mean, const P& of_far, const P& factor) {
  return select_less(factor, P(typename P::value_type(1)), of_far / factor, mean);
}

/// 1 / sqrt(squares / n + epsilon) of x, from the squares of factor x. Of a constant, which has no
/// squares, it is 1 / sqrt(epsilon), and 0 without epsilon: zeros stay zeros. A NaN stays one.
template <class P>
LIBNORM_INLINE P far_inverse(const P& squares, const P& n, const P& factor, double epsilon) {
  using T = typename P::value_type;
  const T own{Real<T>(epsilon)};
  const P root = sqrt(squares / n + P(own) * factor * factor);
  const P constant(own > T(0) ? T(1) / square_root(own) : T(0));
  const P of_far = factor / root, smallest{T(std::numeric_limits<Real<T>>::denorm_min())};
  // What is NaN under a factor above 1 was a constant that is large.
  return select_less(P(T(1)), factor, select_less(P(T(0)), squares, of_far, constant),
                     select_less(squares, smallest, constant, of_far));
}

/// (x - mean) inverse. Where the difference overflows, it is that of the halves.
template <class P>
LIBNORM_INLINE P standardized(const P& x, const P& mean, const P& inverse) {
  using T = typename P::value_type;
  const P d = x - mean, half(T(0.5)), most{T((std::numeric_limits<Real<T>>::max)())};
  return select_less(most, larger(d, -d), (x * half - mean * half) * (inverse + inverse),
                     d * inverse);
}

}  // namespace libnorm
