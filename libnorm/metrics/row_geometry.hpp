#pragma once

#include <span>
#include <vector>

#include "libnorm/core/tensor.hpp"
#include "libnorm/metrics/metric_value.hpp"

namespace libnorm {

/// Mean cosine between two different rows, over all pairs, exactly, in one pass over rows that come
/// a few at a time:
///   (|| sum w u ||^2 - W) / (W (W - 1)),   u = x / ||x||, W = sum w.
///
/// Rows are not centred. Rows of zeros have no direction and are left out. With counts that are no
/// whole numbers a row still makes count (count - 1) pairs with itself.
/// Source: the anisotropy of Ethayarajh 2019, there over sampled pairs.
class RowDirections {
 public:
  /// No rows yet. Throws: ShapeError for fewer than one channel.
  explicit RowDirections(Index channels);

  /// Takes rows in: x [R, C], row r standing for w = count[r] rows; null: each for one.
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

/// That of rows in memory, x [R, C]. See RowDirections.
template <class T>
double mean_cosine(const MatrixView<const T>& x, const float* count = nullptr);

/// min Z / max Z with Z(c) = sum w exp(c . x) over the unit eigenvectors c of X^T X, each with both
/// signs: 1 where all directions are alike, near 0 where one has much. Zeros give 1.
///
/// x [R, C], not centred. Depends on the unit of x, as published. Where eigenvalues are equal their
/// vectors, and so the result, are one choice of many.
/// Throws: as check_rows, ShapeError if no rows count. Order: stretches of 1024 rows ascending;
/// Eigen finds the vectors: compared to digits, not to bits. Cost: 2 R C^2, and 2 R C exponentials.
/// Source: Mu, Viswanath 2018 (All-but-the-Top); both signs are ours, as an eigenvector has none.
template <class T>
double partition_isotropy(const MatrixView<const T>& x, const float* count = nullptr);

/// Mean, variance and fourth moment of each channel, and what is made of them, in one pass over
/// rows that come a few at a time.
///
/// Stretches of 1024 rows are centred by their own mean, then raised to powers, then merged without
/// subtracting large sums. Source: Chan, Golub, LeVeque 1983; Pebay 2008 for third and fourth
/// powers. A channel whose standard deviation is below 1e-15 of its mean, or below 1e-70, is
/// constant.
class ChannelMoments {
 public:
  /// No rows yet. Throws: ShapeError for fewer than one channel.
  explicit ChannelMoments(Index channels);

  /// Takes rows in: x [R, C], row r standing for count[r] rows; null: each for one.
  /// Throws: ShapeError for another width; as check_rows; ValueError beyond 1e70, whose fourth
  /// power is near the end of doubles. Order: stretches ascending, from the start of each call; the
  /// same in any number of threads.
  template <class T>
  void add(const MatrixView<const T>& x, const float* count = nullptr);

  /// Takes in all rows that another has. Throws: ShapeError for another width.
  void merge(const ChannelMoments& other);

  /// Counts added up so far.
  double rows() const { return rows_; }
  /// [C]
  std::span<const double> mean() const { return mean_; }
  /// [C], the sum of squares divided by rows. Constant channels, and no rows, give 0.
  std::vector<double> variance() const;
  /// [C], mean (x - m)^4 / variance^2: 3 for a normal law, 1 for two equal heaps, 0 for a constant.
  std::vector<double> kurtosis() const;
  /// Channels, ascending, whose variance is at least `ratio` times the mean of all channels'.
  /// Source: Rudman et al. 2023, with a ratio of 5.
  std::vector<Index> outlier_channels(double ratio = 5) const;
  /// || X - 1 m^T || / || X || in the norm of Frobenius, m the mean row, which makes it smallest: 0
  /// where all rows are alike, 1 where their mean is 0. Zeros give 0.
  /// Source: Dong et al. 2021, who measure it in another norm.
  double rank_one_distance() const;

 private:
  struct Part;
  void join(const Part& part);
  bool is_constant(std::size_t c) const;

  double rows_ = 0;
  /// [C]: means, and sums of powers of what rows differ from them by.
  std::vector<double> mean_, second_, third_, fourth_;
};

/// Mean and largest kurtosis, the number of outlier channels, the distance to rank one.
std::vector<MetricValue> values_of(const ChannelMoments& moments);

/// All of the above on rows in memory.
template <class T>
std::vector<MetricValue> row_metrics(const MatrixView<const T>& x, const float* count = nullptr);

}  // namespace libnorm
