#pragma once

#include "libnorm/norms/family.hpp"
#include "libnorm/norms/pointwise_norm.hpp"

namespace libnorm {

/// z = tanh(alpha x) with a learned alpha: DyT (Zhu et al. 2025, arXiv:2503.10622), whose alpha
/// starts at 0.5.
struct DynamicTanh {
  /// A pointwise stabilizer.
  static constexpr Family kFamily = Family::pointwise;
  /// First value of the stabilizer parameter.
  double alpha = 0.5;

  /// Number of stabilizer parameters: alpha.
  LIBNORM_HOST_DEVICE Index shape_count() const { return 1; }
  /// Stabilizer parameter i, 0 .. shape_count() - 1.
  StabilizerParameter stabilizer_parameter(Index, Index) const { return {"alpha", alpha}; }

  /// z of 32 x; shape[i] is stabilizer parameter i in every lane.
  template <class P>
  LIBNORM_INLINE P value(const P& x, const P* shape, Index) const {
    return math::tanh(shape[0] * x);
  }
  /// z of 32 x, with the derivatives that the gradients need.
  template <class P>
  LIBNORM_INLINE PointwiseSlopes<P> slopes(const P& x, const P* shape, Index) const {
    const P z = math::tanh(shape[0] * x);
    const P slope = fma(-z, z, P(typename P::value_type(1)));
    return {z, slope * shape[0], {slope * x}};
  }
};

}  // namespace libnorm
