#pragma once

#include "libnorm/core/dual_pack.hpp"
#include "libnorm/norms/family.hpp"

namespace libnorm {

/// z = r x / max(||x||, floor): each row onto the sphere of radius r.
struct Sphere {
  /// A stabilizer of rows.
  static constexpr Family kFamily = Family::row;
  /// What r is: 1 or sqrt(C), C being a group's width where channels are in groups.
  enum class Radius { one, sqrt_channels };
  /// r
  Radius radius = Radius::one;
  /// The divisor of shorter rows, which end inside the sphere.
  double floor = 1e-9;

  /// x [C] becomes z. Returns r / max(||x||, floor); negative below the floor, where the gradient
  /// is that of a constant denominator, as in PyTorch's `normalize`.
  template <class T, class W>
  LIBNORM_INLINE T forward(W warp, Pointer<T> x, Index channels) const {
    using P = typename W::template Lanes<T>;
    const auto numbers = [&](Index c) LIBNORM_ALWAYS { return P::load(x + c, channels - c); };
    const T length = square_root(sum_products_along<T>(warp, channels, numbers, numbers));
    const bool above = length > T(floor);
    const T scale = length_of_radius<T>(channels) / (above ? length : T(floor));
    for (Index c = 0; c < channels; c += kLanes) {
      (P::load(x + c, channels - c) * P(scale)).store(x + c, channels - c);
    }
    return above ? scale : -scale;
  }

  /// g [C] becomes scale (g - z (z . g) / r^2).
  template <class T, class W>
  LIBNORM_INLINE void backward(W warp, Pointer<const T> z, T scale, Pointer<T> g,
                               Index channels) const {
    using P = typename W::template Lanes<T>;
    const T along = sum_products_along<T>(
        warp, channels, [&](Index c) LIBNORM_ALWAYS { return P::load(z + c, channels - c); },
        [&](Index c) LIBNORM_ALWAYS { return P::load(g + c, channels - c); });
    const T square = radius == Radius::one ? T(1) : T(channels);
    const P share(scale > T(0) ? -(along / square) : T(0));
    const P size(scale > T(0) ? scale : -scale);
    for (Index c = 0; c < channels; c += kLanes) {
      const P d = fma(share, P::load(z + c, channels - c), P::load(g + c, channels - c));
      (d * size).store(g + c, channels - c);
    }
  }

  /// The stabilizer with scaled(factor)(factor x) = (*this)(x).
  LIBNORM_DEVICE Sphere scaled(double factor) const { return {radius, floor * factor}; }

 private:
  template <class T>
  LIBNORM_INLINE T length_of_radius(Index channels) const {
    return radius == Radius::one ? T(1) : square_root(T(channels));
  }
};

}  // namespace libnorm
