#pragma once

#include "libnorm/norms/inverse_root.hpp"
#include "libnorm/norms/near_constant_rows.hpp"

namespace libnorm {

/// z = (x - mean x) / sqrt(var x + epsilon) over the channels of each row: the stabilizer of
/// LayerNorm (Ba, Kiros, Hinton 2016, arXiv:1607.06450). var is the mean squared deviation, taken
/// from the centred row, so that large means lose no digits; from numbers that are close together
/// the mean is taken twice.
struct StandardizeRows {
  /// A stabilizer of rows.
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
    const auto numbers = [&](Index c) LIBNORM_ALWAYS { return P::load(x + c, channels - c); };
    const T mean = take_off_close_means(warp, x, channels, square, [&]() LIBNORM_ALWAYS {
      return sum_along<T>(warp, channels, numbers) / T(channels);
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
  LIBNORM_INLINE void backward(W warp, Pointer<const T> z, T scale, Pointer<T> g,
                               Index channels) const {
    using P = typename W::template Lanes<T>;
    T total, along;
    with_sums<T>(warp, channels, [&](auto sum_g) LIBNORM_ALWAYS {
      using S = decltype(sum_g);
      S sum_zg = sum_g;
      for (Index c = 0; c < channels; c += kLanes) {
        const S d = as<S>(P::load(g + c, channels - c));
        sum_g = sum_g + d;
        sum_zg = fma(as<S>(P::load(z + c, channels - c)), d, sum_zg);
      }
      total = T(sum(sum_g));
      along = T(sum(sum_zg));
    });
    const P mean(total / T(channels));
    const P share(-radial_share(along / T(channels), scale, epsilon, place));
    for (Index c = 0; c < channels; c += kLanes) {
      const P centred = P::load(g + c, channels - c) - mean;
      const P d = fma(share, P::load(z + c, channels - c), centred);
      (d * P(scale)).store(g + c, channels - c);
    }
  }

  /// The stabilizer with scaled(factor)(factor x) = (*this)(x).
  LIBNORM_DEVICE StandardizeRows scaled(double factor) const {
    return {place == EpsilonPlace::inside_root ? epsilon * factor * factor : epsilon * factor,
            place};
  }
};

}  // namespace libnorm
