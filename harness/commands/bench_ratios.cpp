#include "harness/commands/bench_ratios.hpp"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "libnorm/core/error.hpp"
#include "libnorm/data/printable.hpp"

namespace harness {
namespace {

/// A line of a list. Throws: nlohmann's errors.
TimedStep step_of(const nlohmann::json& line) {
  return {line.at("experiment").get<std::string>(), line.at("arm").get<std::string>(),
          line.at("ms_per_step").get<double>()};
}

}  // namespace

double median(std::vector<double> values) {
  if (values.empty()) throw libnorm::ValueError("median: no values; need one or more");
  std::ranges::sort(values);
  const std::size_t middle = values.size() / 2;
  if (values.size() % 2 == 1) return values[middle];
  return (values[middle - 1] + values[middle]) / 2;
}

std::optional<std::pair<double, double>> median_interval(std::vector<double> values) {
  constexpr double kTail = 0.025;
  std::ranges::sort(values);
  const std::size_t n = values.size();
  std::size_t k = 0;
  // The probability of exactly k, and of at most k, of n.
  double exactly = std::exp2(-double(n)), at_most = exactly;
  while (k < n && at_most <= kTail) {
    exactly *= double(n - k) / double(k + 1);
    at_most += exactly;
    ++k;
  }
  if (k == 0) return std::nullopt;
  return std::pair(values[k - 1], values[n - k]);
}

std::vector<TimedStep> read_steps(std::string_view json, const std::string& command) {
  const auto refuse = [&](std::string_view why) {
    return libnorm::DataError(fmt::format(
        "bench: `{}` printed no usable list ({}: {}); need a JSON list of lines with experiment, "
        "arm and ms_per_step > 0",
        command, why, json.empty() ? "nothing" : libnorm::printable(json.substr(0, 60))));
  };
  std::vector<TimedStep> steps;
  try {
    const nlohmann::json list = nlohmann::json::parse(json);
    if (!list.is_array()) throw refuse("not a list");
    for (const nlohmann::json& line : list) {
      if (line.is_object() && line.value("experiment", "") == "curvature") continue;
      steps.push_back(step_of(line));
      if (!std::isfinite(steps.back().ms) || steps.back().ms <= 0) throw refuse("a bad time");
    }
  } catch (const nlohmann::json::exception&) {
    throw refuse("not such JSON");
  }
  return steps;
}

std::vector<double> PairedTimes::ratios() const {
  std::vector<double> list;
  for (std::size_t i = 0; i < new_ms.size(); ++i) list.push_back(new_ms[i] / old_ms[i]);
  return list;
}

std::vector<std::string> add_turn(const std::vector<TimedStep>& of_new,
                                  const std::vector<TimedStep>& of_old,
                                  std::vector<PairedTimes>& times) {
  const auto find_in = [](auto& list, const TimedStep& step) {
    return std::ranges::find_if(
        list, [&](const auto& x) { return x.experiment == step.experiment && x.arm == step.arm; });
  };
  std::vector<std::string> alone;
  for (const TimedStep& step : of_old) {
    if (find_in(of_new, step) == of_new.end()) alone.push_back(step.experiment + " " + step.arm);
  }
  for (const TimedStep& step : of_new) {
    const auto old = find_in(of_old, step);
    if (old == of_old.end()) {
      alone.push_back(step.experiment + " " + step.arm);
      continue;
    }
    auto known = find_in(times, step);
    if (known == times.end()) {
      times.push_back({step.experiment, step.arm, {}, {}});
      known = std::prev(times.end());
    }
    known->new_ms.push_back(step.ms);
    known->old_ms.push_back(old->ms);
  }
  return alone;
}

std::string_view verdict_of(const std::optional<std::pair<double, double>>& interval) {
  if (interval && interval->second < 1) return "faster";
  if (interval && interval->first > 1) return "slower";
  return "-";
}

}  // namespace harness
