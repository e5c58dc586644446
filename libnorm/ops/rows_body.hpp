#pragma once

#include "libnorm/core/dual_pack.hpp"
#include "libnorm/ops/rows.hpp"

namespace libnorm {

template <class T>
struct GatherRowsBody {
  static constexpr const char* kWork = "rows";
  MatrixView<const T> table;
  const std::int32_t* index;
  MatrixView<T> out;

  template <class W>
  LIBNORM_DEVICE void operator()(W, Index r) const {
    using P = typename W::template Lanes<T>;
    const Pointer<const T> from = table.row(index[r]);
    for (Index c = 0; c < out.cols; c += kLanes) {
      P::load(from + c, out.cols - c).store(out.row(r) + c, out.cols - c);
    }
  }
};

/// out = 0; one output is a row.
template <class T>
struct ZeroRowsBody {
  static constexpr const char* kWork = "rows";
  static constexpr bool kIsRowwise = true;
  MatrixView<T> out;

  template <class W>
  LIBNORM_DEVICE void operator()(W, Index r) const {
    using P = typename W::template Lanes<T>;
    for (Index c = 0; c < out.cols; c += kLanes) P(T(0)).store(out.row(r) + c, out.cols - c);
  }
};

/// out = x + branch; one output is a row.
template <class T>
struct AddRowsBody {
  static constexpr const char* kWork = "rows";
  static constexpr bool kIsRowwise = true;
  MatrixView<const T> x, branch;
  MatrixView<T> out;

  template <class W>
  LIBNORM_DEVICE void operator()(W, Index r) const {
    using P = typename W::template Lanes<T>;
    for (Index c = 0; c < x.cols; c += kLanes) {
      const Index left = x.cols - c;
      P v = P::load(x.row(r) + c, left);
      if (branch.data != nullptr) v = v + P::load(branch.row(r) + c, left);
      v.store(out.row(r) + c, left);
    }
  }
};

/// out = x + scale branch, scale [C], or [1] for all channels; one output is a row.
template <class T>
struct AddScaledRowsBody {
  static constexpr const char* kWork = "rows";
  static constexpr bool kIsRowwise = true;
  MatrixView<const T> x, branch;
  Pointer<const T> scale;
  Index scales;
  MatrixView<T> out;

  template <class W>
  LIBNORM_DEVICE void operator()(W, Index r) const {
    using P = typename W::template Lanes<T>;
    for (Index c = 0; c < x.cols; c += kLanes) {
      const Index left = x.cols - c;
      const P s = scales == 1 ? P(T(scale[0])) : P::load(scale + c, left);
      fma(s, P::load(branch.row(r) + c, left), P::load(x.row(r) + c, left))
          .store(out.row(r) + c, left);
    }
  }
};

template <class T>
struct ScatterRowsBody {
  static constexpr const char* kWork = "rows";
  MatrixView<const T> rows;
  const std::int32_t* index;
  MatrixView<T> out;
  Output output;

  template <class W>
  LIBNORM_DEVICE void operator()(W, Index r) const {
    using P = typename W::template Lanes<T>;
    const Pointer<T> to = out.row(index[r]);
    for (Index c = 0; c < out.cols; c += kLanes) {
      P x = P::load(rows.row(r) + c, out.cols - c);
      if (output == Output::add) x = P::load(to + c, out.cols - c) + x;
      x.store(to + c, out.cols - c);
    }
  }
};

template <class T>
struct SumGroupsBody {
  static constexpr const char* kWork = "rows";
  MatrixView<const T> rows;
  Groups groups;
  MatrixView<const T> start;
  MatrixView<T> out;

  template <class W>
  LIBNORM_DEVICE void operator()(W warp, Index g) const {
    using P = typename W::template Lanes<T>;
    const Index begin = groups.begin(g), end = groups.end(g);
    for (Index c = 0; c < out.cols; c += kLanes) {
      const Index left = out.cols - c;
      with_sums<T>(warp, end - begin, [&](auto total) LIBNORM_ALWAYS {
        using S = decltype(total);
        if (start.data != nullptr) total = as<S>(P::load(start.row(g) + c, left));
        for (Index i = begin; i < end; ++i) {
          total = total + as<S>(P::load(rows.row(groups.member(i)) + c, left));
        }
        as<P>(total).store(out.row(g) + c, left);
      });
    }
  }
};

/// value(first) + value(first + 1) + ... over a shard of `count` rows that begins at `first`.
template <class P, class F>
LIBNORM_INLINE P sum_shard(Index first, Index count, F value) {
  const Index end = first + kShard < count ? first + kShard : count;
  P shard = value(first);
  for (Index r = first + 1; r < end; ++r) shard = shard + value(r);
  return shard;
}

/// value(0) + ... + value(count - 1) in shards.
template <class P, class W, class F>
LIBNORM_INLINE P sum_shards(W, Index count, F value) {
  P total(typename P::value_type(0));
  for (Index first = 0; first < count; first += kShard) {
    const P shard = sum_shard<P>(first, count, value);
    total = first == 0 ? shard : total + shard;
  }
  return total;
}

#if defined(LIBNORM_CUDA_KERNELS)
/// The same by the warps of a block, which take the shards in turn. Shared memory: 32 numbers a
/// warp.
template <class P, class F>
LIBNORM_INLINE P sum_shards(CudaTeam, Index count, F value) {
  using T = typename P::value_type;
  static_assert(sizeof(T) <= sizeof(double));
  T* shards = reinterpret_cast<T*>(shared_memory());
  const Index warps = Index(blockDim.x) / kLanes, own = Index(threadIdx.x) / kLanes;
  P total(T(0));
  for (Index first = 0; first < count; first += warps * kShard) {
    const Index from = first + own * kShard;
    if (from < count) sum_shard<P>(from, count, value).store(shards + own * kLanes);
    __syncthreads();
    for (Index w = 0; w < warps && first + w * kShard < count; ++w) {
      const P shard = P::load(shards + w * kLanes);
      total = first + w == 0 ? shard : total + shard;
    }
    __syncthreads();
  }
  return total;
}
#endif

/// Sums value(r) over rows 0 .. count-1 in shards; more than kManyRows floats are added in double.
/// For bodies whose output is 32 columns.
template <class P, class W, class F>
LIBNORM_INLINE P sum_rows_in_shards(W warp, Index count, F value) {
  if constexpr (std::is_same_v<typename P::value_type, float>) {
    using D = typename W::template Lanes<double>;
    if (count > kManyRows) {
      return as<P>(
          sum_shards<D>(warp, count, [&](Index r) LIBNORM_ALWAYS { return as<D>(value(r)); }));
    }
  }
  return sum_shards<P>(warp, count, value);
}

template <class T>
struct SumColumnsBody {
  static constexpr const char* kWork = "rows";
  static constexpr bool kSumsRows = true;
  MatrixView<const T> rows;
  Pointer<T> out;

  template <class W>
  LIBNORM_DEVICE void operator()(W warp, Index block) const {
    using P = typename W::template Lanes<T>;
    const Index c = block * kLanes, left = rows.cols - c;
    const P total = sum_rows_in_shards<P>(
        warp, rows.rows, [&](Index r) LIBNORM_ALWAYS { return P::load(rows.row(r) + c, left); });
    if (warp.leads()) total.store(out + c, left);
  }
};

}  // namespace libnorm
