#pragma once

#include "libnorm/norms/family.hpp"
#include "libnorm/norms/pointwise_norm.hpp"

namespace libnorm {

/// z = erf(alpha x + shift) with learned alpha and shift: Derf (Chen et al. 2025,
/// arXiv:2512.10938).
struct DynamicErf {
  /// A pointwise stabilizer.
  static constexpr Family kFamily = Family::pointwise;
  /// First values of the stabilizer parameters.
  /// @{
  double alpha = 0.5;
  double shift = 0;
  /// @}

  /// Number of stabilizer parameters: alpha and shift.
  LIBNORM_HOST_DEVICE Index shape_count() const { return 2; }
  /// Stabilizer parameter i, 0 .. shape_count() - 1.
  StabilizerParameter stabilizer_parameter(Index i, Index) const {
    return i == 0 ? StabilizerParameter{"alpha", alpha} : StabilizerParameter{"shift", shift};
  }

  /// z of 32 x; shape[i] is stabilizer parameter i in every lane.
  template <class P>
  LIBNORM_INLINE P value(const P& x, const P* shape, Index) const {
    return math::erf(fma(shape[0], x, shape[1]));
  }
  /// z of 32 x, with the derivatives that the gradients need.
  template <class P>
  LIBNORM_INLINE PointwiseSlopes<P> slopes(const P& x, const P* shape, Index) const {
    using T = typename P::value_type;
    const P u = fma(shape[0], x, shape[1]);
    const P slope = math::exp(-(u * u)) * P(T(math::kTwoOverRootPi));
    return {math::erf(u), slope * shape[0], {slope * x, slope}};
  }
};

}  // namespace libnorm
