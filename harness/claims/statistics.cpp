#include "harness/claims/statistics.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <functional>
#include <map>
#include <numeric>
#include <string>

#include <fmt/format.h>

namespace harness {
namespace {

using libnorm::ValueError;

constexpr double kTie = 1e-12;
constexpr std::size_t kMostFlips = 20;

/// text: makes the sentence, since most calls need none.
template <class Text>
void require(bool holds, Text text) {
  if (!holds) throw ValueError(text());
}

/// f of its arguments, kept: a quantile takes a thousand evaluations, and judging asks for few of
/// them often.
template <std::size_t n, class F>
double kept(std::map<std::array<double, n>, double>& of, const std::array<double, n>& arguments,
            F f) {
  const auto found = of.find(arguments);
  return found != of.end() ? found->second : of.emplace(arguments, f()).first->second;
}

void check_sample(const std::vector<double>& d, std::size_t least, const char* where) {
  require(d.size() >= least, [&] {
    return std::string(where) + ": too few seeds (" + std::to_string(d.size()) +
           "); need at least " + std::to_string(least);
  });
  for (std::size_t i = 0; i < d.size(); ++i) {
    require(std::isfinite(d[i]), [&] {
      return std::string(where) + ": difference " + std::to_string(i) + " is not finite (" +
             fmt::to_string(d[i]) + "); need finite numbers";
    });
  }
}

void check_share(double p, const char* where, const char* name) {
  require(p > 0 && p < 1, [&] {
    return std::string(where) + ": " + name + " is outside (0, 1) (" + fmt::to_string(p) +
           "); need 0 < " + name + " < 1";
  });
}

void check_degrees(double degrees, const char* where) {
  require(degrees > 0 && std::isfinite(degrees), [&] {
    return std::string(where) + ": degrees of freedom are not positive (" +
           fmt::to_string(degrees) + "); need > 0";
  });
}

std::vector<double> shifted(std::vector<double> d, double by) {
  for (double& x : d) x += by;
  return d;
}

/// Sums of d under all sign patterns; the first is the one observed. Every sum adds in the order
/// of d, so that patterns which flip only zeros give the same bits.
std::vector<double> flipped_sums(const std::vector<double>& d) {
  std::vector<double> sums{0.0};
  sums.reserve(std::size_t{1} << d.size());
  for (double x : d) {
    const std::size_t count = sums.size();
    for (std::size_t i = 0; i < count; ++i) {
      sums.push_back(sums[i] - x);
      sums[i] += x;
    }
  }
  return sums;
}

/// Continued fraction of the incomplete beta function, for x < (a + 1) / (a + b + 2).
double beta_fraction(double a, double b, double x) {
  constexpr double kTiny = 1e-300;
  const auto away_from_zero = [](double v) { return std::fabs(v) < kTiny ? kTiny : v; };
  double c = 1;
  double d = 1 / away_from_zero(1 - (a + b) * x / (a + 1));
  double value = d;
  for (int m = 1; m <= 10000; ++m) {
    const double even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
    d = 1 / away_from_zero(1 + even * d);
    c = away_from_zero(1 + even / c);
    value *= d * c;
    const double odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
    d = 1 / away_from_zero(1 + odd * d);
    c = away_from_zero(1 + odd / c);
    value *= d * c;
    if (std::fabs(d * c - 1) < 1e-15) return value;
  }
  throw ValueError("incomplete_beta: no convergence (a " + fmt::to_string(a) + ", b " +
                   fmt::to_string(b) + "); need smaller a and b");
}

/// The zero of a rising function: halves [low, high] until its ends are adjacent numbers.
double bisect(double low, double high, const std::function<double(double)>& rising) {
  for (;;) {
    const double middle = low + (high - low) / 2;
    if (middle <= low || middle >= high) return middle;
    (rising(middle) < 0 ? low : high) = middle;
  }
}

}  // namespace

double mean(const std::vector<double>& d) {
  check_sample(d, 1, "mean");
  return std::accumulate(d.begin(), d.end(), 0.0) / static_cast<double>(d.size());
}

double standard_deviation(const std::vector<double>& d) {
  check_sample(d, 2, "standard_deviation");
  const double center = mean(d);
  double squares = 0;
  for (double x : d) squares += (x - center) * (x - center);
  return std::sqrt(squares / static_cast<double>(d.size() - 1));
}

double incomplete_beta(double a, double b, double x) {
  require(a > 0 && b > 0 && std::isfinite(a) && std::isfinite(b), [&] {
    return "incomplete_beta: a or b is not positive (a " + fmt::to_string(a) + ", b " +
           fmt::to_string(b) + "); need a > 0 and b > 0";
  });
  require(x >= 0 && x <= 1, [&] {
    return "incomplete_beta: x is outside [0, 1] (" + fmt::to_string(x) + "); need 0 <= x <= 1";
  });
  if (x == 0 || x == 1) return x;
  const double front = std::exp(std::lgamma(a + b) - std::lgamma(a) - std::lgamma(b) +
                                a * std::log(x) + b * std::log1p(-x));
  if (x < (a + 1) / (a + b + 2)) return front * beta_fraction(a, b, x) / a;
  return 1 - front * beta_fraction(b, a, 1 - x) / b;
}

double beta_quantile(double p, double a, double b) {
  check_share(p, "beta_quantile", "p");
  thread_local std::map<std::array<double, 3>, double> quantiles;
  return kept(quantiles, {p, a, b},
              [&] { return bisect(0, 1, [&](double x) { return incomplete_beta(a, b, x) - p; }); });
}

double t_cdf(double t, double degrees) {
  check_degrees(degrees, "t_cdf");
  require(!std::isnan(t), [&] { return "t_cdf: t is not a number; need a number"; });
  // Choose the one of two equal forms that loses no digits: the tail for large t, the complement's
  // argument for small t.
  const double square = t * t;
  const double outside = square > degrees
                             ? incomplete_beta(degrees / 2, 0.5, degrees / (degrees + square))
                             : 1 - incomplete_beta(0.5, degrees / 2, square / (degrees + square));
  return t < 0 ? outside / 2 : 1 - outside / 2;
}

double t_quantile(double p, double degrees) {
  check_share(p, "t_quantile", "p");
  check_degrees(degrees, "t_quantile");
  if (p == 0.5) return 0;
  // Solve for the lower half and mirror it: p keeps its digits there.
  if (p > 0.5) return -t_quantile(1 - p, degrees);
  thread_local std::map<std::array<double, 2>, double> quantiles;
  return kept(quantiles, {p, degrees}, [&] {
    double low = -1;
    while (t_cdf(low, degrees) > p) low *= 2;
    return bisect(low, 0, [&](double t) { return t_cdf(t, degrees) - p; });
  });
}

double sign_flip_p(const std::vector<double>& d, Direction direction) {
  check_sample(d, 1, "sign_flip_p");
  require(d.size() <= kMostFlips, [&] {
    return "sign_flip_p: too many seeds (" + std::to_string(d.size()) +
           "); need at most 20, as all 2^n patterns are counted";
  });
  double scale = 0;
  for (double x : d) scale += std::fabs(x);
  const double tie = kTie * scale;
  const std::vector<double> sums = flipped_sums(d);
  const double observed = sums.front();
  const auto extreme = [&](double sum) {
    if (direction == Direction::greater) return sum >= observed - tie;
    if (direction == Direction::less) return sum <= observed + tie;
    return std::fabs(sum) >= std::fabs(observed) - tie;
  };
  const auto count = std::count_if(sums.begin(), sums.end(), extreme);
  return static_cast<double>(count) / static_cast<double>(sums.size());
}

double equivalence_p(const std::vector<double>& d, double margin) {
  require(margin > 0 && std::isfinite(margin), [&] {
    return "equivalence_p: margin is not positive (" + fmt::to_string(margin) + "); need > 0";
  });
  return std::max(sign_flip_p(shifted(d, margin), Direction::greater),
                  sign_flip_p(shifted(d, -margin), Direction::less));
}

double beyond_p(const std::vector<double>& d, double margin) {
  require(margin > 0 && std::isfinite(margin), [&] {
    return "beyond_p: margin is not positive (" + fmt::to_string(margin) + "); need > 0";
  });
  return std::min(sign_flip_p(shifted(d, -margin), Direction::greater),
                  sign_flip_p(shifted(d, margin), Direction::less));
}

std::vector<double> holm(const std::vector<double>& p) {
  for (double x : p) {
    require(x >= 0 && x <= 1, [&] {
      return "holm: a p is outside [0, 1] (" + fmt::to_string(x) + "); need 0 <= p <= 1";
    });
  }
  std::vector<std::size_t> order(p.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t i, std::size_t j) { return p[i] < p[j]; });
  std::vector<double> adjusted(p.size());
  double largest = 0;
  for (std::size_t rank = 0; rank < order.size(); ++rank) {
    largest = std::max(largest, static_cast<double>(p.size() - rank) * p[order[rank]]);
    adjusted[order[rank]] = std::min(1.0, largest);
  }
  return adjusted;
}

Interval mean_interval(const std::vector<double>& d, double level) {
  check_sample(d, 2, "mean_interval");
  check_share(level, "mean_interval", "level");
  const double n = static_cast<double>(d.size());
  const double half = t_quantile((1 + level) / 2, n - 1) * standard_deviation(d) / std::sqrt(n);
  const double center = mean(d);
  return {center - half, center + half};
}

double standardized_effect(const std::vector<double>& d) {
  check_sample(d, 3, "standardized_effect");
  const double sd = standard_deviation(d);
  double largest = 0;
  for (double x : d) largest = std::max(largest, std::fabs(x));
  require(sd > kTie * largest, [&] {
    return "standardized_effect: the differences do not vary (standard deviation " +
           fmt::to_string(sd) + "); need differences that do";
  });
  const double degrees = static_cast<double>(d.size() - 1);
  const double correction =
      std::exp(std::lgamma(degrees / 2) - std::lgamma((degrees - 1) / 2)) / std::sqrt(degrees / 2);
  return correction * mean(d) / sd;
}

Superiority superiority(const std::vector<double>& d, double level) {
  check_sample(d, 1, "superiority");
  check_share(level, "superiority", "level");
  const double n = static_cast<double>(d.size());
  double wins = 0;
  double ties = 0;
  for (double x : d) {
    wins += x > 0;
    ties += x == 0;
  }
  const double tail = (1 - level) / 2;
  const double most = wins + ties;
  Superiority result;
  result.probability = (wins + ties / 2) / n;
  result.interval.low = wins == 0 ? 0 : beta_quantile(tail, wins, n - wins + 1);
  result.interval.high = most == n ? 1 : beta_quantile(1 - tail, most + 1, n - most);
  return result;
}

}  // namespace harness
