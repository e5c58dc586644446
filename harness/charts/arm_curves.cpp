#include "harness/charts/arm_curves.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <limits>
#include <set>
#include <utility>

#include "libnorm/core/error.hpp"

namespace harness {
namespace {

using libnorm::DataError;
using libnorm::ValueError;

constexpr double kInfinity = std::numeric_limits<double>::infinity();

void require_same(const std::string& what, const std::string& expected, const std::string& found) {
  if (expected == found) return;
  throw DataError(
      fmt::format("figure: {} are mixed ({} and {}); draw one at a time", what, expected, found));
}

ArmRows select_arm(const std::vector<RunResult>& rows, const std::string& name,
                   const RunResult* first) {
  ArmRows arm{name, {}};
  for (const RunResult& row : rows) {
    if (row.arm != name) continue;
    require_same("tasks", first->task, row.task);
    require_same("profiles", first->profile, row.profile);
    require_same("data sets", first->data, row.data);
    arm.rows.push_back(&row);
  }
  if (arm.rows.empty()) {
    throw DataError(fmt::format("figure: no run of arm {} (profile {}); run it first", name,
                                first == nullptr ? "any" : first->profile));
  }
  std::ranges::sort(arm.rows, {}, &RunResult::seed);
  const auto twice = std::ranges::adjacent_find(arm.rows, {}, &RunResult::seed);
  if (twice != arm.rows.end()) {
    throw DataError(fmt::format("figure: two runs of {}; need one a seed", describe_run(**twice)));
  }
  return arm;
}

Curve collect(const ArmRows& arm, const std::vector<double>& grid, const std::string& what,
              const std::function<std::vector<double>(const RunResult&)>& read, NonFinite rule) {
  std::vector<std::vector<double>> runs;
  for (const RunResult* row : arm.rows) {
    runs.push_back(read(*row));
    const std::size_t size = runs.back().size();
    // Only a diverged run may stop early.
    if (size > grid.size() || (size < grid.size() && row->diverged_at < 0)) {
      throw DataError(fmt::format("figure: {} has {} values ({}); need {}", what, size,
                                  describe_run(*row), grid.size()));
    }
  }
  Curve curve;
  for (std::size_t i = 0; i < grid.size(); ++i) {
    std::vector<double> values;
    for (const std::vector<double>& run : runs) {
      values.push_back(i < run.size() ? run[i] : kInfinity);
    }
    curve.points.push_back(summarize(grid[i], std::move(values), rule));
  }
  return curve;
}

}  // namespace

std::string describe_run(const RunResult& row) {
  return fmt::format("arm {}, seed {}", row.arm, row.seed);
}

std::vector<ArmRows> select_arms(const std::vector<RunResult>& rows,
                                 const std::vector<std::string>& names) {
  if (names.empty()) throw ValueError("figure: no arms named (0); need at least one");
  if (std::set<std::string>(names.begin(), names.end()).size() != names.size()) {
    throw ValueError(
        fmt::format("figure: an arm is named twice ({}); name each once", fmt::join(names, ", ")));
  }
  const auto first = std::ranges::find(rows, names.front(), &RunResult::arm);
  std::vector<ArmRows> arms;
  for (const std::string& name : names) {
    arms.push_back(select_arm(rows, name, first == rows.end() ? nullptr : &*first));
  }
  return arms;
}

CurveStyle style_of(std::string_view arm, std::size_t position) {
  static constexpr std::pair<std::string_view, CurveStyle> kKnown[] = {
      {"layernorm", {"#0072B2", "solid"}},     {"batchnorm", {"#009E73", "(11,5)"}},
      {"manual_l2", {"#882E88", "(9,4,2,4)"}}, {"none", {"#D55E00", "(3,3)"}},
      {"sphere", {"#4A4038", "(14,4,5,4)"}},   {"none_matched", {"#E69F00", "(6,3,2,3,2,3)"}}};
  static constexpr CurveStyle kOthers[] = {
      {"#56B4E9", "(8,3)"}, {"#444444", "(5,5)"}, {"#CC79A7", "(2,5)"}};
  for (const auto& [name, style] : kKnown) {
    if (name == arm) return style;
  }
  return kOthers[position % std::size(kOthers)];
}

Point summarize(double x, std::vector<double> values, NonFinite rule) {
  const auto end = std::partition(values.begin(), values.end(),
                                  [](double value) { return std::isfinite(value); });
  const auto finite = static_cast<std::size_t>(end - values.begin());
  std::sort(values.begin(), end);
  std::fill(end, values.end(), kInfinity);
  Point point{x, kInfinity, kInfinity, -kInfinity};
  if (finite == 0) return point;
  const std::size_t count = rule == NonFinite::largest ? values.size() : finite;
  point.median = 0.5 * (values[(count - 1) / 2] + values[count / 2]);
  point.smallest = values.front();
  point.largest = values[finite - 1];
  return point;
}

std::vector<Curve> collect_all(const std::vector<ArmRows>& arms, const std::vector<double>& grid,
                               const std::string& what,
                               const std::function<std::vector<double>(const RunResult&)>& read,
                               NonFinite rule) {
  if (grid.empty()) {
    throw DataError(
        fmt::format("figure: no run has this panel ({}); need at least one that does", what));
  }
  std::vector<Curve> curves;
  for (const ArmRows& arm : arms) curves.push_back(collect(arm, grid, what, read, rule));
  return curves;
}

std::string scale_word(const Axis& axis) { return axis.scale == Scale::log ? "log" : "linear"; }

std::size_t count_diverged(const ArmRows& arm) {
  return static_cast<std::size_t>(
      std::ranges::count_if(arm.rows, [](const RunResult* row) { return row->diverged_at >= 0; }));
}

std::string name_with_divergence(const ArmRows& arm) {
  const std::size_t diverged = count_diverged(arm);
  if (diverged == 0) return arm.name;
  return fmt::format("{} ({} of {} diverged)", arm.name, diverged, arm.rows.size());
}

std::vector<std::string> seed_notes(const std::vector<ArmRows>& arms) {
  const std::size_t seeds = arms.front().rows.size();
  const bool even =
      std::ranges::all_of(arms, [&](const ArmRows& a) { return a.rows.size() == seeds; });
  if (even && seeds == 1) return {"One seed: no range can be given."};
  if (even) return {fmt::format("Line: median of {} seeds; band: smallest to largest.", seeds)};
  std::vector<std::string> counts;
  for (const ArmRows& arm : arms) counts.push_back(fmt::format("{} {}", arm.name, arm.rows.size()));
  return {"Line: median over the seeds; band: smallest to largest.",
          fmt::format("Seeds: {}.", fmt::join(counts, ", "))};
}

std::vector<std::string> divergence_notes(const std::vector<ArmRows>& arms,
                                          const std::string& consequence) {
  std::vector<std::string> lines;
  for (const ArmRows& arm : arms) {
    const RunResult* first = nullptr;
    for (const RunResult* row : arm.rows) {
      if (row->diverged_at < 0) continue;
      if (first == nullptr || row->diverged_at < first->diverged_at) first = row;
    }
    if (first == nullptr) continue;
    lines.push_back(fmt::format("{}: {} of {} runs diverged, the first at step {}.", arm.name,
                                count_diverged(arm), arm.rows.size(), first->diverged_at));
  }
  if (!lines.empty()) lines.push_back(consequence);
  return lines;
}

std::vector<std::string> foot_notes(const std::string& where, const Axis& axis) {
  if (!std::isfinite(axis.foot)) return {};
  // The foot is a whole decade.
  const std::string foot = fmt::format("1e{}", std::lround(std::log10(axis.foot)));
  return {fmt::format("{}: values below {} are drawn at {}.", where, foot, foot)};
}

}  // namespace harness
