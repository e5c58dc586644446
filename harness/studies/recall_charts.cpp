#include "harness/studies/recall_charts.hpp"

#include <utility>

#include <fmt/format.h>

#include "harness/charts/arm_curves.hpp"
#include "libnorm/core/error.hpp"

namespace harness {
namespace {

using libnorm::DataError;

// A spectrum shows fewer decades: layernorm's last singular value may be near zero, since it
// removes one direction.
constexpr int kLossDecades = 8;
constexpr int kSpectrumDecades = 5;

// Title and x axis of the panel of a protocol's slice.
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

Panel slice_panel(const ArmCurves& arms, const FigureSpec& spec) {
  const std::string own = spec.protocol + "_" + spec.experiment;
  std::string name = spec.protocol;
  const RunResult* holder = nullptr;
  for (const std::string& candidate : {own, spec.protocol}) {
    for (const RunResult* result : arms.runs()) {
      if (!holder && result->slices.contains(candidate)) {
        holder = result;
        name = candidate;
      }
    }
  }
  const std::vector<double> grid = holder ? holder->slices.at(name).alpha : std::vector<double>{};
  for (const RunResult* result : arms.runs()) {
    const auto slice = result->slices.find(name);
    if (slice != result->slices.end() && slice->second.alpha != grid) {
      throw DataError(fmt::format("figure: slice {} is on another grid ({}); need that of {}", name,
                                  describe_run(*result), describe_run(*holder)));
    }
  }
  if (holder && (grid.size() < 2 || !(grid.front() < grid.back()))) {
    throw DataError(
        fmt::format("figure: slice {} spans nothing ({}); need two or more rising alphas", name,
                    describe_run(*holder)));
  }
  const auto [title, x_label] = slice_words(spec.protocol);
  Panel panel{title, x_label, "", {}, {}, {}};
  panel.curves = arms.curves(
      grid, name,
      [&](const RunResult& result) {
        const auto slice = result.slices.find(name);
        return slice == result.slices.end() ? std::vector<double>{} : slice->second.loss;
      },
      NonFinite::largest);
  panel.x = linear_axis(grid.front(), grid.back());
  panel.y = fit_axis(panel.curves, ScaleChoice::by_data, kLossDecades);
  panel.y_label = fmt::format("loss (nats, {})", scale_word(panel.y));
  return panel;
}

Panel spectrum_panel(const ArmCurves& arms) {
  Panel panel = arms.spectrum_panel("(c) Activation spectrum", "singular values",
                                    [](const RunResult& result) { return result.singular_values; });
  panel.y = fit_axis(panel.curves, ScaleChoice::log, kSpectrumDecades);
  panel.y_label = fmt::format("singular value ({})", scale_word(panel.y));
  return panel;
}

}  // namespace

Chart recall_chart(const std::vector<RunResult>& results, const FigureSpec& spec) {
  const ArmCurves arms(results, spec.arms);
  Chart chart;
  chart.name = figure_name(spec);
  chart.about = fmt::format("Figure {}: experiment {}, profile {}, protocol {}.", spec.number,
                            spec.experiment, arms.first().profile, spec.protocol);
  chart.panels = {arms.loss_panel("(a) Training loss"), slice_panel(arms, spec),
                  spectrum_panel(arms)};
  chart.key = arms.key();
  chart.notes = arms.notes("A diverged run's loss counts as infinite; its spectrum is left out.");
  add_foot_notes(chart);
  return chart;
}

std::vector<Figure> recall_figures(const std::vector<RunResult>& results, const FigureSpec& spec) {
  return {{.chart = recall_chart(results, spec),
           .aspect = "",
           .caption = "training loss, loss slice, and singular values of the block's output",
           .alt = fmt::format("Three panels for the arms {}: loss against step, loss slice, "
                              "singular values against index.",
                              fmt::join(spec.arms, ", "))}};
}

}  // namespace harness
