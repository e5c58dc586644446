#include "harness/report/recall_figure.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <utility>

#include "harness/charts/arm_curves.hpp"
#include "harness/charts/chart.hpp"
#include "harness/report/chart_script.hpp"
#include "harness/report/gnuplot.hpp"
#include "libnorm/core/error.hpp"

namespace harness {
namespace {

using libnorm::DataError;

// Layernorm's last singular value may be near zero (it removes one direction): fewer for a
// spectrum.
constexpr int kLossDecades = 8;
constexpr int kSpectrumDecades = 5;

Panel loss_panel(const std::vector<ArmRows>& arms) {
  // The run with the most steps gives the grid; only a diverged one may have fewer.
  const RunResult* longest = arms.front().rows.front();
  for (const ArmRows& arm : arms) {
    for (const RunResult* row : arm.rows) {
      if (row->loss_curve.size() > longest->loss_curve.size()) longest = row;
    }
  }
  for (const ArmRows& arm : arms) {
    for (const RunResult* row : arm.rows) {
      const bool shorter = row->steps != longest->steps && row->diverged_at < 0;
      if (shorter || row->curve_stride != longest->curve_stride) {
        throw DataError(fmt::format(
            "figure: loss curves differ in length (steps {} by {}, {}); need {} by {}", row->steps,
            row->curve_stride, describe_run(*row), longest->steps, longest->curve_stride));
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
  panel.curves = collect_all(
      arms, middle, "loss curve", [](const RunResult& row) { return row.loss_curve; },
      NonFinite::largest);
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

Panel slice_panel(const std::vector<ArmRows>& arms, const FigureSpec& spec) {
  const std::string own = spec.protocol + "_" + spec.experiment;
  std::string name = spec.protocol;
  const RunResult* holder = nullptr;
  for (const std::string& candidate : {own, spec.protocol}) {
    for (const ArmRows& arm : arms) {
      for (const RunResult* row : arm.rows) {
        if (!holder && row->slices.contains(candidate)) {
          holder = row;
          name = candidate;
        }
      }
    }
  }
  const std::vector<double> grid = holder ? holder->slices.at(name).alpha : std::vector<double>{};
  for (const ArmRows& arm : arms) {
    for (const RunResult* row : arm.rows) {
      const auto slice = row->slices.find(name);
      if (slice != row->slices.end() && slice->second.alpha != grid) {
        throw DataError(fmt::format("figure: slice {} is on another grid ({}); need that of {}",
                                    name, describe_run(*row), describe_run(*holder)));
      }
    }
  }
  if (holder && (grid.size() < 2 || !(grid.front() < grid.back()))) {
    throw DataError(
        fmt::format("figure: slice {} spans nothing ({}); need two or more rising alphas", name,
                    describe_run(*holder)));
  }
  const auto [title, x_label] = slice_words(spec.protocol);
  Panel panel{title, x_label, "", {}, {}, {}};
  panel.curves = collect_all(
      arms, grid, name,
      [&](const RunResult& row) {
        const auto slice = row.slices.find(name);
        return slice == row.slices.end() ? std::vector<double>{} : slice->second.loss;
      },
      NonFinite::largest);
  panel.x = linear_axis(grid.front(), grid.back());
  panel.y = fit_axis(panel.curves, ScaleChoice::by_data, kLossDecades);
  panel.y_label = fmt::format("loss (nats, {})", scale_word(panel.y));
  return panel;
}

Panel spectrum_panel(const std::vector<ArmRows>& arms) {
  std::size_t count = 0;
  for (const ArmRows& arm : arms) {
    for (const RunResult* row : arm.rows) count = std::max(count, row->singular_values.size());
  }
  std::vector<double> index(count);
  for (std::size_t i = 0; i < count; ++i) index[i] = static_cast<double>(i);
  Panel panel{"(c) Activation spectrum", "index (0 = largest)", "", {}, {}, {}};
  panel.curves = collect_all(
      arms, index, "singular values", [](const RunResult& row) { return row.singular_values; },
      NonFinite::absent);
  // A margin at both ends, where the steepest parts are.
  const auto last = static_cast<double>(std::max<std::size_t>(count, 2) - 1);
  panel.x = linear_axis(-0.02 * last, 1.02 * last);
  panel.y = fit_axis(panel.curves, ScaleChoice::log, kSpectrumDecades);
  panel.y_label = fmt::format("singular value ({})", scale_word(panel.y));
  return panel;
}

std::vector<std::string> notes(const std::vector<ArmRows>& arms, const std::vector<Panel>& panels) {
  std::vector<std::string> lines = seed_notes(arms);
  std::ranges::copy(
      divergence_notes(arms, "A diverged run's loss counts as infinite; its spectrum is left out."),
      std::back_inserter(lines));
  for (const Panel& panel : panels) {
    std::ranges::copy(foot_notes(panel.title.substr(0, 3), panel.y), std::back_inserter(lines));
  }
  return lines;
}

}  // namespace

std::string figure_name(const FigureSpec& spec) {
  const std::string suffix = spec.protocol == "published" ? "" : "-" + spec.protocol;
  return fmt::format("figure{}{}", spec.number, suffix);
}

std::string figure_script(const std::vector<RunResult>& rows, const FigureSpec& spec) {
  const std::vector<ArmRows> arms = select_arms(rows, spec.arms);
  Chart chart;
  chart.name = figure_name(spec);
  chart.about = fmt::format("Figure {}: experiment {}, profile {}, protocol {}.", spec.number,
                            spec.experiment, arms.front().rows.front()->profile, spec.protocol);
  chart.panels = {loss_panel(arms), slice_panel(arms, spec), spectrum_panel(arms)};
  for (std::size_t i = 0; i < arms.size(); ++i) {
    const CurveStyle style = style_of(arms[i].name, i);
    chart.key.push_back({name_with_divergence(arms[i]), style.colour, style.dash});
  }
  chart.notes = notes(arms, chart.panels);
  return chart_script(chart);
}

std::vector<std::filesystem::path> draw_figure(const std::vector<RunResult>& rows,
                                               const FigureSpec& spec,
                                               const std::filesystem::path& directory) {
  return run_gnuplot(figure_name(spec), figure_script(rows, spec), directory);
}

}  // namespace harness
