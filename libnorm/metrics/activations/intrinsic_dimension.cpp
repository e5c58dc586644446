#include "libnorm/metrics/activations/intrinsic_dimension.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

#include "libnorm/core/launch.hpp"
#include "libnorm/core/math.hpp"
#include "libnorm/metrics/row_check.hpp"
#include "libnorm/ops/gemm.hpp"

namespace libnorm {
namespace {

constexpr Index kStrip = 64;

/// Rows that differ, ascending.
template <class T>
std::vector<Index> different_rows(const MatrixView<const T>& x) {
  std::vector<Index> order;
  for (Index r = 0; r < x.rows; ++r) order.push_back(r);
  const auto less = [&](Index a, Index b) {
    return std::lexicographical_compare(x.row(a), x.row(a) + x.cols, x.row(b), x.row(b) + x.cols);
  };
  std::sort(order.begin(), order.end(), less);
  std::vector<Index> rows;
  for (std::size_t i = 0; i < order.size(); ++i) {
    if (i == 0 || less(order[i - 1], order[i])) rows.push_back(order[i]);
  }
  return rows;
}

/// Rows at `which`, less their mean, times a power of two that brings the largest of what they
/// differ from the first by to about 1.
template <class T>
std::vector<double> centred(const MatrixView<const T>& x, const std::vector<Index>& which) {
  const T* start = x.row(which.front());
  const Index n = Index(which.size());
  double largest = 0;
  std::vector<double> rows, mean(std::size_t(x.cols), 0.0);
  for (const Index r : which) {
    for (Index c = 0; c < x.cols; ++c) {
      rows.push_back(double(x(r, c)) - double(start[c]));
      largest = std::max(largest, std::abs(rows.back()));
    }
  }
  const double unit = unit_scale(largest);
  for (Index i = 0; i < n * x.cols; ++i) {
    rows[std::size_t(i)] *= unit;
    mean[std::size_t(i % x.cols)] += rows[std::size_t(i)] / double(n);
  }
  for (Index i = 0; i < n * x.cols; ++i) rows[std::size_t(i)] -= mean[std::size_t(i % x.cols)];
  return rows;
}

double dot(const double* a, const double* b, Index n) {
  double sum = 0;
  for (Index i = 0; i < n; ++i) sum += a[i] * b[i];
  return sum;
}

/// Of two rows that differ.
template <class T>
double distance(const T* a, const T* b, Index n) {
  double sum = 0, largest = 0;
  for (Index i = 0; i < n; ++i) {
    const double d = double(a[i]) - double(b[i]);
    sum += d * d;
  }
  if (0x1p-900 < sum && sum < 0x1p1000) return std::sqrt(sum);
  // Squares overflow or vanish.
  for (Index i = 0; i < n; ++i) largest = std::max(largest, std::abs(double(a[i]) - double(b[i])));
  const double unit = unit_scale(largest);
  sum = 0;
  for (Index i = 0; i < n; ++i) {
    const double d = (double(a[i]) - double(b[i])) * unit;
    sum += d * d;
  }
  return std::sqrt(sum) / unit;
}

/// Whether distances can be some: k of them a row, finite, and none below 0.
bool are_sound(const Neighbours& neighbours) {
  if (Index(neighbours.distances.size()) != neighbours.rows * neighbours.k) {
    throw ShapeError("neighbours: sizes differ (" + std::to_string(neighbours.distances.size()) +
                     " distances, rows and neighbours " +
                     shape_text(neighbours.rows, neighbours.k) + "); need one for each");
  }
  return std::all_of(neighbours.distances.begin(), neighbours.distances.end(),
                     [](double d) { return d >= 0 && std::isfinite(d); });
}

/// log a / b, whose quotient may be no double.
double log_ratio(double a, double b) {
  const double ratio = a / b;
  return std::isfinite(ratio) ? math::log(ratio) : math::log(a) - math::log(b);
}

}  // namespace

template <class T>
Neighbours nearest_neighbours(const MatrixView<const T>& x, Index k) {
  if (k < 1) {
    throw ValueError("nearest_neighbours: no neighbours (" + std::to_string(k) +
                     "); need at least one");
  }
  check_rows("nearest_neighbours", x, nullptr);
  const Index c = x.cols;
  const std::vector<Index> which = different_rows(x);
  Neighbours found;
  found.rows = Index(which.size());
  const Index n = found.rows;
  found.k = std::max<Index>(0, std::min(k, n - 1));
  if (found.k == 0) return found;
  found.distances.resize(std::size_t(n * found.k));
  // Products of rows less their mean are small, and so is the rounding of them.
  const std::vector<double> near_mean = centred(x, which);
  std::vector<double> square;
  for (Index r = 0; r < n; ++r) {
    const double* row = near_mean.data() + r * c;
    square.push_back(dot(row, row, c));
  }
  const double largest = *std::max_element(square.begin(), square.end());
  // |a|^2 + |b|^2 - 2 a b is off by at most C + 4 roundings of |a|^2 + |b|^2 on each side, and what
  // centring rounds, twice, moves |a - b|^2 by 24 roundings of the largest |a|^2.
  const double unit = 0x1p-53, wide = double(c);
  const MatrixView<const double> all(near_mean.data(), n, c);
  std::vector<double> products(std::size_t(kStrip * n));
  for (Index first = 0; first < n; first += kStrip) {
    const Index strip = std::min(kStrip, n - first);
    gemm<double>(plain(all.row_range(first, strip)), transposed(all),
                 MatrixView<double>(products.data(), strip, n));
    for_each_output(strip, [&](Index s) {
      const Index i = first + s;
      double* near = products.data() + s * n;
      for (Index j = 0; j < n; ++j) {
        near[j] = square[std::size_t(i)] + square[std::size_t(j)] - 2 * near[j];
      }
      near[i] = std::numeric_limits<double>::infinity();
      std::vector<double> sorted(near, near + n);
      const auto last = sorted.begin() + (found.k - 1);
      std::nth_element(sorted.begin(), last, sorted.end());
      const double error = 2 * (wide + 24) * unit * (square[std::size_t(i)] + largest);
      const double limit = *last + 2 * error;
      std::vector<double> distances;
      for (Index j = 0; j < n; ++j) {
        if (near[j] <= limit) {
          distances.push_back(
              distance(x.row(which[std::size_t(i)]), x.row(which[std::size_t(j)]), c));
        }
      }
      std::partial_sort(distances.begin(), distances.begin() + found.k, distances.end());
      for (Index m = 0; m < found.k; ++m) {
        found.distances[std::size_t(i * found.k + m)] = distances[std::size_t(m)];
      }
    });
  }
  return found;
}

template Neighbours nearest_neighbours<float>(const MatrixView<const float>&, Index);
template Neighbours nearest_neighbours<double>(const MatrixView<const double>&, Index);

double two_nn_dimension(const Neighbours& neighbours) {
  if (!are_sound(neighbours)) return std::numeric_limits<double>::quiet_NaN();
  if (neighbours.k < 2) return 0;
  std::vector<double> logs;
  for (Index r = 0; r < neighbours.rows; ++r) {
    const double* d = neighbours.distances.data() + r * neighbours.k;
    if (d[0] > 0) logs.push_back(log_ratio(d[1], d[0]));
  }
  std::sort(logs.begin(), logs.end());
  const double n = double(logs.size());
  double along = 0, square = 0;
  for (std::size_t i = 0; i < logs.size() && double(i + 1) <= 0.9 * n; ++i) {
    along += logs[i] * -math::log(1 - double(i + 1) / n);
    square += logs[i] * logs[i];
  }
  if (logs.empty()) return 0;
  return square > 0 ? along / square : std::numeric_limits<double>::infinity();
}

double likelihood_dimension(const Neighbours& neighbours, Averaging averaging) {
  if (!are_sound(neighbours)) return std::numeric_limits<double>::quiet_NaN();
  const Index k = neighbours.k;
  if (k < 2) return 0;
  double sum = 0, rows = 0;
  for (Index r = 0; r < neighbours.rows; ++r) {
    const double* d = neighbours.distances.data() + r * k;
    if (!(d[0] > 0)) continue;
    double inverse = 0;
    for (Index j = 0; j + 1 < k; ++j) inverse += log_ratio(d[k - 1], d[j]) / double(k - 1);
    rows += 1;
    sum += averaging == Averaging::inverses ? inverse : 1 / inverse;
  }
  if (!(rows > 0)) return 0;
  return averaging == Averaging::inverses ? rows / sum : sum / rows;
}

}  // namespace libnorm
