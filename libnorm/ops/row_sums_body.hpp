#pragma once

#include "libnorm/core/dual_pack.hpp"
#include "libnorm/core/launch.hpp"
#include "libnorm/core/tensor.hpp"
#include "libnorm/ops/rows.hpp"

// Sums over all rows, in shards of kShard of them.

namespace libnorm {

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

/// Sums over all rows; one output is 32 columns of each. Sums has
///
///     Index count(), rows(), cols()
///     Pointer<T> out(Index sum)                      [cols]; null where nobody asks for this sum
///     value(warp, Index sum, Index r, Index c)       row r's part of columns c .. c + 31
template <class T, class Sums>
struct RowSumsBody {
  static constexpr const char* kWork = Sums::kWork;
  static constexpr bool kSumsRows = true;
  Sums sums;

  template <class W>
  LIBNORM_DEVICE void operator()(W warp, Index block) const {
    using P = typename W::template Lanes<T>;
    const Index c = block * kLanes;
    for (Index s = 0; s < sums.count(); ++s) {
      const Pointer<T> out = sums.out(s);
      if (out == nullptr) continue;
      const P total = sum_rows_in_shards<P>(
          warp, sums.rows(), [&](Index r) LIBNORM_ALWAYS { return P(sums.value(warp, s, r, c)); });
      if (warp.leads()) total.store(out + c, sums.cols() - c);
    }
  }
};

/// The shards alone, where rows are queued: parts[s, shard, c].
template <class T, class Sums>
struct ShardSumsBody {
  static constexpr const char* kWork = Sums::kWork;
  static constexpr bool kOnProcessorAlone = true;
  static constexpr bool kIsRowwise = true;
  Sums sums;
  T* parts;

  template <class W>
  void run_rows(W warp, Index row, Index row_end) const {
    using P = typename W::template Lanes<T>;
    const Index cols = sums.cols(), shards = (sums.rows() + kShard - 1) / kShard;
    for (Index first = row; first < row_end; first += kShard) {
      for (Index s = 0; s < sums.count(); ++s) {
        if (sums.out(s) == nullptr) continue;
        T* const part = parts + (s * shards + first / kShard) * cols;
        for (Index c = 0; c < cols; c += kLanes) {
          sum_shard<P>(first, row_end, [&](Index r) LIBNORM_ALWAYS {
            return P(sums.value(warp, s, r, c));
          }).store(part + c, cols - c);
        }
      }
    }
  }
};

/// out[c] = parts[0, c] + ... + parts[shards - 1, c]; one output is 32 columns.
template <class T>
struct JoinShardsBody {
  static constexpr const char* kWork = "rows";
  static constexpr bool kOnProcessorAlone = true;
  const T* parts;
  Index shards, cols;
  T* out;

  template <class W>
  void operator()(W, Index block) const {
    using P = typename W::template Lanes<T>;
    const Index c = block * kLanes, left = cols - c;
    P total = P::load(parts + c, left);
    for (Index i = 1; i < shards; ++i) total = total + P::load(parts + i * cols + c, left);
    total.store(out + c, left);
  }
};

/// Runs all sums. Where rows are queued, shards are summed block by block of them, while
/// a block is in cache; within after_rows the sums are there once the rows are.
template <class T, class Sums>
void launch_row_sums(const Sums& sums) {
  const Index blocks = (sums.cols() + kLanes - 1) / kLanes;
  if constexpr (std::is_same_v<T, float>) {
    if (sums.rows() <= kManyRows && detail::queues_whole_blocks(sums.rows(), kShard)) {
      const Index shards = (sums.rows() + kShard - 1) / kShard, size = shards * sums.cols();
      auto* const parts = static_cast<T*>(
          detail::queue_memory(sizeof(T) * std::size_t(sums.count()) * std::size_t(size)));
      detail::queue_with_rows(sums.rows(), ShardSumsBody<T, Sums>{sums, parts});
      after_rows([&] {
        for (Index s = 0; s < sums.count(); ++s) {
          if (sums.out(s) == nullptr) continue;
          launch(blocks, 1, JoinShardsBody<T>{parts + s * size, shards, sums.cols(), sums.out(s)});
        }
      });
      if (!detail::keeps_after_rows()) run_queued_rows();
      return;
    }
  }
  launch(blocks, 1, RowSumsBody<T, Sums>{sums});
}

/// The sums of the columns.
template <class T>
struct ColumnRowSums {
  static constexpr const char* kWork = "rows";
  MatrixView<const T> x;
  Pointer<T> sums;

  LIBNORM_INLINE Index count() const { return 1; }
  LIBNORM_INLINE Index rows() const { return x.rows; }
  LIBNORM_INLINE Index cols() const { return x.cols; }
  LIBNORM_INLINE Pointer<T> out(Index) const { return sums; }
  template <class W>
  LIBNORM_INLINE auto value(W, Index, Index r, Index c) const {
    return W::template Lanes<T>::load(x.row(r) + c, x.cols - c);
  }
};

}  // namespace libnorm
