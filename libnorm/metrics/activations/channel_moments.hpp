#pragma once

#include <span>
#include <vector>

#include "libnorm/core/tensor.hpp"
#include "libnorm/metrics/metric_value.hpp"

namespace libnorm {

/// Mean, variance and fourth moment of each channel, and metrics of them, in one pass over rows
/// that are added a few at a time.
///
/// Stretches of 1024 rows are centred by their own mean, after subtracting one of their rows, and
/// their power sums are merged without subtracting large sums. So a large mean costs no digits, and
/// only equal rows are constant. Each channel has a unit, a power of two, so that fourth powers
/// neither overflow nor vanish; numbers 1e45 times smaller than the largest count as 0.
/// Source: Chan, Golub, LeVeque 1983; Pebay 2008 for third and fourth powers.
class ChannelMoments {
 public:
  /// No rows yet. Throws: ShapeError for fewer than one channel.
  explicit ChannelMoments(Index channels);

  /// Adds rows: x [R, C]; row r counts count[r] times, or once if null.
  /// Throws: ShapeError for another width; as check_rows. Order: stretches ascending, from the
  /// start of each call; the same in any number of threads.
  template <class T>
  void add(const MatrixView<const T>& x, const float* count = nullptr);

  /// Adds all rows of another object. Throws: ShapeError for another width.
  void merge(const ChannelMoments& other);

  /// Sum of the counts so far.
  double rows() const { return rows_; }
  /// [C]
  std::span<const double> mean() const { return mean_; }
  /// [C], the sum of squares divided by rows. Constant channels, and no rows, give 0. That of
  /// numbers beyond 1e154 may be infinite, of numbers below 1e-162 0.
  std::vector<double> variance() const;
  /// [C], mean (x - m)^4 / variance^2: 3 for a normal distribution, 1 for two values equally often,
  /// 0 for a constant.
  std::vector<double> kurtosis() const;
  /// Channels, ascending, whose variance is at least `ratio` times the mean of all channels'.
  /// Throws: ValueError for a ratio that is NaN. Source: Rudman et al. 2023, with a ratio of 5.
  std::vector<Index> outlier_channels(double ratio = 5) const;
  /// || X - 1 m^T || / || X || in the Frobenius norm, m the mean row, which minimizes it: 0 if all
  /// rows are equal, 1 if their mean is 0. Zeros give 0.
  /// Source: Dong et al. 2021, who use another norm.
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
  /// [C], powers of two; the sums below are in these units, the means are not.
  std::vector<double> unit_;
  /// [C]: a row, the mean minus that row, the mean, and sums of powers of rows minus the mean.
  std::vector<double> origin_, shift_, mean_, second_, third_, fourth_;
};

/// Mean and largest kurtosis, the number of outlier channels, the distance to rank one.
std::vector<MetricValue> values_of(const ChannelMoments& moments);

}  // namespace libnorm
