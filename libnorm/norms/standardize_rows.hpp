#pragma once

#include "libnorm/norms/close_numbers.hpp"
#include "libnorm/norms/inverse_root.hpp"

namespace libnorm {

/// z = (x - mean x) / sqrt(var x + epsilon) over the channels of each row: the stabilizer of
/// LayerNorm (Ba, Kiros, Hinton 2016, arXiv:1607.06450). var is the mean squared deviation, taken
/// from the centred row, so that large means lose no digits; from numbers that are close together
/// the mean is taken twice.
struct StandardizeRows {
  /// It looks at rows.
  static constexpr Family kFamily = Family::row;
  /// Keeps the denominator above 0.
  double epsilon = 1e-5;
  /// The formula above is that of inside_root.
  EpsilonPlace place = EpsilonPlace::inside_root;

  /// x [C] becomes z. Returns what the centred x was multiplied by.
  template <class T, class W>
  LIBNORM_INLINE T forward(W warp, Pointer<T> x, Index channels) const {
    using P = typename W::template Lanes<T>;
    T square;
    const T mean = take_off_close_means(warp, x, channels, square, [&]() LIBNORM_ALWAYS {
      P total(T(0));
      for (Index c = 0; c < channels; c += kLanes) total = total + P::load(x + c, channels - c);
      return sum(total) / T(channels);
    });
    const T scale = inverse_root(square / T(channels), epsilon, place);
    for (Index c = 0; c < channels; c += kLanes) {
      const P d = P::load(x + c, channels - c) - P(mean);
      (d * P(scale)).store(x + c, channels - c);
    }
    return scale;
  }

  /// g [C] becomes scale (g - mean g - z mean(z g)).
  template <class T, class W>
  LIBNORM_INLINE void backward(W, Pointer<const T> z, T scale, Pointer<T> g, Index channels) const {
    using P = typename W::template Lanes<T>;
    P total(T(0)), along(T(0));
    for (Index c = 0; c < channels; c += kLanes) {
      const P d = P::load(g + c, channels - c);
      total = total + d;
      along = fma(P::load(z + c, channels - c), d, along);
    }
    const P mean(sum(total) / T(channels));
    const P share(-radial_share(sum(along) / T(channels), scale, epsilon, place));
    for (Index c = 0; c < channels; c += kLanes) {
      const P centred = P::load(g + c, channels - c) - mean;
      const P d = fma(share, P::load(z + c, channels - c), centred);
      (d * P(scale)).store(g + c, channels - c);
    }
  }

  /// What does to `factor` x what this does to x.
  LIBNORM_DEVICE StandardizeRows scaled(double factor) const {
    return {place == EpsilonPlace::inside_root ? epsilon * factor * factor : epsilon * factor,
            place};
  }
};

}  // namespace libnorm
