#include "libnorm/metrics/row_factor.hpp"

#include <algorithm>
#include <cmath>
#include <string>

#include "libnorm/core/vector_sums.hpp"
#include "libnorm/metrics/decompositions.hpp"

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

}  // namespace

RowFactor::RowFactor(Index channels) : channels_(channels) {
  if (channels < 1) {
    throw ShapeError("RowFactor: no channels (" + std::to_string(channels) + "); need at least 1");
  }
  mean_.assign(std::size_t(channels), 0.0);
  triangle_.assign(std::size_t(channels * channels), 0.0);
}

template <class T>
void RowFactor::add(const MatrixView<const T>& x, const float* count) {
  if (x.cols != channels_) {
    throw ShapeError("RowFactor::add: another width (" + shape_text(x.rows, x.cols) + "); need " +
                     std::to_string(channels_) + " columns");
  }
  const Index c = channels_;
  for (Index first = 0; first < x.rows; first += kStretch) {
    const Index rows = std::min(kStretch, x.rows - first);
    std::vector<double> stretch(std::size_t(rows * c)), weight(static_cast<std::size_t>(rows));
    double added = 0;
    for (Index r = 0; r < rows; ++r) {
      weight[std::size_t(r)] = count == nullptr ? 1.0 : double(count[first + r]);
      added += weight[std::size_t(r)];
      for (Index j = 0; j < c; ++j) stretch[std::size_t(j * rows + r)] = double(x(first + r, j));
    }
    const bool counted = std::all_of(weight.begin(), weight.end(), [](double w) { return w >= 0; });
    if (!all_finite(stretch) || !all_finite(weight) || !counted) {
      throw ValueError("RowFactor::add: rows " + std::to_string(first) + " .. " +
                       std::to_string(first + rows - 1) +
                       " hold a number that is not finite or a negative count; need neither");
    }
    if (!(added > 0)) continue;
    const double total = rows_ + added, root = std::sqrt(rows_ / total * added);
    eigen::Columns stacked(c + 1 + rows, c);
    stacked.put_triangle(0, triangle_);
    for (Index j = 0; j < c; ++j) {
      const double* column = stretch.data() + j * rows;
      const double mean = weighted_sum(weight, column) / added;
      const double shift = mean - mean_[std::size_t(j)];
      stacked(c, j) = root * shift;
      for (Index r = 0; r < rows; ++r) {
        stacked(c + 1 + r, j) = std::sqrt(weight[std::size_t(r)]) * (column[r] - mean);
      }
      mean_[std::size_t(j)] += added / total * shift;
    }
    triangle_ = stacked.triangle();
    rows_ = total;
  }
}

template void RowFactor::add<float>(const MatrixView<const float>&, const float*);
template void RowFactor::add<double>(const MatrixView<const double>&, const float*);

void RowFactor::merge(const RowFactor& other) {
  if (other.channels_ != channels_) {
    throw ShapeError("RowFactor::merge: another width (" + std::to_string(other.channels_) +
                     "); need " + std::to_string(channels_));
  }
  if (!(other.rows_ > 0)) return;
  const Index c = channels_;
  const double total = rows_ + other.rows_;
  const double root = std::sqrt(rows_ / total * other.rows_);
  eigen::Columns stacked(2 * c + 1, c);
  stacked.put_triangle(0, triangle_);
  stacked.put_triangle(c, other.triangle_);
  for (Index j = 0; j < c; ++j) {
    const double shift = other.mean_[std::size_t(j)] - mean_[std::size_t(j)];
    stacked(2 * c, j) = root * shift;
    mean_[std::size_t(j)] += other.rows_ / total * shift;
  }
  triangle_ = stacked.triangle();
  rows_ = total;
}

std::vector<double> RowFactor::singular_values(Centring centring) const {
  if (!(rows_ > 0)) {
    throw ShapeError("RowFactor::singular_values: no rows were taken in (0); need at least one");
  }
  const Index c = channels_;
  eigen::Columns stacked(c + 1, c);
  stacked.put_triangle(0, triangle_);
  const double share = centring == Centring::none ? std::sqrt(rows_) : 0.0;
  for (Index j = 0; j < c; ++j) stacked(c, j) = share * mean_[std::size_t(j)];
  std::vector<double> s = stacked.singular_values();
  if (rows_ < double(c)) s.resize(std::size_t(std::ceil(rows_)));
  return s;
}

}  // namespace libnorm
