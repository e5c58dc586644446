#pragma once

#include "libnorm/core/reduce.hpp"

namespace libnorm {

/// One output is the sum of squares of a shard of kShard numbers, in double.
template <class T>
struct SquaresBody {
  static constexpr const char* kWork = "Adam";
  static constexpr Index kShard = 4096;
  Index size;
  const T* x;
  double* squares;

  template <class W>
  LIBNORM_DEVICE void operator()(W warp, Index shard) const {
    using P = typename W::template Lanes<T>;
    using D = typename W::template Lanes<double>;
    const Index end = (shard + 1) * kShard < size ? (shard + 1) * kShard : size;
    D total(0.0);
    for (Index i = shard * kShard; i < end; i += kLanes) {
      const D v = widen(P::load(x + i, end - i));
      total = fma(v, v, total);
    }
    const double square = sum(total);
    warp.once([&]() LIBNORM_ALWAYS { squares[shard] = square; });
  }
};

/// The one output is what the gradient is multiplied by, from the sums of its shards.
template <class T>
struct ClipBody {
  static constexpr const char* kWork = "Adam";
  Index shards;
  const double* squares;
  double most;
  T* factor;

  template <class W>
  LIBNORM_DEVICE void operator()(W warp, Index) const {
    using D = typename W::template Lanes<double>;
    D total(0.0);
    for (Index i = 0; i < shards; i += kLanes) total = total + D::load(squares + i, shards - i);
    // PyTorch's addend. A norm that is NaN makes the factor NaN.
    const double norm = square_root(sum(total)) + 1e-6;
    const T f = norm <= most ? T(1) : T(most / norm);
    warp.once([&]() LIBNORM_ALWAYS { *factor = f; });
  }
};

}  // namespace libnorm
