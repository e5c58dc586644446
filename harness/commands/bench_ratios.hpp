#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// What `bench --against` makes of the times of two builds.

namespace harness {

/// Throws: ValueError for no values.
double median(std::vector<double> values);

/// The interval of the median by order statistics: from the k-th smallest value to the k-th
/// largest, with the largest k for which B(n, 1/2) < k has a probability of at most 2.5%. It covers
/// the median of any distribution with at least 95%, if the values are independent. Nothing for
/// fewer than 6 values, of which no interval does.
std::optional<std::pair<double, double>> median_interval(std::vector<double> values);

/// A line of `bench --json`.
struct TimedStep {
  std::string experiment, arm;
  double ms = 0;
};

/// The steps and products of the output of `bench --json`; products with curvature are left out.
/// Throws: DataError, which names `command`, for anything but a list of such lines.
std::vector<TimedStep> read_steps(std::string_view json, const std::string& command);

/// The times of one arm or product, a pair for each turn of both builds.
struct PairedTimes {
  std::string experiment, arm;
  std::vector<double> new_ms, old_ms;

  /// new / old of each pair.
  std::vector<double> ratios() const;
};

/// Adds a turn of both builds. Lines that only one of them has are left out; returns their names.
std::vector<std::string> add_turn(const std::vector<TimedStep>& of_new,
                                  const std::vector<TimedStep>& of_old,
                                  std::vector<PairedTimes>& times);

/// `faster`, `slower`, or `-` where the interval contains 1 or there is none.
std::string_view verdict_of(const std::optional<std::pair<double, double>>& interval);

}  // namespace harness
