#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "harness/charts/chart.hpp"

namespace harness {

/// Which figure is wanted.
struct FigureSpec {
  /// The paper's number.
  int number = 0;
  /// The experiment's id, for example `e1`.
  std::string experiment;
  /// In the order of the key.
  std::vector<std::string> arms;
  /// The protocol whose numbers it shows.
  std::string protocol;
};

/// The file names of a figure without their extension: `figure1` for the published protocol,
/// `figure1-<protocol>` for another. part: the name of one of several figures, as `depth` in
/// `figure4-depth`.
std::string figure_name(const FigureSpec& spec, std::string_view part = "");

/// A chart, with a page's texts about it.
struct Figure {
  Chart chart;
  /// What follows the heading, as `against depth`; may be empty.
  std::string aspect;
  /// What the panels show.
  std::string caption;
  /// The same for readers who do not see the panels, with the arms.
  std::string alt;
};

}  // namespace harness
