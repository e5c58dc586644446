#include "libnorm/metrics/activations/spectrum.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "libnorm/core/math.hpp"
#include "libnorm/metrics/decompositions.hpp"
#include "libnorm/metrics/row_check.hpp"

namespace libnorm {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

double largest(std::span<const double> s) {
  return s.empty() ? 0 : *std::max_element(s.begin(), s.end());
}

}  // namespace

template <class T>
std::vector<double> singular_values(const MatrixView<const T>& a, const float* count) {
  if (a.rows < 1 || a.cols < 1) {
    throw ShapeError("singular_values: the matrix is empty (" + shape_text(a.rows, a.cols) +
                     "); need at least [1, 1]");
  }
  const RowCheck check = check_rows("singular_values", a, count);
  // Of fewer rows than columns, those of the transpose.
  const bool tall = a.rows >= a.cols;
  eigen::Columns columns(tall ? a.rows : a.cols, tall ? a.cols : a.rows);
  for (Index r = 0; r < a.rows; ++r) {
    const double root = count == nullptr ? 1.0 : std::sqrt(double(count[r]));
    for (Index c = 0; root > 0 && c < a.cols; ++c) {
      (tall ? columns(r, c) : columns(c, r)) = double(a(r, c)) * check.scale * root;
    }
  }
  std::vector<double> s = columns.singular_values();
  for (double& x : s) x /= check.scale;
  return s;
}

template std::vector<double> singular_values<float>(const MatrixView<const float>&, const float*);
template std::vector<double> singular_values<double>(const MatrixView<const double>&, const float*);

bool is_spectrum(std::span<const double> s) {
  return std::all_of(s.begin(), s.end(), [](double x) { return x >= 0 && std::isfinite(x); });
}

double effective_rank(std::span<const double> s) {
  if (!is_spectrum(s)) return kNaN;
  const double unit = unit_scale(largest(s));
  double total = 0;
  for (const double x : s) total += x * unit;
  if (!(total > 0)) return 0;
  double entropy = 0;
  for (const double x : s) {
    const double share = x * unit / total;
    if (share > 0) entropy -= share * math::log(share);
  }
  return math::exp(entropy);
}

double participation_ratio(std::span<const double> s) {
  if (!is_spectrum(s)) return kNaN;
  // Scaled by the largest, so that no square overflows or vanishes.
  const double top = largest(s);
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
  if (!is_spectrum(s)) return kNaN;
  const double top = largest(s);
  if (!(top > 0)) return 0;
  double total = 0;
  for (const double x : s) total += (x / top) * (x / top);
  return total;
}

double condition_number(std::span<const double> s) {
  if (!is_spectrum(s)) return kNaN;
  if (s.empty()) return std::numeric_limits<double>::infinity();
  const auto [low, high] = std::minmax_element(s.begin(), s.end());
  return *low > 0 ? *high / *low : std::numeric_limits<double>::infinity();
}

double decay_exponent(std::span<const double> s) {
  constexpr double kRounding = 1e-6;
  if (!is_spectrum(s)) return kNaN;
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

}  // namespace libnorm
