#include "libnorm/metrics/row_geometry.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

#include "libnorm/core/launch.hpp"
#include "libnorm/core/math.hpp"
#include "libnorm/metrics/decompositions.hpp"
#include "libnorm/metrics/row_check.hpp"
#include "libnorm/ops/gemm.hpp"

namespace libnorm {
namespace {

/// Rows that are worked on at once.
constexpr Index kStretch = 1024;

double weight_of(const float* count, Index r) { return count == nullptr ? 1.0 : double(count[r]); }

/// rows [n, C] of x times scale.
template <class T>
void copy_rows(const MatrixView<const T>& x, Index first, Index n, double scale, double* to) {
  for (Index r = 0; r < n; ++r) {
    for (Index c = 0; c < x.cols; ++c) to[r * x.cols + c] = double(x(first + r, c)) * scale;
  }
}

/// log sum w exp(p), taken in a term at a time.
struct LogSum {
  double top = -std::numeric_limits<double>::infinity();
  double sum = 0;

  void add(double p, double weight) {
    if (p > top) {
      sum = sum * math::exp(top - p) + weight;
      top = p;
    } else {
      sum += weight * math::exp(p - top);
    }
  }
  double value() const { return top + math::log(sum); }
};

}  // namespace

RowDirections::RowDirections(Index channels) {
  if (channels < 1) {
    throw ShapeError("RowDirections: no channels (" + std::to_string(channels) +
                     "); need at least 1");
  }
  sum_.assign(std::size_t(channels), 0.0);
}

template <class T>
void RowDirections::add(const MatrixView<const T>& x, const float* count) {
  const Index shards = (x.rows + kStretch - 1) / kStretch, c = Index(sum_.size());
  if (x.cols != c) {
    throw ShapeError("RowDirections::add: another width (" + shape_text(x.rows, x.cols) +
                     "); need " + std::to_string(c) + " columns");
  }
  check_rows("RowDirections::add", x, count);
  std::vector<double> sums(std::size_t(shards * c), 0.0), weights(std::size_t(shards), 0.0);
  for_each_output(shards, [&](Index shard) {
    std::vector<double> row(static_cast<std::size_t>(c));
    double* sum = sums.data() + shard * c;
    for (Index r = shard * kStretch; r < std::min(x.rows, (shard + 1) * kStretch); ++r) {
      // Each row by its own largest, so that small rows keep their direction.
      double top = 0, square = 0;
      for (Index j = 0; j < c; ++j) top = std::max(top, std::abs(double(x(r, j))));
      const double weight = weight_of(count, r);
      if (!(top > 0) || !(weight > 0)) continue;
      for (Index j = 0; j < c; ++j) {
        row[std::size_t(j)] = double(x(r, j)) / top;
        square += row[std::size_t(j)] * row[std::size_t(j)];
      }
      const double factor = weight / std::sqrt(square);
      for (Index j = 0; j < c; ++j) sum[j] += factor * row[std::size_t(j)];
      weights[std::size_t(shard)] += weight;
    }
  });
  for (Index shard = 0; shard < shards; ++shard) {
    total_ += weights[std::size_t(shard)];
    for (Index j = 0; j < c; ++j) sum_[std::size_t(j)] += sums[std::size_t(shard * c + j)];
  }
}

template void RowDirections::add<float>(const MatrixView<const float>&, const float*);
template void RowDirections::add<double>(const MatrixView<const double>&, const float*);

double RowDirections::mean_cosine() const {
  if (!(total_ > 1)) return 0;
  double square = 0;
  for (const double sum : sum_) square += sum * sum;
  return std::clamp((square - total_) / (total_ * (total_ - 1)), -1.0, 1.0);
}

template <class T>
double mean_cosine(const MatrixView<const T>& x, const float* count) {
  check_rows("mean_cosine", x, count);
  RowDirections directions(x.cols);
  directions.add(x, count);
  return directions.mean_cosine();
}

template double mean_cosine<float>(const MatrixView<const float>&, const float*);
template double mean_cosine<double>(const MatrixView<const double>&, const float*);

template <class T>
double partition_isotropy(const MatrixView<const T>& x, const float* count) {
  const RowCheck check = check_rows("partition_isotropy", x, count);
  if (!(check.rows > 0)) {
    throw ShapeError("partition_isotropy: no rows count (" + shape_text(x.rows, x.cols) +
                     "); need at least one");
  }
  const Index c = x.cols;
  const Index whole = std::min(kStretch, x.rows);
  std::vector<double> stretch(std::size_t(whole * c)), weighted(std::size_t(whole * c));
  std::vector<double> gram(std::size_t(c * c), 0.0), seen(std::size_t(whole * c));
  const auto each_stretch = [&](double scale, const auto& f) {
    for (Index first = 0; first < x.rows; first += kStretch) {
      const Index n = std::min(kStretch, x.rows - first);
      copy_rows(x, first, n, scale, stretch.data());
      f(first, n, MatrixView<const double>(stretch.data(), n, c));
    }
  };
  each_stretch(check.scale, [&](Index first, Index n, const MatrixView<const double>& rows) {
    for (Index r = 0; r < n; ++r) {
      for (Index j = 0; j < c; ++j) {
        weighted[std::size_t(r * c + j)] = weight_of(count, first + r) * rows(r, j);
      }
    }
    gemm<double>(transposed(rows), plain(MatrixView<const double>(weighted.data(), n, c)),
                 MatrixView<double>(gram.data(), c, c), nullptr, Output::add);
  });
  const eigen::Eigensystem solved =
      eigen::eigensystem_of({gram.data(), c, c}, eigen::Vectors::kept);
  if (solved.values.empty()) {
    throw ValueError("partition_isotropy: Eigen found no eigenvalues of X^T X (" +
                     shape_text(c, c) + "); need finite numbers of one scale");
  }
  const MatrixView<const double> directions(solved.vectors.data(), c, c);
  std::vector<LogSum> with(static_cast<std::size_t>(c)), against(static_cast<std::size_t>(c));
  each_stretch(1.0, [&](Index first, Index n, const MatrixView<const double>& rows) {
    gemm<double>(plain(rows), transposed(directions), MatrixView<double>(seen.data(), n, c));
    for_each_output(c, [&](Index j) {
      for (Index r = 0; r < n; ++r) {
        const double weight = weight_of(count, first + r), p = seen[std::size_t(r * c + j)];
        if (!(weight > 0)) continue;
        with[std::size_t(j)].add(p, weight);
        against[std::size_t(j)].add(-p, weight);
      }
    });
  });
  double low = std::numeric_limits<double>::infinity(), high = -low;
  for (const auto* sums : {&with, &against}) {
    for (const LogSum& sum : *sums) {
      low = std::min(low, sum.value());
      high = std::max(high, sum.value());
    }
  }
  return math::exp(low - high);
}

template double partition_isotropy<float>(const MatrixView<const float>&, const float*);
template double partition_isotropy<double>(const MatrixView<const double>&, const float*);

/// Moments of one stretch.
struct ChannelMoments::Part {
  double rows = 0;
  std::vector<double> mean, second, third, fourth;
};

ChannelMoments::ChannelMoments(Index channels) {
  if (channels < 1) {
    throw ShapeError("ChannelMoments: no channels (" + std::to_string(channels) +
                     "); need at least 1");
  }
  for (auto* m : {&mean_, &second_, &third_, &fourth_}) m->assign(std::size_t(channels), 0.0);
}

template <class T>
void ChannelMoments::add(const MatrixView<const T>& x, const float* count) {
  constexpr double kFourthRoot = 1e70;
  if (x.cols != Index(mean_.size())) {
    throw ShapeError("ChannelMoments::add: another width (" + shape_text(x.rows, x.cols) +
                     "); need " + std::to_string(mean_.size()) + " columns");
  }
  const RowCheck check = check_rows("ChannelMoments::add", x, count);
  if (check.largest > kFourthRoot) {
    throw ValueError("ChannelMoments::add: a number is too large for its fourth power (" +
                     std::to_string(std::ilogb(check.largest)) + " bits); need at most 1e70");
  }
  const std::size_t c = mean_.size();
  std::vector<Part> parts{std::size_t((x.rows + kStretch - 1) / kStretch)};
  for_each_output(Index(parts.size()), [&](Index p) {
    Part& part = parts[std::size_t(p)];
    for (auto* m : {&part.mean, &part.second, &part.third, &part.fourth}) m->assign(c, 0.0);
    const Index first = p * kStretch, end = std::min(x.rows, first + kStretch);
    // From the first row that counts, so that the mean of equal rows is exact.
    Index origin = first;
    while (origin + 1 < end && !(weight_of(count, origin) > 0)) ++origin;
    const T* start = x.row(origin);
    for (Index r = first; r < end; ++r) {
      const double weight = weight_of(count, r);
      const T* row = x.row(r);
      for (std::size_t j = 0; j < c; ++j) {
        part.mean[j] += weight * (double(row[j]) - double(start[j]));
      }
      part.rows += weight;
    }
    if (!(part.rows > 0)) return;
    for (std::size_t j = 0; j < c; ++j) {
      part.mean[j] = double(start[j]) + part.mean[j] / part.rows;
    }
    for (Index r = first; r < end; ++r) {
      const double weight = weight_of(count, r);
      const T* row = x.row(r);
      for (std::size_t j = 0; j < c; ++j) {
        const double d = double(row[j]) - part.mean[j], square = d * d;
        part.second[j] += weight * square;
        part.third[j] += weight * (square * d);
        part.fourth[j] += weight * (square * square);
      }
    }
  });
  for (const Part& part : parts) join(part);
}

template void ChannelMoments::add<float>(const MatrixView<const float>&, const float*);
template void ChannelMoments::add<double>(const MatrixView<const double>&, const float*);

void ChannelMoments::join(const Part& part) {
  if (!(part.rows > 0)) return;
  const double n = rows_ + part.rows, a = rows_ / n, b = part.rows / n;
  for (std::size_t j = 0; j < mean_.size(); ++j) {
    const double d = part.mean[j] - mean_[j], d2 = d * d;
    const double both = rows_ * b;
    fourth_[j] += part.fourth[j] + both * (a * a - a * b + b * b) * d2 * d2 +
                  6 * d2 * (a * a * part.second[j] + b * b * second_[j]) +
                  4 * d * (a * part.third[j] - b * third_[j]);
    third_[j] +=
        part.third[j] + both * (a - b) * d2 * d + 3 * d * (a * part.second[j] - b * second_[j]);
    second_[j] += part.second[j] + both * d2;
    mean_[j] += b * d;
  }
  rows_ = n;
}

void ChannelMoments::merge(const ChannelMoments& other) {
  if (other.mean_.size() != mean_.size()) {
    throw ShapeError("ChannelMoments::merge: another width (" + std::to_string(other.mean_.size()) +
                     "); need " + std::to_string(mean_.size()));
  }
  join({other.rows_, other.mean_, other.second_, other.third_, other.fourth_});
}

bool ChannelMoments::is_constant(std::size_t c) const {
  if (!(rows_ > 0)) return true;
  const double deviation = std::sqrt(second_[c] / rows_);
  return !(deviation > 1e-70) || deviation <= 1e-15 * std::abs(mean_[c]);
}

std::vector<double> ChannelMoments::variance() const {
  std::vector<double> variance;
  for (std::size_t c = 0; c < mean_.size(); ++c) {
    variance.push_back(is_constant(c) ? 0.0 : second_[c] / rows_);
  }
  return variance;
}

std::vector<double> ChannelMoments::kurtosis() const {
  std::vector<double> kurtosis;
  for (std::size_t c = 0; c < mean_.size(); ++c) {
    const double variance = second_[c] / rows_;
    kurtosis.push_back(is_constant(c) ? 0.0 : fourth_[c] / rows_ / variance / variance);
  }
  return kurtosis;
}

std::vector<Index> ChannelMoments::outlier_channels(double ratio) const {
  const std::vector<double> all = variance();
  double mean = 0;
  for (const double v : all) mean += v / double(all.size());
  std::vector<Index> outliers;
  for (std::size_t c = 0; c < all.size(); ++c) {
    if (all[c] > 0 && all[c] >= ratio * mean) outliers.push_back(Index(c));
  }
  return outliers;
}

double ChannelMoments::rank_one_distance() const {
  // Over the largest, as squares of what is below 1e-154 would vanish.
  double top = 0, spread = 0, level = 0;
  for (std::size_t c = 0; c < mean_.size(); ++c) {
    const double deviation = rows_ > 0 ? std::sqrt(second_[c] / rows_) : 0;
    top = std::max({top, deviation, std::abs(mean_[c])});
  }
  if (!(top > 0)) return 0;
  for (std::size_t c = 0; c < mean_.size(); ++c) {
    spread += is_constant(c) ? 0.0 : second_[c] / rows_ / top / top;
    level += (mean_[c] / top) * (mean_[c] / top);
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

template <class T>
std::vector<MetricValue> row_metrics(const MatrixView<const T>& x, const float* count) {
  ChannelMoments moments(x.cols);
  moments.add(x, count);
  std::vector<MetricValue> values = values_of(moments);
  values.push_back({"mean_cosine", "1", mean_cosine(x, count), "pairs of rows, not centred"});
  values.push_back({"partition_isotropy", "1", partition_isotropy(x, count), "not centred"});
  return values;
}

template std::vector<MetricValue> row_metrics<float>(const MatrixView<const float>&, const float*);
template std::vector<MetricValue> row_metrics<double>(const MatrixView<const double>&,
                                                      const float*);

}  // namespace libnorm
