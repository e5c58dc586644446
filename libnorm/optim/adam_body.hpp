#pragma once

#include "libnorm/core/pack.hpp"

namespace libnorm {

/// One output is kChunk weights.
template <class T>
struct AdamBody {
  static constexpr const char* kWork = "Adam";
  static constexpr Index kChunk = 1024;
  Index size;
  T* weights;
  const T* gradient;
  T* m;
  T* v;
  T take1, keep2, take2, rate, root, epsilon;
  /// The gradient's factor, or null for 1.
  const T* clip;
  /// 1 for weights that decay and 0 for the others, or null if none do; and the share that a step
  /// takes off them.
  const T* decays;
  T decay;

  template <class W>
  LIBNORM_DEVICE void operator()(W, Index chunk) const {
    using P = typename W::template Lanes<T>;
    const Index end = (chunk + 1) * kChunk < size ? (chunk + 1) * kChunk : size;
    const P factor(clip != nullptr ? *clip : T(1));
    for (Index i = chunk * kChunk; i < end; i += kLanes) {
      const Index n = end - i;
      P g = P::load(gradient + i, n);
      if (clip != nullptr) g = factor * g;
      const P m0 = P::load(m + i, n);
      const P m1 = fma(P(take1), g - m0, m0);
      const P v1 = fma(P(take2) * g, g, P(keep2) * P::load(v + i, n));
      const P size_of_step = sqrt(v1) / P(root) + P(epsilon);
      P w0 = P::load(weights + i, n);
      if (decays != nullptr) w0 = fma(P(-decay) * P::load(decays + i, n), w0, w0);
      const P w = w0 - P(rate) * (m1 / size_of_step);
      m1.store(m + i, n);
      v1.store(v + i, n);
      w.store(weights + i, n);
    }
  }
};

}  // namespace libnorm
