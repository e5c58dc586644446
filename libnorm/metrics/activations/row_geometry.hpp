#pragma once

#include <span>
#include <vector>

#include "libnorm/core/tensor.hpp"
#include "libnorm/metrics/activations/channel_moments.hpp"
#include "libnorm/metrics/metric_value.hpp"

namespace libnorm {

/// Mean cosine between two different rows, over all pairs, exactly, in one pass over rows that are
/// added a few at a time:
///   (|| sum w u ||^2 - W) / (W (W - 1)),   u = x / ||x||, W = sum w.
///
/// Rows are not centred. Rows of zeros have no direction and are left out. A row makes count
/// (count - 1) pairs with itself, also for counts that are not whole numbers.
/// Source: the anisotropy of Ethayarajh 2019, there over sampled pairs.
class RowDirections {
 public:
  /// No rows yet. Throws: ShapeError for fewer than one channel.
  explicit RowDirections(Index channels);

  /// Adds rows: x [R, C]; row r has weight w = count[r], or 1 if null.
  /// Throws: ShapeError for another width; as check_rows. Order: shards of 1024 rows, ascending,
  /// from the start of each call, then the shards. Cost: R C.
  template <class T>
  void add(const MatrixView<const T>& x, const float* count = nullptr);

  /// In [-1, 1]; iid rows around 0 give about 0; W <= 1 gives 0.
  double mean_cosine() const;

 private:
  double total_ = 0;
  /// [C]
  std::vector<double> sum_;
};

/// The mean cosine of rows in memory, x [R, C]. See RowDirections.
template <class T>
double mean_cosine(const MatrixView<const T>& x, const float* count = nullptr);

/// min Z / max Z with Z(c) = sum w exp(c . x) over the unit eigenvectors c of X^T X, each with both
/// signs: 1 if all directions are equal, near 0 if one dominates. Zeros give 1.
///
/// x [R, C], not centred. Depends on the scale of x, as published. If eigenvalues are equal, their
/// vectors, and so the result, are not unique.
/// Throws: as check_rows, ShapeError if no rows count. Order: stretches of 1024 rows ascending;
/// Eigen finds the vectors: compared to digits, not to bits. Cost: 2 R C^2, and 2 R C exponentials;
/// of fewer rows than channels 2 R^2 C and 2 R^2, by the eigenvectors of X X^T. Memory: a square of
/// the smaller of R and C, and 1024 rows or channels.
/// Source: Mu, Viswanath 2018 (All-but-the-Top); both signs are ours, as an eigenvector has none.
template <class T>
double partition_isotropy(const MatrixView<const T>& x, const float* count = nullptr);

/// The metrics above and those of ChannelMoments, for rows in memory.
template <class T>
std::vector<MetricValue> row_metrics(const MatrixView<const T>& x, const float* count = nullptr);

}  // namespace libnorm
