#include "harness/claims/power.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "libnorm/core/rng.hpp"

namespace harness {
namespace {

constexpr std::size_t kStudies = 4000;
constexpr Index kMostExact = 12;

/// One study's differences, with standard deviation 1 and true mean 0: what a shift must exceed.
struct Study {
  double mean = 0;
  /// For the interval and, with `larger`, for the wins.
  double to_interval = 0, to_wins = 0;
  /// For the test at the level.
  double to_level = 0;
};

/// The least number of wins whose P(A > B) has its lower end above 0.5, or n + 1.
Index wins_needed(Index n) {
  for (Index wins = 0; wins <= n; ++wins) {
    std::vector<double> d(std::size_t(n), -1.0);
    std::fill_n(d.begin(), wins, 1.0);
    if (superiority(d).interval.low > 0.5) return wins;
  }
  return n + 1;
}

/// The means over all subsets of d but the empty one, without their sign: -mean.
std::vector<double> subset_means(const std::vector<double>& d) {
  std::vector<std::pair<double, int>> sums{{0.0, 0}};
  for (const double x : d) {
    const std::size_t count = sums.size();
    for (std::size_t i = 0; i < count; ++i) {
      sums.emplace_back(sums[i].first + x, sums[i].second + 1);
    }
  }
  std::vector<double> means;
  for (std::size_t i = 1; i < sums.size(); ++i) means.push_back(-sums[i].first / sums[i].second);
  return means;
}

/// What all studies of n seeds have in common: quantiles take longer than a study.
struct Common {
  Index n = 0;
  double level = 0;
  /// Of the mean's interval and of the test at the level, in standard errors.
  double to_interval = 0, to_level = 0;
  Index wins = 0;
};

Common common_of(Index n, double level) {
  return {n, level, t_quantile(0.975, double(n - 1)), t_quantile(1 - level, double(n - 1)),
          wins_needed(n)};
}

Study simulate(std::size_t number, const Common& common) {
  const Index n = common.n;
  const libnorm::Random random(number, libnorm::Purpose::resampling, libnorm::stream_of("power"));
  std::vector<double> d(static_cast<std::size_t>(n));
  for (std::size_t i = 0; i < d.size(); ++i) d[i] = random.normal(i);
  Study study;
  study.mean = mean(d);
  const double error = standard_deviation(d) / std::sqrt(double(n));
  study.to_interval = common.to_interval * error - study.mean;
  if (n > kMostExact) {
    study.to_level = common.to_level * error - study.mean;
  } else {
    // p = (1 + flips that count) 2^-n: at most so many may.
    const auto most =
        std::size_t(std::floor(common.level * std::exp2(double(n)) * (1 + 1e-12))) - 1;
    std::vector<double> means = subset_means(d);
    std::nth_element(means.begin(), means.begin() + std::ptrdiff_t(most), means.end(),
                     std::greater<>());
    study.to_level = means[most];
  }
  std::sort(d.begin(), d.end(), std::greater<>());
  study.to_wins = common.wins > n ? INFINITY : -d[std::size_t(common.wins - 1)];
  return study;
}

const std::vector<Study>& studies_of(Index n, double level) {
  static std::map<std::pair<Index, double>, std::vector<Study>> cache;
  std::vector<Study>& studies = cache[{n, level}];
  if (!studies.empty()) return studies;
  const Common common = common_of(n, level);
  for (std::size_t i = 0; i < kStudies; ++i) studies.push_back(simulate(i, common));
  return studies;
}

void check(const Bar& bar) {
  if (bar.seeds >= 2 && bar.level > 0 && bar.level < 1 && bar.margin >= 0) return;
  throw libnorm::ValueError(
      fmt::format("power: impossible bar ({} seeds, level {}, margin {}); need at least 2 seeds, "
                  "0 < level < 1 and margin >= 0",
                  bar.seeds, bar.level, bar.margin));
}

bool is_reachable(const Bar& bar) { return std::exp2(-double(bar.seeds)) <= bar.level; }

/// The least true difference that each study finds.
std::vector<double> least_differences(const Bar& bar) {
  std::vector<double> least;
  for (const Study& study : studies_of(bar.seeds, bar.level)) {
    const double to_test = std::max(study.to_level, study.to_interval);
    least.push_back(bar.relation == Relation::larger
                        ? std::max({to_test, study.to_wins, bar.margin - study.mean})
                        : bar.margin + to_test);
  }
  return least;
}

}  // namespace

double power_of(const Bar& bar, double difference) {
  check(bar);
  if (!is_reachable(bar)) return 0;
  const std::vector<double> least = least_differences(bar);
  const auto found =
      std::ranges::count_if(least, [&](double enough) { return enough <= difference; });
  return double(found) / double(least.size());
}

std::optional<double> detectable_difference(const Bar& bar, double power) {
  check(bar);
  if (!(power > 0 && power < 1)) {
    throw libnorm::ValueError(fmt::format(
        "detectable_difference: power is outside (0, 1) ({}); need 0 < power < 1", power));
  }
  if (!is_reachable(bar)) return std::nullopt;
  std::vector<double> least = least_differences(bar);
  const auto at = least.begin() + std::ptrdiff_t(std::ceil(power * double(least.size()))) - 1;
  std::nth_element(least.begin(), at, least.end());
  if (!std::isfinite(*at)) return std::nullopt;
  return *at;
}

double power_of_equivalence(const Bar& bar) {
  check(bar);
  if (!is_reachable(bar)) return 0;
  std::size_t found = 0;
  const double quantile = t_quantile(1 - bar.level, double(bar.seeds - 1));
  for (std::size_t i = 0; i < kStudies; ++i) {
    const libnorm::Random random(i, libnorm::Purpose::resampling, libnorm::stream_of("power"));
    std::vector<double> d(static_cast<std::size_t>(bar.seeds));
    for (std::size_t k = 0; k < d.size(); ++k) d[k] = random.normal(k);
    if (bar.seeds <= kMostExact) {
      found += equivalence_p(d, bar.margin) <= bar.level;
    } else {
      const double reach = quantile * standard_deviation(d) / std::sqrt(double(bar.seeds));
      found += std::fabs(mean(d)) + reach < bar.margin;
    }
  }
  return double(found) / double(kStudies);
}

}  // namespace harness
