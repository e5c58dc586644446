#pragma once

#include "libnorm/core/tensor.hpp"

namespace libnorm {

/// Terms of a product that are chained before they join the total. Part of the order of summation.
inline constexpr Index kGramSegment = 128;
/// Columns of a block: two of them, for one segment, stay in a core's second-level cache.
inline constexpr Index kGramBlock = 128;

/// Blocks of columns.
LIBNORM_ALWAYS inline constexpr Index gram_blocks(Index cols) {
  return (cols + kGramBlock - 1) / kGramBlock;
}
/// Pairs (a, b) of blocks with a <= b.
LIBNORM_ALWAYS inline constexpr Index gram_pairs(Index cols) {
  return gram_blocks(cols) * (gram_blocks(cols) + 1) / 2;
}

/// Which blocks of columns pair number `index` is made of: (0, 0), (0, 1) .. (1, 1) ..
struct GramPair {
  Index a, b;
  LIBNORM_ALWAYS constexpr GramPair(Index cols, Index index) : a(0), b(index) {
    for (Index row = gram_blocks(cols); b >= row; --row) {
      b -= row;
      ++a;
    }
    b += a;
  }
};

/// The mean of a column, times scale, from the sum of its numbers minus `start`.
LIBNORM_INLINE double gram_mean(double start, double sum, double count, double scale) {
  return (start + (count > 0 ? sum / count : 0.0)) * scale;
}

/// The largest magnitude of a column, from its maximum, which ignores NaN, and its sum, which does
/// not.
LIBNORM_INLINE double gram_top(double top, double sum) {
  return sum - sum == 0 ? top : __builtin_inf();
}

/// The upper triangle of X^T X; each row of X has the mean of its shard subtracted and is
/// multiplied by the root of its count. This describes the arrays; a body or a kernel computes.
///
/// Order, for each element: rows ascending by fma from 0 in segments of kGramSegment, the segments
/// of a shard from left to right. Means: start + (sum of count (x - start), by fma, rows ascending)
/// / (sum of count).
template <class T>
struct GramTask {
  MatrixView<const T> x;
  /// [R], counts and their roots.
  const double* weight;
  const double* root;
  /// [C], in the unit of x.
  const double* start;
  /// [shards], sums of counts.
  const double* shard_weight;
  /// Factor of the rows, a power of two.
  double scale;
  Index shard_rows;
  /// [shards, C], in the unit of x times scale.
  double* means;
  /// [shards, C], sums of count (x - start).
  double* sums;
  /// [shards, C], the largest magnitudes; infinite where a number is not finite.
  double* tops;
  /// [shards * pairs, kGramBlock, kGramBlock]
  double* blocks;

  LIBNORM_ALWAYS constexpr Index shards() const { return (x.rows + shard_rows - 1) / shard_rows; }
  LIBNORM_ALWAYS constexpr Index shard_end(Index shard) const {
    const Index end = (shard + 1) * shard_rows;
    return end < x.rows ? end : x.rows;
  }
};

}  // namespace libnorm
