#pragma once

#include "libnorm/norms/inverse_root.hpp"

namespace libnorm {

/// z = x / sqrt(mean x^2 + epsilon) over the channels of each row: the stabilizer of RMSNorm
/// (Zhang, Sennrich 2019, arXiv:1910.07467). PyTorch's RMSNorm has epsilon inside the root.
struct Rms {
  /// A stabilizer of rows.
  static constexpr Family kFamily = Family::row;
  /// Keeps the denominator above 0.
  double epsilon = 1e-5;
  /// The formula above is that of inside_root.
  EpsilonPlace place = EpsilonPlace::inside_root;

  /// x [C] becomes z. Returns what x was multiplied by.
  template <class T, class W>
  LIBNORM_INLINE T forward(W warp, Pointer<T> x, Index channels) const {
    using P = typename W::template Lanes<T>;
    const auto numbers = [&](Index c) LIBNORM_ALWAYS { return P::load(x + c, channels - c); };
    const T squares = sum_products_along<T>(warp, channels, numbers, numbers);
    const T scale = inverse_root(squares / T(channels), epsilon, place);
    for (Index c = 0; c < channels; c += kLanes) {
      (P::load(x + c, channels - c) * P(scale)).store(x + c, channels - c);
    }
    return scale;
  }

  /// g [C] becomes scale (g - z mean(z g)).
  template <class T, class W>
  LIBNORM_INLINE void backward(W warp, Pointer<const T> z, T scale, Pointer<T> g,
                               Index channels) const {
    using P = typename W::template Lanes<T>;
    const T along = sum_products_along<T>(
        warp, channels, [&](Index c) LIBNORM_ALWAYS { return P::load(z + c, channels - c); },
        [&](Index c) LIBNORM_ALWAYS { return P::load(g + c, channels - c); });
    const P share(-radial_share(along / T(channels), scale, epsilon, place));
    for (Index c = 0; c < channels; c += kLanes) {
      const P d = fma(share, P::load(z + c, channels - c), P::load(g + c, channels - c));
      (d * P(scale)).store(g + c, channels - c);
    }
  }

  /// The stabilizer with scaled(factor)(factor x) = (*this)(x).
  LIBNORM_DEVICE Rms scaled(double factor) const {
    return {place == EpsilonPlace::inside_root ? epsilon * factor * factor : epsilon * factor,
            place};
  }
};

}  // namespace libnorm
