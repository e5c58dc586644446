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

/// z = x scale has the gradient scale (g - z mean(z g) k); this is k. Inside the root it is 1;
/// outside, with s = sqrt(m), it is (s + epsilon) / s.
template <class T>
LIBNORM_INLINE T radial_share(T share, T scale, double epsilon, EpsilonPlace place) {
  if (place == EpsilonPlace::inside_root) return share;
  const T rest = T(1) - T(epsilon) * scale;
  return rest > T(0) ? share / rest : T(0);
}

}  // namespace libnorm
