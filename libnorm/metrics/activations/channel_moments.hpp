#pragma once

#include <span>
#include <vector>

#include "libnorm/core/tensor.hpp"
#include "libnorm/metrics/metric_value.hpp"

namespace libnorm {

/// Mean, variance and fourth moment of each channel, and what is made of them, in one pass over
/// rows that come a few at a time.
///
/// Stretches of 1024 rows are centred by their own mean, counted from a row of theirs, then raised
/// to powers, then merged without subtracting large sums: a large mean costs no digits, and only
/// rows that are equal are constant. Each channel has a unit, a power of two, so that fourth powers
/// of numbers of any size stay doubles; beside others 1e45 times as large a number is as good as 0.
/// Source: Chan, Golub, LeVeque 1983; Pebay 2008 for third and fourth powers.
class ChannelMoments {
 public:
  /// No rows yet. Throws: ShapeError for fewer than one channel.
  explicit ChannelMoments(Index channels);

  /// Takes rows in: x [R, C], row r standing for count[r] rows; null: each for one.
  /// Throws: ShapeError for another width; as check_rows. Order: stretches ascending, from the
  /// start of each call; the same in any number of threads.
  template <class T>
  void add(const MatrixView<const T>& x, const float* count = nullptr);

  /// Takes in all rows that another has. Throws: ShapeError for another width.
  void merge(const ChannelMoments& other);

  /// Counts added up so far.
  double rows() const { return rows_; }
  /// [C]
  std::span<const double> mean() const { return mean_; }
  /// [C], the sum of squares divided by rows. Constant channels, and no rows, give 0. That of
  /// numbers beyond 1e154 may be infinite, of numbers below 1e-162 0.
  std::vector<double> variance() const;
  /// [C], mean (x - m)^4 / variance^2: 3 for a normal law, 1 for two equal heaps, 0 for a constant.
  std::vector<double> kurtosis() const;
  /// Channels, ascending, whose variance is at least `ratio` times the mean of all channels'.
  /// Throws: ValueError for a ratio that is NaN. Source: Rudman et al. 2023, with a ratio of 5.
  std::vector<Index> outlier_channels(double ratio = 5) const;
  /// || X - 1 m^T || / || X || in the norm of Frobenius, m the mean row, which makes it smallest: 0
  /// where all rows are alike, 1 where their mean is 0. Zeros give 0.
  /// Source: Dong et al. 2021, who measure it in another norm.
  double rank_one_distance() const;

 private:
  struct Part;
  void fit_units(const std::vector<double>& tops);
  void change_unit(std::size_t channel, double unit);
  template <class T>
  void take(const MatrixView<const T>& x, const float* count, Part& part) const;
  void join(const Part& part);
  bool is_constant(std::size_t c) const;
  bool is_zero(std::size_t c) const;

  double rows_ = 0;
  /// [C], powers of two that all below but the means is multiplied by.
  std::vector<double> unit_;
  /// [C]: a row, the mean less that row, the mean; and sums of powers of what rows differ from it
  /// by.
  std::vector<double> origin_, shift_, mean_, second_, third_, fourth_;
};

/// Mean and largest kurtosis, the number of outlier channels, the distance to rank one.
std::vector<MetricValue> values_of(const ChannelMoments& moments);

}  // namespace libnorm
