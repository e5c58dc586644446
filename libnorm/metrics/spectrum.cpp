#include "libnorm/metrics/spectrum.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

#include "libnorm/core/math.hpp"
#include "libnorm/core/vector_sums.hpp"
#include "libnorm/metrics/decompositions.hpp"

namespace libnorm {

template <class T>
std::vector<double> singular_values(const MatrixView<const T>& a, const float* count) {
  if (a.rows < 1 || a.cols < 1) {
    throw ShapeError("singular_values: the matrix is empty (" + shape_text(a.rows, a.cols) +
                     "); need at least [1, 1]");
  }
  eigen::Columns columns(a.rows, a.cols);
  for (Index r = 0; r < a.rows; ++r) {
    const double root = count == nullptr ? 1.0 : std::sqrt(double(count[r]));
    for (Index c = 0; c < a.cols; ++c) columns(r, c) = double(a(r, c)) * root;
  }
  if (!all_finite(columns.memory())) {
    throw ValueError("singular_values: the matrix holds a number that is not finite; need none");
  }
  return columns.singular_values();
}

template std::vector<double> singular_values<float>(const MatrixView<const float>&, const float*);
template std::vector<double> singular_values<double>(const MatrixView<const double>&, const float*);

double effective_rank(std::span<const double> s) {
  double total = 0;
  for (const double x : s) total += x;
  if (!(total > 0)) return 0;
  double entropy = 0;
  for (const double x : s) {
    const double share = x / total;
    if (share > 0) entropy -= share * math::log(share);
  }
  return math::exp(entropy);
}

double participation_ratio(std::span<const double> s) {
  // Scaled by the largest, so that no square overflows or vanishes.
  const double top = s.empty() ? 0 : *std::max_element(s.begin(), s.end());
  if (!(top > 0)) return 0;
  double second = 0, fourth = 0;
  for (const double x : s) {
    const double square = (x / top) * (x / top);
    second += square;
    fourth += square * square;
  }
  return second * second / fourth;
}

double stable_rank(std::span<const double> s) {
  const double top = s.empty() ? 0 : *std::max_element(s.begin(), s.end());
  if (!(top > 0)) return 0;
  double total = 0;
  for (const double x : s) total += (x / top) * (x / top);
  return total;
}

double condition_number(std::span<const double> s) {
  if (s.empty()) return std::numeric_limits<double>::infinity();
  const auto [low, high] = std::minmax_element(s.begin(), s.end());
  return *low > 0 ? *high / *low : std::numeric_limits<double>::infinity();
}

double decay_exponent(std::span<const double> s) {
  constexpr double kRounding = 1e-6;
  const double top = s.empty() ? 0 : s.front();
  double n = 0, x_mean = 0, y_mean = 0, along = 0, square = 0;
  for (const double value : s) {
    if (!(value > kRounding * top)) break;
    // Welford's update: no difference of large sums.
    const double x = math::log(n + 1), y = 2 * math::log(value / top);
    n += 1;
    const double from_mean = x - x_mean;
    x_mean += from_mean / n;
    y_mean += (y - y_mean) / n;
    along += from_mean * (y - y_mean);
    square += from_mean * (x - x_mean);
  }
  return n < 2 ? 0 : -along / square;
}

std::span<const SpectralMetric> spectral_metrics() {
  static constexpr SpectralMetric kMetrics[] = {
      {"effective_rank", "dimensions", "exp of the entropy of s / sum s", &effective_rank},
      {"participation_ratio", "dimensions", "(sum s^2)^2 / sum s^4", &participation_ratio},
      {"stable_rank", "dimensions", "sum s^2 / max s^2", &stable_rank},
      {"decay_exponent", "1", "a of the least-squares fit s_i^2 ~ i^-a", &decay_exponent},
      {"condition_number", "1", "max s / min s", &condition_number},
  };
  return kMetrics;
}

const SpectralMetric& find_spectral_metric(std::string_view name) {
  std::string known;
  for (const SpectralMetric& metric : spectral_metrics()) {
    if (metric.name == name) return metric;
    known += known.empty() ? "" : ", ";
    known += metric.name;
  }
  throw ValueError("spectral metric: unknown name (" + std::string(name) + "); use one of " +
                   known);
}

}  // namespace libnorm
