#include "libnorm/metrics/activations/channel_moments.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

#include "libnorm/core/launch.hpp"
#include "libnorm/metrics/row_check.hpp"

namespace libnorm {
namespace {

/// Rows that are centred at once.
constexpr Index kStretch = 1024;

double weight_of(const float* count, Index r) { return count == nullptr ? 1.0 : double(count[r]); }

Index rows_of_stretch(Index rows, Index stretch) {
  return std::min(kStretch, rows - stretch * kStretch);
}

/// The largest magnitude in each column, of rows that count.
template <class T>
std::vector<double> largest_of(const MatrixView<const T>& x, const float* count) {
  std::vector<double> tops(std::size_t(x.cols), 0.0);
  for (Index r = 0; r < x.rows; ++r) {
    if (!(weight_of(count, r) > 0)) continue;
    for (std::size_t j = 0; j < tops.size(); ++j) {
      tops[j] = std::max(tops[j], std::abs(double(x.row(r)[j])));
    }
  }
  return tops;
}

}  // namespace

/// Moments of some rows, in the units that the channels have at the time.
struct ChannelMoments::Part {
  double rows = 0;
  /// A row of them, and their mean less that.
  std::vector<double> origin, shift;
  std::vector<double> second, third, fourth;

  explicit Part(std::size_t channels) {
    for (auto* m : {&origin, &shift, &second, &third, &fourth}) m->assign(channels, 0.0);
  }
};

ChannelMoments::ChannelMoments(Index channels) {
  if (channels < 1) {
    throw ShapeError("ChannelMoments: no channels (" + std::to_string(channels) +
                     "); need at least 1");
  }
  for (auto* m : {&origin_, &shift_, &mean_, &second_, &third_, &fourth_}) {
    m->assign(std::size_t(channels), 0.0);
  }
  unit_.assign(std::size_t(channels), 1.0);
}

template <class T>
void ChannelMoments::add(const MatrixView<const T>& x, const float* count) {
  if (x.cols != Index(mean_.size())) {
    throw ShapeError("ChannelMoments::add: another width (" + shape_text(x.rows, x.cols) +
                     "); need " + std::to_string(mean_.size()) + " columns");
  }
  check_rows("ChannelMoments::add", x, count);
  const Index stretches = (x.rows + kStretch - 1) / kStretch;
  std::vector<std::vector<double>> stretch_tops{std::size_t(stretches)};
  std::vector<double> tops(mean_.size(), 0.0);
  const auto stretch = [&](Index p) {
    return x.row_range(p * kStretch, rows_of_stretch(x.rows, p));
  };
  const auto its_count = [&](Index p) { return count == nullptr ? nullptr : count + p * kStretch; };
  for_each_output(stretches, [&](Index p) {
    stretch_tops[std::size_t(p)] = largest_of(stretch(p), its_count(p));
  });
  for (const auto& some : stretch_tops) {
    for (std::size_t j = 0; j < tops.size(); ++j) tops[j] = std::max(tops[j], some[j]);
  }
  fit_units(tops);
  std::vector<Part> parts(static_cast<std::size_t>(stretches), Part(mean_.size()));
  for_each_output(stretches,
                  [&](Index p) { take(stretch(p), its_count(p), parts[std::size_t(p)]); });
  for (const Part& part : parts) join(part);
}

template void ChannelMoments::add<float>(const MatrixView<const float>&, const float*);
template void ChannelMoments::add<double>(const MatrixView<const double>&, const float*);

/// Chooses units for numbers of these sizes: their fourth powers, and those of what they differ by,
/// are to stay well inside a double's range.
void ChannelMoments::fit_units(const std::vector<double>& tops) {
  constexpr double kHigh = 0x1p200, kLow = 0x1p-150;
  for (std::size_t j = 0; j < tops.size(); ++j) {
    const double size = tops[j] * unit_[j];
    if (size > kHigh || (tops[j] > 0 && size < kLow && is_zero(j))) {
      change_unit(j, unit_scale(tops[j]));
    }
  }
}

void ChannelMoments::change_unit(std::size_t channel, double unit) {
  const double factor = is_zero(channel) ? 1.0 : unit / unit_[channel];
  origin_[channel] *= factor;
  shift_[channel] *= factor;
  second_[channel] *= factor * factor;
  third_[channel] *= factor * factor * factor;
  fourth_[channel] *= factor * factor * factor * factor;
  unit_[channel] = unit;
}

/// Two passes over a stretch: its mean, then powers of what rows differ from it by. Both about the
/// first row that counts: nothing is lost beside a large mean, and equal rows differ by 0.
template <class T>
void ChannelMoments::take(const MatrixView<const T>& x, const float* count, Part& part) const {
  const std::size_t c = mean_.size();
  Index first = 0;
  while (first + 1 < x.rows && !(weight_of(count, first) > 0)) ++first;
  const T* start = x.row(first);
  const auto from_start = [&](const T* row, std::size_t j) {
    return (double(row[j]) - double(start[j])) * unit_[j];
  };
  for (Index r = 0; r < x.rows; ++r) {
    const double weight = weight_of(count, r);
    // Of rows that do not count a product may be too large.
    if (!(weight > 0)) continue;
    for (std::size_t j = 0; j < c; ++j) part.shift[j] += weight * from_start(x.row(r), j);
    part.rows += weight;
  }
  if (!(part.rows > 0)) return;
  for (std::size_t j = 0; j < c; ++j) {
    part.origin[j] = double(start[j]) * unit_[j];
    part.shift[j] /= part.rows;
  }
  for (Index r = 0; r < x.rows; ++r) {
    const double weight = weight_of(count, r);
    for (std::size_t j = 0; weight > 0 && j < c; ++j) {
      const double d = from_start(x.row(r), j) - part.shift[j], square = d * d;
      part.second[j] += weight * square;
      part.third[j] += weight * (square * d);
      part.fourth[j] += weight * (square * square);
    }
  }
}

void ChannelMoments::join(const Part& part) {
  if (!(part.rows > 0)) return;
  if (!(rows_ > 0)) origin_ = part.origin;
  const double n = rows_ + part.rows, a = rows_ / n, b = part.rows / n;
  const double both = rows_ * b;
  for (std::size_t j = 0; j < mean_.size(); ++j) {
    const double d = (part.origin[j] - origin_[j]) + (part.shift[j] - shift_[j]), d2 = d * d;
    fourth_[j] += part.fourth[j] + both * (a * a - a * b + b * b) * d2 * d2 +
                  6 * d2 * (a * a * part.second[j] + b * b * second_[j]) +
                  4 * d * (a * part.third[j] - b * third_[j]);
    third_[j] +=
        part.third[j] + both * (a - b) * d2 * d + 3 * d * (a * part.second[j] - b * second_[j]);
    second_[j] += part.second[j] + both * d2;
    shift_[j] += b * d;
    mean_[j] = (origin_[j] + shift_[j]) / unit_[j];
  }
  rows_ = n;
}

void ChannelMoments::merge(const ChannelMoments& other) {
  if (other.mean_.size() != mean_.size()) {
    throw ShapeError("ChannelMoments::merge: another width (" + std::to_string(other.mean_.size()) +
                     "); need " + std::to_string(mean_.size()));
  }
  ChannelMoments from = other;
  std::vector<double> tops;
  for (std::size_t j = 0; j < mean_.size(); ++j) {
    tops.push_back(from.is_zero(j) ? 0.0 : 1 / from.unit_[j]);
  }
  fit_units(tops);
  for (std::size_t j = 0; j < mean_.size(); ++j) from.change_unit(j, unit_[j]);
  Part part(mean_.size());
  part.rows = from.rows_;
  part.origin = from.origin_;
  part.shift = from.shift_;
  part.second = from.second_;
  part.third = from.third_;
  part.fourth = from.fourth_;
  join(part);
}

bool ChannelMoments::is_constant(std::size_t c) const { return !(second_[c] > 0); }

/// Whether no row had anything else there.
bool ChannelMoments::is_zero(std::size_t c) const {
  return origin_[c] == 0 && shift_[c] == 0 && is_constant(c);
}

std::vector<double> ChannelMoments::variance() const {
  std::vector<double> variance;
  for (std::size_t c = 0; c < mean_.size(); ++c) {
    variance.push_back(is_constant(c) ? 0.0 : second_[c] / rows_ / unit_[c] / unit_[c]);
  }
  return variance;
}

std::vector<double> ChannelMoments::kurtosis() const {
  std::vector<double> kurtosis;
  for (std::size_t c = 0; c < mean_.size(); ++c) {
    // n times the fourth moment over the square of the second, as sums.
    const double share = is_constant(c) ? 0.0 : fourth_[c] / second_[c] / second_[c];
    kurtosis.push_back(share * rows_);
  }
  return kurtosis;
}

std::vector<Index> ChannelMoments::outlier_channels(double ratio) const {
  if (std::isnan(ratio)) {
    throw ValueError("ChannelMoments::outlier_channels: the ratio is nan; need a number");
  }
  // In the unit of the largest, so that variances that are no doubles compare all the same.
  double unit = std::numeric_limits<double>::infinity(), mean = 0;
  for (std::size_t c = 0; c < mean_.size(); ++c) {
    if (!is_constant(c)) unit = std::min(unit, unit_[c]);
  }
  const auto variance = [&](std::size_t c) {
    const double factor = unit / unit_[c];
    return is_constant(c) ? 0.0 : second_[c] / rows_ * factor * factor;
  };
  for (std::size_t c = 0; c < mean_.size(); ++c) mean += variance(c) / double(mean_.size());
  std::vector<Index> outliers;
  for (std::size_t c = 0; c < mean_.size(); ++c) {
    if (!is_constant(c) && variance(c) >= ratio * mean) outliers.push_back(Index(c));
  }
  return outliers;
}

double ChannelMoments::rank_one_distance() const {
  // In units of the largest, as squares of what is below 1e-154 would vanish.
  double top = 0, spread = 0, level = 0;
  for (std::size_t c = 0; c < mean_.size(); ++c) {
    const double deviation = is_constant(c) ? 0.0 : std::sqrt(second_[c] / rows_) / unit_[c];
    top = std::max({top, deviation, std::abs(mean_[c])});
  }
  if (!(top > 0)) return 0;
  const double unit = unit_scale(top);
  for (std::size_t c = 0; c < mean_.size(); ++c) {
    const double factor = unit / unit_[c], mean = mean_[c] * unit;
    spread += is_constant(c) ? 0.0 : second_[c] / rows_ * factor * factor;
    level += mean * mean;
  }
  return std::sqrt(spread / (spread + level));
}

std::vector<MetricValue> values_of(const ChannelMoments& moments) {
  double mean = 0, top = 0;
  const std::vector<double> kurtosis = moments.kurtosis();
  for (const double k : kurtosis) {
    mean += k / double(kurtosis.size());
    top = std::max(top, k);
  }
  return {{"mean_kurtosis", "1", mean, "over channels, normal 3, constant 0"},
          {"largest_kurtosis", "1", top, "over channels, normal 3, constant 0"},
          {"outlier_channels", "channels", double(moments.outlier_channels().size()),
           "variance at least 5 times the mean variance"},
          {"rank_one_distance", "1", moments.rank_one_distance(), "Frobenius, not centred"}};
}

}  // namespace libnorm
