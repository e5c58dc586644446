#include "libnorm/metrics/activations/row_factor.hpp"

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

#include "libnorm/metrics/activations/known_rank.hpp"
#include "libnorm/metrics/activations/spectrum.hpp"
#include "libnorm/metrics/decompositions.hpp"
#include "libnorm/metrics/row_check.hpp"

namespace libnorm {
namespace {

/// Rows that one decomposition takes in at once.
constexpr Index kStretch = 1024;

/// sum of weight_r x_r. Even and odd rows are added apart, which is the order of golden's spectra.
double weighted_sum(std::span<const double> weight, const double* x) {
  double even = 0, odd = 0;
  const std::size_t pairs = weight.size() / 2 * 2;
  for (std::size_t r = 0; r < pairs; r += 2) {
    even += weight[r] * x[r];
    odd += weight[r + 1] * x[r + 1];
  }
  const double last = pairs < weight.size() ? weight[pairs] * x[pairs] : 0.0;
  return even + odd + last;
}

/// Rows that all have the same number have it as their mean, to the bit.
double mean_of(std::span<const double> weight, const double* x, double total) {
  std::size_t first = 0;
  while (!(weight[first] > 0)) ++first;
  for (std::size_t r = first; r < weight.size(); ++r) {
    if (weight[r] > 0 && x[r] != x[first]) return weighted_sum(weight, x) / total;
  }
  return x[first];
}

}  // namespace

RowFactor::RowFactor(Index channels) : channels_(channels) {
  if (channels < 1) {
    throw ShapeError("RowFactor: no channels (" + std::to_string(channels) + "); need at least 1");
  }
  mean_.assign(std::size_t(channels), 0.0);
  told_mean_ = mean_;
}

template <class T>
void RowFactor::add(const MatrixView<const T>& x, const float* count) {
  if (x.cols != channels_) {
    throw ShapeError("RowFactor::add: another width (" + shape_text(x.rows, x.cols) + "); need " +
                     std::to_string(channels_) + " columns");
  }
  for (Index first = 0; first < x.rows; first += kStretch) {
    const Index rows = std::min(kStretch, x.rows - first);
    const float* its_count = count == nullptr ? nullptr : count + first;
    const RowCheck check = check_rows("RowFactor::add", x.row_range(first, rows), its_count, first);
    if (!(check.rows > 0)) continue;
    rescale(next_scale(scale_, check.largest, is_zero()));
    take(x.row_range(first, rows), its_count);
  }
}

template void RowFactor::add<float>(const MatrixView<const float>&, const float*);
template void RowFactor::add<double>(const MatrixView<const double>&, const float*);

/// One stretch, of which some rows count: what its mean differs by, then its rows less their mean,
/// join what there is.
template <class T>
void RowFactor::take(const MatrixView<const T>& x, const float* count) {
  const Index c = channels_, rows = x.rows;
  std::vector<double> weight, column(static_cast<std::size_t>(rows)),
      fresh(std::size_t((rows + 1) * c));
  double added = 0;
  for (Index r = 0; r < rows; ++r) {
    weight.push_back(count == nullptr ? 1.0 : double(count[r]));
    added += weight.back();
    given_ += weight.back() > 0;
  }
  const double total = rows_ + added, root = std::sqrt(rows_ / total * added);
  for (Index j = 0; j < c; ++j) {
    for (Index r = 0; r < rows; ++r) {
      const bool counts = weight[std::size_t(r)] > 0;
      column[std::size_t(r)] = counts ? double(x(r, j)) * scale_ : 0.0;
    }
    const double mean = mean_of(weight, column.data(), added);
    const double shift = mean - mean_[std::size_t(j)];
    fresh[std::size_t(j)] = root * shift;
    for (Index r = 0; r < rows; ++r) {
      fresh[std::size_t((r + 1) * c + j)] =
          std::sqrt(weight[std::size_t(r)]) * (column[std::size_t(r)] - mean);
    }
    move_mean(j, added / total * shift);
  }
  rows_ = total;
  join({}, fresh);
}

void RowFactor::move_mean(Index channel, double by) {
  double& mean = mean_[std::size_t(channel)];
  mean += by;
  told_mean_[std::size_t(channel)] = mean / scale_;
}

/// A triangle and rows join what there is. Up to C rows are held as they are.
void RowFactor::join(const std::vector<double>& triangle, const std::vector<double>& rows) {
  const Index c = channels_, held = Index(held_.size()) / c, fresh = Index(rows.size()) / c;
  if (triangle_.empty() && triangle.empty() && held + fresh <= c) {
    held_.insert(held_.end(), rows.begin(), rows.end());
    return;
  }
  const Index below = triangle.empty() ? c : 2 * c;
  eigen::Columns stacked(below + fresh + held, c);
  stacked.put_triangle(0, triangle_);
  if (!triangle.empty()) stacked.put_triangle(c, triangle);
  stacked.put_rows(below, {rows.data(), fresh, c});
  stacked.put_rows(below + fresh, {held_.data(), held, c});
  triangle_ = stacked.triangle();
  held_.clear();
}

/// Whether no row was anything but zeros.
bool RowFactor::is_zero() const {
  const auto all_zero = [](const std::vector<double>& v) {
    return std::all_of(v.begin(), v.end(), [](double x) { return x == 0; });
  };
  return all_zero(mean_) && all_zero(held_) && all_zero(triangle_);
}

void RowFactor::rescale(double scale) {
  if (scale == scale_) return;
  for (auto* numbers : {&mean_, &held_, &triangle_}) {
    for (double& x : *numbers) x = x == 0 ? 0.0 : x * (scale / scale_);
  }
  scale_ = scale;
}

void RowFactor::merge(const RowFactor& other) {
  if (other.channels_ != channels_) {
    throw ShapeError("RowFactor::merge: another width (" + std::to_string(other.channels_) +
                     "); need " + std::to_string(channels_));
  }
  if (!(other.rows_ > 0)) return;
  RowFactor from = other;
  double scale = std::min(scale_, from.scale_);
  if (is_zero()) scale = from.scale_;
  if (from.is_zero()) scale = scale_;
  rescale(scale);
  from.rescale(scale);
  const double total = rows_ + from.rows_, root = std::sqrt(rows_ / total * from.rows_);
  std::vector<double> rows;
  for (Index j = 0; j < channels_; ++j) {
    const double shift = from.mean_[std::size_t(j)] - mean_[std::size_t(j)];
    rows.push_back(root * shift);
    move_mean(j, from.rows_ / total * shift);
  }
  rows.insert(rows.end(), from.held_.begin(), from.held_.end());
  rows_ = total;
  given_ += from.given_;
  join(from.triangle_, rows);
}

std::vector<double> RowFactor::singular_values(Centring centring) const {
  if (!(rows_ > 0)) {
    throw ShapeError("RowFactor::singular_values: no rows were added (0); need at least one");
  }
  const Index c = channels_;
  const double share = centring == Centring::none ? std::sqrt(rows_) : 0.0;
  std::vector<double> mean;
  for (const double m : mean_) mean.push_back(share * m);
  std::vector<double> s;
  if (triangle_.empty()) {
    std::vector<double> rows = held_;
    rows.insert(rows.end(), mean.begin(), mean.end());
    s = libnorm::singular_values<double>({rows.data(), Index(rows.size()) / c, c});
  } else {
    eigen::Columns stacked(c + 1, c);
    stacked.put_triangle(0, triangle_);
    stacked.put_rows(c, {mean.data(), 1, c});
    s = stacked.singular_values();
  }
  return told_values(std::move(s), scale_, {rows_, given_, c}, centring);
}

}  // namespace libnorm
