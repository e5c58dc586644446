#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "harness/charts/chart.hpp"
#include "harness/results/result.hpp"

namespace harness {

/// What of the figures is asked for.
struct DrawRequest {
  /// An experiment's id, or `all`.
  std::string experiment = "all";
  /// A protocol's name, or `all`.
  std::string protocol = "all";
  /// In place of the figures' own; empty for these.
  std::vector<std::string> arms = {};
};

/// A figure that was drawn, and what a page says of it.
struct DrawnFigure {
  std::string heading, caption, alt;
  /// svg, png, gp.
  std::vector<std::filesystem::path> files;
};

struct Drawing {
  std::vector<DrawnFigure> figures;
  /// One line for each experiment of `all` that has no results.
  std::vector<std::string> missing;
};

/// Writes `<name>.gp` (chart_script) into the directory and draws `<name>.svg` and `<name>.png`
/// from it with gnuplot. Returns the three paths: svg, png, gp. throws: DataError if the directory
/// cannot be written; BackendError if gnuplot is missing, stops
///   early, or leaves an incomplete picture
std::vector<std::filesystem::path> draw_chart(const Chart& chart,
                                              const std::filesystem::path& directory);

/// Draws the figures of experiments whose results are there. Results of a study on several tasks or
/// at several profiles are drawn apart: those that its claims are judged from (if there are none,
/// the first) in the directory, others in `<task>-<profile>` within.
/// A protocol with arms of its own is drawn where its runs are there, or if it is named.
/// throws: ValueError for an unknown experiment or protocol, or a protocol that the experiment has
/// no
///   figure of; DataError if the named experiment has no results, or no experiment of `all` has
///   any; and what Study::figures and draw_chart say
Drawing draw_figures(const std::vector<RunResult>& results, const DrawRequest& request,
                     const std::filesystem::path& directory);

/// The figures that golden is to hold, by file name, each as SVG and gnuplot script: those that
/// studies name, where the results hold evidence of each arm. throws: as draw_figures
std::map<std::string, std::string> draw_golden_figures(const std::vector<RunResult>& results);

}  // namespace harness
