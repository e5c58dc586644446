#include "harness/figures.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <limits>
#include <set>
#include <string_view>
#include <utility>

#include "harness/chart.hpp"
#include "harness/gnuplot.hpp"
#include "libnorm/core/error.hpp"

namespace harness {
namespace {

using libnorm::DataError;
using libnorm::ValueError;

constexpr double kInfinity = std::numeric_limits<double>::infinity();

// Layernorm's last singular value may be near zero (it removes one direction): fewer for a
// spectrum.
constexpr int kLossDecades = 8;
constexpr int kSpectrumDecades = 5;

// What a value that is not finite means for the median: a loss beyond all others, or no value.
enum class NonFinite { largest, absent };

struct Arm {
  std::string name;
  std::vector<const Row*> rows;  // by seed
};

struct Style {
  std::string_view colour, dash;
};

// The paper's hues, in variants that those who do not tell red from green can tell apart.
Style style_of(std::string_view arm, std::size_t position) {
  static constexpr std::pair<std::string_view, Style> kKnown[] = {
      {"layernorm", {"#0072B2", "solid"}},     {"batchnorm", {"#009E73", "(11,5)"}},
      {"manual_l2", {"#882E88", "(9,4,2,4)"}}, {"none", {"#D55E00", "(3,3)"}},
      {"sphere", {"#4A4038", "(14,4,5,4)"}},   {"none_matched", {"#E69F00", "(6,3,2,3,2,3)"}}};
  static constexpr Style kOthers[] = {
      {"#56B4E9", "(8,3)"}, {"#444444", "(5,5)"}, {"#CC79A7", "(2,5)"}};
  for (const auto& [name, style] : kKnown) {
    if (name == arm) return style;
  }
  return kOthers[position % std::size(kOthers)];
}

std::string describe(const Row& row) { return fmt::format("arm {}, seed {}", row.arm, row.seed); }

Arm select_arm(const std::vector<Row>& rows, const std::string& name, const std::string& profile) {
  Arm arm{name, {}};
  for (const Row& row : rows) {
    if (row.arm != name) continue;
    if (row.profile != profile) {
      throw DataError(fmt::format("figure: profiles are mixed ({} and {}); draw one at a time",
                                  profile, row.profile));
    }
    arm.rows.push_back(&row);
  }
  if (arm.rows.empty()) {
    throw DataError(
        fmt::format("figure: no run of arm {} (profile {}); run it first", name, profile));
  }
  std::ranges::sort(arm.rows, {}, &Row::seed);
  const auto twice = std::ranges::adjacent_find(arm.rows, {}, &Row::seed);
  if (twice != arm.rows.end()) {
    throw DataError(fmt::format("figure: two runs of {}; need one a seed", describe(**twice)));
  }
  return arm;
}

std::vector<Arm> select_arms(const std::vector<Row>& rows, const FigureSpec& spec) {
  if (spec.arms.empty()) throw ValueError("figure: no arms named (0); need at least one");
  if (std::set<std::string>(spec.arms.begin(), spec.arms.end()).size() != spec.arms.size()) {
    throw ValueError(fmt::format("figure: an arm is named twice ({}); name each once",
                                 fmt::join(spec.arms, ", ")));
  }
  const auto first = std::ranges::find(rows, spec.arms.front(), &Row::arm);
  const std::string profile = first == rows.end() ? "any" : first->profile;
  std::vector<Arm> arms;
  for (const std::string& name : spec.arms) arms.push_back(select_arm(rows, name, profile));
  return arms;
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

// A run's values over the grid of its panel.
using Reader = const std::vector<double>& (*)(const Row&, const std::string& what);

const std::vector<double>& read_losses(const Row& row, const std::string&) {
  return row.loss_curve;
}

const std::vector<double>& read_spectrum(const Row& row, const std::string&) {
  return row.singular_values;
}

const std::vector<double>& read_slice(const Row& row, const std::string& what) {
  static const std::vector<double> kNone;
  const auto slice = row.slices.find(what);
  return slice == row.slices.end() ? kNone : slice->second.loss;
}

Curve collect(const Arm& arm, const std::vector<double>& grid, const std::string& what, Reader read,
              NonFinite rule) {
  for (const Row* row : arm.rows) {
    const std::size_t size = read(*row, what).size();
    // Only a diverged run may stop early.
    if (size > grid.size() || (size < grid.size() && row->diverged_at < 0)) {
      throw DataError(fmt::format("figure: {} has {} values ({}); need {}", what, size,
                                  describe(*row), grid.size()));
    }
  }
  Curve curve;
  for (std::size_t i = 0; i < grid.size(); ++i) {
    std::vector<double> values;
    for (const Row* row : arm.rows) {
      const std::vector<double>& all = read(*row, what);
      values.push_back(i < all.size() ? all[i] : kInfinity);
    }
    curve.points.push_back(summarize(grid[i], std::move(values), rule));
  }
  return curve;
}

std::vector<Curve> collect_all(const std::vector<Arm>& arms, const std::vector<double>& grid,
                               const std::string& what, Reader read, NonFinite rule) {
  if (grid.empty()) {
    throw DataError(
        fmt::format("figure: no run has this panel ({}); need at least one that does", what));
  }
  std::vector<Curve> curves;
  for (const Arm& arm : arms) curves.push_back(collect(arm, grid, what, read, rule));
  return curves;
}

std::string scale_word(const Axis& axis) { return axis.scale == Scale::log ? "log" : "linear"; }

Panel loss_panel(const std::vector<Arm>& arms) {
  // The run with the most steps gives the grid; only a diverged one may have fewer.
  const Row* longest = arms.front().rows.front();
  for (const Arm& arm : arms) {
    for (const Row* row : arm.rows) {
      if (row->loss_curve.size() > longest->loss_curve.size()) longest = row;
    }
  }
  for (const Arm& arm : arms) {
    for (const Row* row : arm.rows) {
      const bool shorter = row->steps != longest->steps && row->diverged_at < 0;
      if (shorter || row->curve_stride != longest->curve_stride) {
        throw DataError(fmt::format(
            "figure: loss curves differ in length (steps {} by {}, {}); need {} by {}", row->steps,
            row->curve_stride, describe(*row), longest->steps, longest->curve_stride));
      }
    }
  }
  std::vector<double> middle;
  for (std::size_t i = 0; i < longest->loss_curve.size(); ++i) {
    const auto begin = static_cast<std::int64_t>(i) * longest->curve_stride;
    const std::int64_t end = std::min(begin + longest->curve_stride, longest->steps);
    middle.push_back(0.5 * static_cast<double>(begin + end));
  }
  Panel panel{"(a) Training loss", "step", "", {}, {}, {}};
  panel.curves = collect_all(arms, middle, "loss curve", read_losses, NonFinite::largest);
  panel.x = linear_axis(0, static_cast<double>(std::max<std::int64_t>(longest->steps, 1)));
  panel.y = fit_axis(panel.curves, ScaleChoice::log, kLossDecades);
  panel.y_label = fmt::format("loss (nats, {})", scale_word(panel.y));
  return panel;
}

// Title and x axis of a protocol's slice.
std::pair<std::string, std::string> slice_words(const std::string& protocol) {
  if (protocol == "published") return {"(b) Loss slice", "α (distance in weights)"};
  if (protocol == "accumulated") {
    return {"(b) Loss slice, accumulated", "α (as published, steps add up)"};
  }
  if (protocol == "filter_normalized") {
    return {"(b) Loss slice, filter-norm.", "α (in filter norms)"};
  }
  return {"(b) Loss slice, " + protocol, "α"};
}

Panel slice_panel(const std::vector<Arm>& arms, const FigureSpec& spec) {
  const std::string own = spec.protocol + "_" + spec.experiment;
  std::string name = spec.protocol;
  const Row* holder = nullptr;
  for (const std::string& candidate : {own, spec.protocol}) {
    for (const Arm& arm : arms) {
      for (const Row* row : arm.rows) {
        if (!holder && row->slices.contains(candidate)) {
          holder = row;
          name = candidate;
        }
      }
    }
  }
  const std::vector<double> grid = holder ? holder->slices.at(name).alpha : std::vector<double>{};
  for (const Arm& arm : arms) {
    for (const Row* row : arm.rows) {
      const auto slice = row->slices.find(name);
      if (slice != row->slices.end() && slice->second.alpha != grid) {
        throw DataError(fmt::format("figure: slice {} is on another grid ({}); need that of {}",
                                    name, describe(*row), describe(*holder)));
      }
    }
  }
  if (holder && (grid.size() < 2 || !(grid.front() < grid.back()))) {
    throw DataError(
        fmt::format("figure: slice {} spans nothing ({}); need two or more rising alphas", name,
                    describe(*holder)));
  }
  const auto [title, x_label] = slice_words(spec.protocol);
  Panel panel{title, x_label, "", {}, {}, {}};
  panel.curves = collect_all(arms, grid, name, read_slice, NonFinite::largest);
  panel.x = linear_axis(grid.front(), grid.back());
  panel.y = fit_axis(panel.curves, ScaleChoice::by_data, kLossDecades);
  panel.y_label = fmt::format("loss (nats, {})", scale_word(panel.y));
  return panel;
}

Panel spectrum_panel(const std::vector<Arm>& arms) {
  std::size_t count = 0;
  for (const Arm& arm : arms) {
    for (const Row* row : arm.rows) count = std::max(count, row->singular_values.size());
  }
  std::vector<double> index(count);
  for (std::size_t i = 0; i < count; ++i) index[i] = static_cast<double>(i);
  Panel panel{"(c) Activation spectrum", "index (0 = largest)", "", {}, {}, {}};
  panel.curves = collect_all(arms, index, "singular values", read_spectrum, NonFinite::absent);
  // A margin at both ends, where the steepest parts are.
  const auto last = static_cast<double>(std::max<std::size_t>(count, 2) - 1);
  panel.x = linear_axis(-0.02 * last, 1.02 * last);
  panel.y = fit_axis(panel.curves, ScaleChoice::log, kSpectrumDecades);
  panel.y_label = fmt::format("singular value ({})", scale_word(panel.y));
  return panel;
}

std::vector<const Row*> diverged_runs(const Arm& arm) {
  std::vector<const Row*> runs;
  for (const Row* row : arm.rows) {
    if (row->diverged_at >= 0) runs.push_back(row);
  }
  return runs;
}

std::vector<std::string> seed_notes(const std::vector<Arm>& arms) {
  const std::size_t seeds = arms.front().rows.size();
  const bool even = std::ranges::all_of(arms, [&](const Arm& a) { return a.rows.size() == seeds; });
  if (even && seeds == 1) return {"One seed: no range can be given."};
  if (even) return {fmt::format("Line: median of {} seeds; band: smallest to largest.", seeds)};
  std::vector<std::string> counts;
  for (const Arm& arm : arms) counts.push_back(fmt::format("{} {}", arm.name, arm.rows.size()));
  return {"Line: median over the seeds; band: smallest to largest.",
          fmt::format("Seeds: {}.", fmt::join(counts, ", "))};
}

std::vector<std::string> divergence_notes(const std::vector<Arm>& arms) {
  std::vector<std::string> lines;
  for (const Arm& arm : arms) {
    const std::vector<const Row*> runs = diverged_runs(arm);
    if (runs.empty()) continue;
    const Row* first = *std::ranges::min_element(runs, {}, &Row::diverged_at);
    lines.push_back(fmt::format("{}: {} of {} runs diverged, the first at step {}.", arm.name,
                                runs.size(), arm.rows.size(), first->diverged_at));
  }
  if (!lines.empty()) {
    lines.push_back("A diverged run's loss counts as infinite; its spectrum is left out.");
  }
  return lines;
}

std::vector<std::string> notes(const std::vector<Arm>& arms, const std::vector<Panel>& panels) {
  std::vector<std::string> lines = seed_notes(arms);
  std::ranges::copy(divergence_notes(arms), std::back_inserter(lines));
  for (const Panel& panel : panels) {
    if (!std::isfinite(panel.y.foot)) continue;
    // The foot is a whole decade.
    const std::string foot = fmt::format("1e{}", std::lround(std::log10(panel.y.foot)));
    lines.push_back(
        fmt::format("{}: values below {} are drawn at {}.", panel.title.substr(0, 3), foot, foot));
  }
  return lines;
}

}  // namespace

std::string figure_name(const FigureSpec& spec) {
  const std::string suffix = spec.protocol == "published" ? "" : "-" + spec.protocol;
  return fmt::format("figure{}{}", spec.number, suffix);
}

std::string figure_script(const std::vector<Row>& rows, const FigureSpec& spec) {
  const std::vector<Arm> arms = select_arms(rows, spec);
  Chart chart;
  chart.name = figure_name(spec);
  chart.about = fmt::format("Figure {}: experiment {}, profile {}, protocol {}.", spec.number,
                            spec.experiment, arms.front().rows.front()->profile, spec.protocol);
  chart.panels = {loss_panel(arms), slice_panel(arms, spec), spectrum_panel(arms)};
  for (std::size_t i = 0; i < arms.size(); ++i) {
    const Style style = style_of(arms[i].name, i);
    const std::size_t diverged = diverged_runs(arms[i]).size();
    const std::string label = diverged == 0 ? arms[i].name
                                            : fmt::format("{} ({} of {} diverged)", arms[i].name,
                                                          diverged, arms[i].rows.size());
    chart.key.push_back({label, style.colour, style.dash});
  }
  chart.notes = notes(arms, chart.panels);
  return chart_script(chart);
}

std::vector<std::filesystem::path> draw_figure(const std::vector<Row>& rows, const FigureSpec& spec,
                                               const std::filesystem::path& directory) {
  return run_gnuplot(figure_name(spec), figure_script(rows, spec), directory);
}

}  // namespace harness
