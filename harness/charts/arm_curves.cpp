#include "harness/charts/arm_curves.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <iterator>
#include <limits>
#include <set>
#include <string_view>
#include <utility>

#include "libnorm/core/error.hpp"

namespace harness {
namespace {

using libnorm::DataError;
using libnorm::ValueError;

void require_same(const std::string& what, const std::string& expected, const std::string& found) {
  if (expected == found) return;
  throw DataError(
      fmt::format("figure: {} are mixed ({} and {}); draw one at a time", what, expected, found));
}

struct CurveStyle {
  std::string_view colour, dash;
};

const CurveStyle* known_style(std::string_view arm) {
  static constexpr std::pair<std::string_view, CurveStyle> kKnown[] = {
      {"layernorm", {"#0072B2", "solid"}},     {"batchnorm", {"#009E73", "(11,5)"}},
      {"manual_l2", {"#882E88", "(9,4,2,4)"}}, {"none", {"#D55E00", "(3,3)"}},
      {"sphere", {"#4A4038", "(14,4,5,4)"}},   {"none_matched", {"#E69F00", "(6,3,2,3,2,3)"}}};
  for (const auto& [name, style] : kKnown) {
    if (name == arm) return &style;
  }
  return nullptr;
}

/// The arm's own style; else that of the arm that it is shown beside, or one by its position.
CurveStyle style_of(std::string_view arm, std::size_t position) {
  static constexpr CurveStyle kOthers[] = {
      {"#56B4E9", "(8,3)"}, {"#444444", "(5,5)"}, {"#CC79A7", "(2,5)"}};
  if (const CurveStyle* own = known_style(arm)) return *own;
  const std::size_t end = arm.rfind('_');
  const CurveStyle* beside =
      end == std::string_view::npos ? nullptr : known_style(arm.substr(0, end));
  return beside != nullptr ? *beside : kOthers[position % std::size(kOthers)];
}

Curve curve_of(const std::vector<const RunResult*>& arm, const std::vector<double>& grid,
               const std::string& what, const ArmCurves::Read& read, NonFinite rule) {
  std::vector<std::vector<double>> runs;
  for (const RunResult* result : arm) {
    runs.push_back(read(*result));
    const std::size_t size = runs.back().size();
    // Only a diverged run may stop early.
    if (size > grid.size() || (size < grid.size() && result->diverged_at < 0)) {
      throw DataError(fmt::format("figure: {} has {} values ({}); need {}", what, size,
                                  describe_run(*result), grid.size()));
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

/// The run with the most steps, which gives the grid. Only a diverged run may have fewer steps.
const RunResult& longest_of(const std::vector<const RunResult*>& runs) {
  const RunResult* longest = runs.front();
  for (const RunResult* result : runs) {
    if (result->loss_curve.size() > longest->loss_curve.size()) longest = result;
  }
  for (const RunResult* result : runs) {
    const bool shorter = result->steps != longest->steps && result->diverged_at < 0;
    if (shorter || result->curve_stride != longest->curve_stride) {
      throw DataError(fmt::format(
          "figure: loss curves differ in length (steps {} by {}, {}); need {} by {}", result->steps,
          result->curve_stride, describe_run(*result), longest->steps, longest->curve_stride));
    }
  }
  return *longest;
}

}  // namespace

std::string describe_run(const RunResult& result) {
  return fmt::format("arm {}, seed {}", result.arm, result.seed);
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

std::size_t ArmCurves::Arm::diverged() const {
  return static_cast<std::size_t>(std::ranges::count_if(
      runs, [](const RunResult* result) { return result->diverged_at >= 0; }));
}

ArmCurves::Arm ArmCurves::select(const std::vector<RunResult>& results, const std::string& name,
                                 const RunResult* first) {
  Arm arm{name, {}};
  for (const RunResult& result : results) {
    if (result.arm != name) continue;
    require_same("tasks", first->task, result.task);
    require_same("profiles", first->profile, result.profile);
    require_same("data sets", first->data, result.data);
    arm.runs.push_back(&result);
  }
  if (arm.runs.empty()) {
    throw DataError(fmt::format("figure: no run of arm {} (profile {}); run it first", name,
                                first == nullptr ? "any" : first->profile));
  }
  std::ranges::sort(arm.runs, {}, &RunResult::seed);
  const auto twice = std::ranges::adjacent_find(arm.runs, {}, &RunResult::seed);
  if (twice != arm.runs.end()) {
    throw DataError(fmt::format("figure: two runs of {}; need one a seed", describe_run(**twice)));
  }
  return arm;
}

ArmCurves::ArmCurves(const std::vector<RunResult>& results, const std::vector<std::string>& names) {
  if (names.empty()) throw ValueError("figure: no arms named (0); need at least one");
  if (std::set<std::string>(names.begin(), names.end()).size() != names.size()) {
    throw ValueError(
        fmt::format("figure: an arm is named twice ({}); name each once", fmt::join(names, ", ")));
  }
  const auto found = std::ranges::find(results, names.front(), &RunResult::arm);
  const RunResult* first = found == results.end() ? nullptr : &*found;
  for (const std::string& name : names) {
    arms_.push_back(select(results, name, first));
    runs_.insert(runs_.end(), arms_.back().runs.begin(), arms_.back().runs.end());
  }
}

std::vector<Curve> ArmCurves::curves(const std::vector<double>& grid, const std::string& what,
                                     const Read& read, NonFinite rule) const {
  if (grid.empty()) {
    throw DataError(
        fmt::format("figure: no run has this panel ({}); need at least one that does", what));
  }
  std::vector<Curve> curves;
  for (const Arm& arm : arms_) curves.push_back(curve_of(arm.runs, grid, what, read, rule));
  return curves;
}

Panel ArmCurves::loss_panel(const std::string& title) const {
  constexpr int kDecades = 8;
  const RunResult& longest = longest_of(runs_);
  std::vector<double> middle;
  for (std::size_t i = 0; i < longest.loss_curve.size(); ++i) {
    const auto begin = static_cast<std::int64_t>(i) * longest.curve_stride;
    const std::int64_t end = std::min(begin + longest.curve_stride, longest.steps);
    middle.push_back(0.5 * static_cast<double>(begin + end));
  }
  Panel panel{title, "step", "", {}, {}, {}};
  panel.curves = curves(
      middle, "loss curve", [](const RunResult& result) { return result.loss_curve; },
      NonFinite::largest);
  panel.x = linear_axis(0, static_cast<double>(std::max<std::int64_t>(longest.steps, 1)));
  panel.y = fit_axis(panel.curves, ScaleChoice::log, kDecades);
  panel.y_label = fmt::format("loss (nats, {})", scale_word(panel.y));
  return panel;
}

Panel ArmCurves::spectrum_panel(const std::string& title, const std::string& what,
                                const Read& read) const {
  std::size_t count = 0;
  for (const RunResult* result : runs_) count = std::max(count, read(*result).size());
  std::vector<double> index(count);
  for (std::size_t i = 0; i < count; ++i) index[i] = static_cast<double>(i);
  Panel panel{title, "index (0 = largest)", "", {}, {}, {}};
  panel.curves = curves(index, what, read, NonFinite::absent);
  // Leave a margin at both ends, where the curves are steepest.
  const auto last = static_cast<double>(std::max<std::size_t>(count, 2) - 1);
  panel.x = linear_axis(-0.02 * last, 1.02 * last);
  return panel;
}

std::vector<KeyEntry> ArmCurves::key(
    const std::function<std::string(const std::vector<const RunResult*>&)>& words) const {
  std::vector<KeyEntry> entries;
  for (const Arm& arm : arms_) {
    const std::size_t diverged = arm.diverged();
    std::string label = arm.name;
    if (diverged > 0) label += fmt::format(" ({} of {} diverged)", diverged, arm.runs.size());
    if (words && diverged < arm.runs.size()) {
      std::vector<const RunResult*> sound;
      std::ranges::copy_if(arm.runs, std::back_inserter(sound),
                           [](const RunResult* result) { return result->diverged_at < 0; });
      label += words(sound);
    }
    const CurveStyle style = style_of(arm.name, entries.size());
    entries.push_back({label, style.colour, style.dash});
  }
  return entries;
}

std::vector<std::string> ArmCurves::notes(const std::string& of_divergence) const {
  std::vector<std::string> lines, seeds, diverged;
  for (const Arm& arm : arms_) {
    seeds.push_back(fmt::format("{} {}", arm.name, arm.runs.size()));
    if (arm.diverged() == 0) continue;
    std::vector<std::int64_t> steps;
    for (const RunResult* result : arm.runs) {
      if (result->diverged_at >= 0) steps.push_back(result->diverged_at);
    }
    diverged.push_back(fmt::format("{}: {} of {} runs diverged, the first at step {}.", arm.name,
                                   steps.size(), arm.runs.size(),
                                   *std::ranges::min_element(steps)));
  }
  const std::size_t count = arms_.front().runs.size();
  if (!std::ranges::all_of(arms_, [&](const Arm& arm) { return arm.runs.size() == count; })) {
    lines = {"Line: median over the seeds; band: smallest to largest.",
             fmt::format("Seeds: {}.", fmt::join(seeds, ", "))};
  } else if (count == 1) {
    lines = {"One seed: no range can be given."};
  } else {
    lines = {fmt::format("Line: median of {} seeds; band: smallest to largest.", count)};
  }
  if (!diverged.empty()) diverged.push_back(of_divergence);
  lines.insert(lines.end(), diverged.begin(), diverged.end());
  return lines;
}

}  // namespace harness
