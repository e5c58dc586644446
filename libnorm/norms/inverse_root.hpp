#pragma once

#include "libnorm/core/dual_pack.hpp"
#include "libnorm/norms/family.hpp"

namespace libnorm {

/// 1 / sqrt(m + epsilon), or 1 / (sqrt(m) + epsilon).
template <class T>
LIBNORM_INLINE T inverse_root(T m, double epsilon, EpsilonPlace place) {
  return place == EpsilonPlace::inside_root ? T(1) / square_root(m + T(epsilon))
                                            : T(1) / (square_root(m) + T(epsilon));
}

/// The k in the gradient of z = scale x, which is scale (g - z mean(z g) k): 1 with epsilon inside
/// the root; outside, with s = sqrt(m), (s + epsilon) / s.
template <class T>
LIBNORM_INLINE T radial_share(T share, T scale, double epsilon, EpsilonPlace place) {
  if (place == EpsilonPlace::inside_root) return share;
  const T rest = T(1) - T(epsilon) * scale;
  return rest > T(0) ? share / rest : T(0);
}

}  // namespace libnorm
