#pragma once

#include "libnorm/core/dual_pack.hpp"

// Near-constant rows: numbers that differ from their mean by less than 1/16 of it. The rounding
// errors of the sum and the mean are then a large part of the differences, and all of them if the
// numbers are equal. So the mean is subtracted twice: the first difference is exact for numbers
// within a factor of 2 of the mean, and the second pass subtracts the error.
namespace libnorm {

/// Numbers are close together if their mean squared deviation is below this share of the mean's
/// square.
inline constexpr double kCloseVariance = 0x1p-8;

/// Whether n numbers are close together, by their mean and the sum of their squared deviations.
template <class T>
LIBNORM_INLINE bool are_close(T squares, T mean, Index n) {
  using R = Real<T>;
  const R m = value_of(mean);
  return value_of(squares) < R(n) * R(kCloseVariance) * m * m;
}

/// Subtracts the mean from x [C] until its numbers are no longer close together, which takes one or
/// two passes, and from long rows once; equal numbers become 0. find_mean() computes the mean of
/// the current x. Returns the last mean, and the sum of squared deviations from it.
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

/// The same lane by lane: 1 where the numbers are close together, else 0.
template <class P>
LIBNORM_INLINE P are_close(const P& squares, const P& mean, const P& n) {
  using T = typename P::value_type;
  return select_less(squares, n * P(T(Real<T>(kCloseVariance))) * mean * mean, P(T(1)), P(T(0)));
}

}  // namespace libnorm
