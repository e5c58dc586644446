#pragma once

#include "libnorm/core/dual_pack.hpp"

// Numbers that differ from their mean by less than 1/16 of it: the mean's rounding, and that of the
// sum behind it, would be no small part of what is left of them, and all that is left of equal
// ones. What is taken off such numbers first comes off exactly where they are within a factor of 2
// of it.
namespace libnorm {

/// The share of the mean's square that their mean squared deviation is below.
inline constexpr double kCloseVariance = 0x1p-8;

/// Whether n numbers are close together, from their mean and the sum of their squared deviations.
template <class T>
LIBNORM_INLINE bool are_close(T squares, T mean, Index n) {
  using R = Real<T>;
  const R m = value_of(mean);
  return value_of(squares) < R(n) * R(kCloseVariance) * m * m;
}

/// Takes the mean off x [C] as long as its numbers are close together, which they are no more after
/// once or twice, and off long rows once; equal numbers end as 0. find_mean() finds it for x as it
/// stands. Returns the last one, and the sum of squared deviations from it.
template <class T, class W, class FindMean>
LIBNORM_INLINE T take_off_close_means(W warp, Pointer<T> x, Index channels, T& square,
                                      FindMean find_mean) {
  using P = typename W::template Lanes<T>;
  bool take_off = channels > kLongSum;
  for (;;) {
    const T mean = find_mean();
    const auto deviations = [&](Index c) LIBNORM_ALWAYS {
      return P::load(x + c, channels - c, mean) - P(mean);
    };
    square = sum_products_along<T>(warp, channels, deviations, deviations);
    if (!take_off && !are_close(square, mean, channels)) return mean;
    take_off = false;
    for (Index c = 0; c < channels; c += kLanes) {
      (P::load(x + c, channels - c) - P(mean)).store(x + c, channels - c);
    }
  }
}

/// The same question lane by lane: 1 where they are close, or else 0.
template <class P>
LIBNORM_INLINE P are_close(const P& squares, const P& mean, const P& n) {
  using T = typename P::value_type;
  return select_less(squares, n * P(T(Real<T>(kCloseVariance))) * mean * mean, P(T(1)), P(T(0)));
}

}  // namespace libnorm
