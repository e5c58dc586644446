#pragma once

#include "libnorm/core/pack.hpp"
#include "libnorm/core/workspace.hpp"
#include "libnorm/metrics/activations/gram_task.hpp"

namespace libnorm {

/// A tile of the product: as many rows as a register has lanes, by up to three registers, so that
/// the accumulators, a row of three registers and one broadcast number fill the register file.
template <class Tag>
struct GramTile {
  using Reg = Register<Tag, double>;
  using V = typename Reg::V;
  static constexpr int kLanes = Reg::kLanes;
  static constexpr int kRegisters = 3;
  /// Distance between panels of kLanes columns; one line more than a panel, so that panels do not
  /// share cache sets.
  static constexpr Index kPanel = (kGramSegment + 1) * kLanes;

  /// c[i][j] += sum over k of a[k][i] b[k][j], k ascending from 0; c has rows of kGramBlock.
  template <int regs>
  static LIBNORM_INLINE void run(const double* a, const double* b, Index terms, double* c,
                                 bool add) {
    V acc[kLanes][regs];
    unroll<kLanes>([&](auto i) LIBNORM_ALWAYS {
      unroll<regs>([&](auto r) LIBNORM_ALWAYS { acc[i][r] = V{}; });
    });
    for (Index k = 0; k < terms; ++k, a += kLanes, b += kLanes) {
      V row[regs];
      unroll<regs>([&](auto r) LIBNORM_ALWAYS { row[r] = Reg::load(b + r * kPanel); });
      unroll<kLanes>([&](auto i) LIBNORM_ALWAYS {
        const V element = Reg::broadcast(a[i]);
        unroll<regs>([&](auto r)
                         LIBNORM_ALWAYS { acc[i][r] = Reg::fma(element, row[r], acc[i][r]); });
      });
    }
    unroll<kLanes>([&](auto i) LIBNORM_ALWAYS {
      unroll<regs>([&](auto r) LIBNORM_ALWAYS {
        double* to = c + i * kGramBlock + r * kLanes;
        Reg::store(to, add ? Reg::load(to) + acc[i][r] : acc[i][r]);
      });
    });
  }

  static LIBNORM_INLINE void run(Index regs, const double* a, const double* b, Index terms,
                                 double* c, bool add) {
    if (regs >= 3) return run<3>(a, b, terms, c, add);
    if (regs == 2) return run<2>(a, b, terms, c, add);
    run<1>(a, b, terms, c, add);
  }
};

/// A register of doubles from p[0 .. lanes - 1].
template <class Tag, class T>
LIBNORM_INLINE auto load_wide(const T* p) {
  using Reg = Register<Tag, double>;
  if constexpr (std::is_same_v<T, double>) {
    return Reg::load(p);
  } else {
    typedef float Half __attribute__((vector_size(Tag::kBytes / 2)));
    Half half;
    std::memcpy(&half, p, sizeof half);
    return __builtin_convertvector(half, typename Reg::V);
  }
}

/// The block of centred rows for one output of GramBody.
template <class T>
struct GramRows {
  const T* x;
  Index stride;
  /// Columns, from 1 to kGramBlock.
  Index cols;
  /// [cols], subtracted from the rows before their mean is computed.
  const double* start;
};

/// A GramTask on the processor. One output is a pair of blocks of columns over one shard of rows.
template <class T>
struct GramBody : GramTask<T> {
  static constexpr bool kOnProcessorAlone = true;
  using GramTask<T>::x, GramTask<T>::start, GramTask<T>::scale, GramTask<T>::root;

  template <class W>
  void operator()(W, Index output) const {
    using Tag = typename W::Tag;
    const Index pairs = gram_pairs(x.cols), shard = output / pairs;
    const auto [a, b] = GramPair(x.cols, output % pairs);
    const Index first = shard * this->shard_rows, end = this->shard_end(shard);
    const GramRows<T> left = columns(a), right = columns(b);
    alignas(64) double mean_a[kGramBlock], mean_b[kGramBlock];
    find_mean<Tag>(left, first, end, shard, mean_a, a == b ? shard * x.cols + a * kGramBlock : -1);
    if (a != b) find_mean<Tag>(right, first, end, shard, mean_b, -1);
    multiply<Tag>(left, right, a == b, mean_a, a == b ? mean_a : mean_b, first, end,
                  this->blocks + output * kGramBlock * kGramBlock);
  }

 private:
  GramRows<T> columns(Index block) const {
    const Index first = block * kGramBlock, left = x.cols - first;
    return {x.data + first, x.stride, left < kGramBlock ? left : kGramBlock, start + first};
  }

  /// Means of the shard's rows, times scale; zeros behind the last column. The task's other results
  /// are written from position `at` on, unless it is -1: one pair writes them for all.
  template <class Tag>
  LIBNORM_INLINE void find_mean(const GramRows<T>& rows, Index first, Index end, Index shard,
                                double* mean, Index at) const {
    using Lanes = Pack<Tag, double>;
    alignas(64) double sum[kGramBlock] = {};
    alignas(64) T top[kGramBlock] = {};
    const Index whole = rows.cols / kLanes * kLanes;
    // A few rows at a time, for sums that stay in registers meanwhile.
    constexpr Index kRows = 8;
    for (Index r = first; r < end; r += kRows) {
      const Index some = end - r < kRows ? end - r : kRows;
      for (Index j = 0; j < whole; j += kLanes) {
        Lanes total = Lanes::load(sum + j);
        auto size = Pack<Tag, T>::load(top + j);
        const Lanes from = Lanes::load(rows.start + j);
        for (Index k = r; k < r + some; ++k) {
          const auto v = Pack<Tag, T>::load(rows.x + k * rows.stride + j);
          total = fma(Lanes(this->weight[k]), widen(v) - from, total);
          size = larger(larger(v, -v), size);
        }
        total.store(sum + j);
        size.store(top + j);
      }
      for (Index k = r; k < r + some; ++k) {
        const T* row = rows.x + k * rows.stride;
        for (Index j = whole; j < rows.cols; ++j) {
          const T size = row[j] < 0 ? -row[j] : row[j];
          sum[j] = fused(this->weight[k], double(row[j]) - rows.start[j], sum[j]);
          top[j] = size > top[j] ? size : top[j];
        }
      }
    }
    const double n = this->shard_weight[shard];
    for (Index j = 0; j < kGramBlock; ++j) {
      mean[j] = j < rows.cols ? gram_mean(rows.start[j], sum[j], n, scale) : 0.0;
      if (at < 0 || j >= rows.cols) continue;
      this->means[at + j] = mean[j];
      this->sums[at + j] = sum[j];
      this->tops[at + j] = gram_top(top[j], sum[j]);
    }
  }

  /// Rows [first, first + terms) less the mean, times their roots, in panels of kLanes columns.
  template <class Tag>
  LIBNORM_INLINE void pack(const GramRows<T>& rows, const double* mean, Index first, Index terms,
                           double* packed) const {
    using Tile = GramTile<Tag>;
    using Reg = typename Tile::Reg;
    constexpr Index lanes = Tile::kLanes;
    const auto by = Reg::broadcast(scale);
    const Index whole = rows.cols / lanes, rest = rows.cols % lanes;
    // Some panels after the others, so that what is written lies in a few pieces.
    constexpr Index kPanels = 4;
    for (Index p = 0; p < whole; p += kPanels) {
      const Index p_end = p + kPanels < whole ? p + kPanels : whole;
      for (Index k = 0; k < terms; ++k) {
        const T* row = rows.x + (first + k) * rows.stride;
        const auto times = Reg::broadcast(root[first + k]);
        for (Index q = p; q < p_end; ++q) {
          const auto v = load_wide<Tag>(row + q * lanes) * by - Reg::load(mean + q * lanes);
          Reg::store(packed + q * Tile::kPanel + k * lanes, v * times);
        }
      }
    }
    for (Index k = 0; rest > 0 && k < terms; ++k) {
      const T* row = rows.x + (first + k) * rows.stride;
      for (Index j = 0; j < lanes; ++j) {
        const Index c = whole * lanes + j;
        packed[whole * Tile::kPanel + k * lanes + j] =
            j < rest ? (double(row[c]) * scale - mean[c]) * root[first + k] : 0.0;
      }
    }
  }

  template <class Tag>
  LIBNORM_INLINE void multiply(const GramRows<T>& left, const GramRows<T>& right, bool diagonal,
                               const double* mean_a, const double* mean_b, Index first, Index end,
                               double* c) const {
    using Tile = GramTile<Tag>;
    constexpr Index lanes = Tile::kLanes, most = kGramBlock / lanes * Tile::kPanel;
    double* const packed_a = static_cast<double*>(workspace(sizeof(double[2 * most])));
    double* const packed_b = packed_a + most;
    const Index panels_a = (left.cols + lanes - 1) / lanes;
    const Index panels_b = (right.cols + lanes - 1) / lanes;
    for (Index row = first; row < end; row += kGramSegment) {
      const Index terms = end - row < kGramSegment ? end - row : kGramSegment;
      pack<Tag>(left, mean_a, row, terms, packed_a);
      if (!diagonal) pack<Tag>(right, mean_b, row, terms, packed_b);
      const double* b = diagonal ? packed_a : packed_b;
      for (Index group = 0; group < panels_b; group += Tile::kRegisters) {
        const Index group_end =
            group + Tile::kRegisters < panels_b ? group + Tile::kRegisters : panels_b;
        const Index p_end = diagonal ? group_end : panels_a;
        for (Index p = 0; p < p_end; ++p) {
          const Index q = diagonal && p > group ? p : group;
          Tile::run(group_end - q, packed_a + p * Tile::kPanel, b + q * Tile::kPanel, terms,
                    c + p * lanes * kGramBlock + q * lanes, row > first);
        }
      }
    }
  }
};

/// Adds up the squares of a stretch's shards. One output is a row of the sum.
///
/// Order: the shards from left to right; of each its element, then count d_i d_j, d what its mean
/// differs from that of the stretch by.
struct GramJoinBody {
  Index cols, shards;
  const double* blocks;
  /// [shards, padded C], zeros behind the last column; and the counts.
  const double* shift;
  const double* shard_weight;
  Index padded;
  /// [C, C], on and above the diagonal; what is below is left as it is.
  double* square;

  template <class W>
  void operator()(W, Index i) const {
    using Reg = Register<typename W::Tag, double>;
    constexpr Index lanes = Reg::kLanes;
    const Index pairs = gram_pairs(cols), a = i / kGramBlock, blocks_each = gram_blocks(cols);
    // Pairs (0, ..), (1, ..) up to those of block a.
    const Index first_pair = a * blocks_each - a * (a - 1) / 2;
    for (Index j = i / lanes * lanes; j < cols; j += lanes) {
      const Index pair = first_pair + j / kGramBlock - a;
      auto sum = typename Reg::V{};
      for (Index s = 0; s < shards; ++s) {
        const double* from = shift + s * padded;
        const double* block = blocks + (s * pairs + pair) * kGramBlock * kGramBlock;
        sum = sum + Reg::load(block + i % kGramBlock * kGramBlock + j % kGramBlock);
        if (shards > 1) {
          sum = sum + Reg::broadcast(shard_weight[s] * from[i]) * Reg::load(from + j);
        }
      }
      double out[lanes];
      Reg::store(out, sum);
      for (Index l = j < i ? i - j : 0; l < lanes && j + l < cols; ++l) {
        square[i * cols + j + l] = out[l];
      }
    }
  }
};

}  // namespace libnorm
