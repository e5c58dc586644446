#pragma once

#include "libnorm/core/dual_pack.hpp"

// Numbers that differ from their mean by less than 1/256 of it: the mean's rounding would be no
// small part of what is left of them, and all that is left of equal ones. What is taken off such
// numbers first comes off exactly, since they are within a factor of 2 of each other.
namespace libnorm {

/// The share of the mean's square that their mean squared deviation is below.
inline constexpr double kCloseVariance = 0x1p-16;

/// Whether n numbers are close together, from their mean and the sum of their squared deviations.
template <class T>
LIBNORM_INLINE bool are_close(T squares, T mean, Index n) {
  using R = Real<T>;
  const R m = value_of(mean);
  return value_of(squares) < R(n) * R(kCloseVariance) * m * m;
}

/// Takes the mean off x [C] as long as its numbers are close together, which they are no more after
/// once or twice; equal ones end as 0. sums(mean, squares) finds both, for x as it stands; returned
/// are the last ones.
template <class T, class W, class Sums>
LIBNORM_INLINE void take_off_close_means(W, Pointer<T> x, Index channels, T& mean, T& squares,
                                         Sums sums) {
  using P = typename W::template Lanes<T>;
  sums(mean, squares);
  while (are_close(squares, mean, channels)) {
    for (Index c = 0; c < channels; c += kLanes) {
      (P::load(x + c, channels - c) - P(mean)).store(x + c, channels - c);
    }
    sums(mean, squares);
  }
}

/// The same question lane by lane: 1 where they are close, or else 0.
template <class P>
LIBNORM_INLINE P are_close(const P& squares, const P& mean, const P& n) {
  using T = typename P::value_type;
  return select_less(squares, n * P(T(Real<T>(kCloseVariance))) * mean * mean, P(T(1)), P(T(0)));
}

}  // namespace libnorm
