#pragma once

#include <limits>

#include "libnorm/norms/family.hpp"
#include "libnorm/norms/pointwise_norm.hpp"

namespace libnorm {

/// z = sqrt(C) x / sqrt(beta + x^2) with a learned beta: DyISRU (Stollenwerk 2025,
/// arXiv:2503.21708): RMSNorm with the squares of the other channels replaced by a number. beta's
/// first value is C, which gives z = x near 0; the paper names none.
/// beta must stay positive; otherwise z is NaN.
struct DynamicIsru {
  /// A pointwise stabilizer.
  static constexpr Family kFamily = Family::pointwise;

  /// Number of stabilizer parameters: beta.
  LIBNORM_HOST_DEVICE Index shape_count() const { return 1; }
  /// Stabilizer parameter i, 0 .. shape_count() - 1.
  StabilizerParameter stabilizer_parameter(Index, Index channels) const {
    return {"beta", double(channels)};
  }

  /// z of 32 x; shape[i] is stabilizer parameter i in every lane.
  template <class P>
  LIBNORM_INLINE P value(const P& x, const P* shape, Index channels) const {
    return x * inverse(x, shape[0], channels);
  }
  /// z of 32 x, with the derivatives that the gradients need.
  template <class P>
  LIBNORM_INLINE PointwiseSlopes<P> slopes(const P& x, const P* shape, Index channels) const {
    using T = typename P::value_type;
    const P factor = inverse(x, shape[0], channels);
    const P z = x * factor;
    // z^2 / C = x^2 / (beta + x^2), and beta / (beta + x^2) is what is left of 1.
    const P below = shape[0] * factor * factor * P(T(1) / T(channels));
    const P by_beta = z * factor * factor * P(T(-0.5) / T(channels));
    return {z, factor * below, {by_beta}};
  }

 private:
  /// sqrt(C) / sqrt(beta + x^2). Where x^2 overflows, |x| stands for the root.
  template <class P>
  LIBNORM_INLINE P inverse(const P& x, const P& beta, Index channels) const {
    using T = typename P::value_type;
    const P square = fma(x, x, beta);
    const P size = larger(x, -x);
    const P most{T((std::numeric_limits<Real<T>>::max)())};
    const P root = select_less(most, square, size, sqrt(square));
    return P(square_root(T(channels))) / root;
  }
};

}  // namespace libnorm
