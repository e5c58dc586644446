#pragma once

#include "libnorm/norms/family.hpp"
#include "libnorm/norms/near_constant_rows.hpp"

namespace libnorm {

/// z = x - mean x over the channels of each row: the part of LayerNorm that RMSNorm omits. The mean
/// is a sum of x / C, which is finite for finite x. It is subtracted twice from numbers that are
/// close together.
struct CentreRows {
  /// A stabilizer of rows.
  static constexpr Family kFamily = Family::row;

  /// x [C] becomes z. Returns 1.
  template <class T, class W>
  LIBNORM_INLINE T forward(W warp, Pointer<T> x, Index channels) const {
    subtract_mean<T>(warp, x, channels);
    return T(1);
  }

  /// g [C] becomes g - mean g.
  template <class T, class W>
  LIBNORM_INLINE void backward(W warp, Pointer<const T>, T, Pointer<T> g, Index channels) const {
    subtract_mean<T>(warp, g, channels);
  }
  /// Itself; not called, since forward returns 1.
  LIBNORM_DEVICE CentreRows scaled(double) const { return *this; }

 private:
  template <class T, class W>
  LIBNORM_INLINE void subtract_mean(W warp, Pointer<T> x, Index channels) const {
    using P = typename W::template Lanes<T>;
    const P share(T(1) / T(channels));
    T square;
    const T mean = take_off_close_means(warp, x, channels, square, [&]() LIBNORM_ALWAYS {
      return sum_products_along<T>(
          warp, channels, [&](Index c) LIBNORM_ALWAYS { return P::load(x + c, channels - c); },
          [&](Index) LIBNORM_ALWAYS { return share; });
    });
    for (Index c = 0; c < channels; c += kLanes) {
      (P::load(x + c, channels - c) - P(mean)).store(x + c, channels - c);
    }
  }
};

}  // namespace libnorm
