#pragma once

#include "libnorm/core/reduce.hpp"

namespace libnorm {

/// z = (x - mean x) / sqrt(var x + epsilon) over the channels of each row: the stabilizer of
/// LayerNorm (Ba, Kiros, Hinton 2016, arXiv:1607.06450). var is the mean squared deviation, taken
/// from the centred row, so that large means lose no digits.
struct StandardizeRows {
  double epsilon = 1e-5;

  /// x [C] becomes z. Returns 1 / sqrt(var + epsilon).
  template <class W, class T>
  LIBNORM_INLINE T forward(W, T* x, Index channels) const {
    using P = typename W::template Lanes<T>;
    P total(T(0));
    for (Index c = 0; c < channels; c += kLanes) total = total + P::load(x + c, channels - c);
    const T mean = sum(total) / T(channels);
    P squares(T(0));
    for (Index c = 0; c < channels; c += kLanes) {
      const P d = P::load(x + c, channels - c, mean) - P(mean);
      squares = fma(d, d, squares);
    }
    const T scale = T(1) / square_root(sum(squares) / T(channels) + T(epsilon));
    for (Index c = 0; c < channels; c += kLanes) {
      const P d = P::load(x + c, channels - c) - P(mean);
      (d * P(scale)).store(x + c, channels - c);
    }
    return scale;
  }

  /// g [C] becomes scale (g - mean g - z mean(z g)).
  template <class W, class T>
  LIBNORM_INLINE void backward(W, const T* z, T scale, T* g, Index channels) const {
    using P = typename W::template Lanes<T>;
    P total(T(0)), along(T(0));
    for (Index c = 0; c < channels; c += kLanes) {
      const P d = P::load(g + c, channels - c);
      total = total + d;
      along = fma(P::load(z + c, channels - c), d, along);
    }
    const P mean(sum(total) / T(channels));
    const P share(-(sum(along) / T(channels)));
    for (Index c = 0; c < channels; c += kLanes) {
      const P centred = P::load(g + c, channels - c) - mean;
      const P d = fma(share, P::load(z + c, channels - c), centred);
      (d * P(scale)).store(g + c, channels - c);
    }
  }
};

}  // namespace libnorm
