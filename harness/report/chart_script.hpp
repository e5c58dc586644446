#pragma once

#include <string>

#include "harness/charts/chart.hpp"

namespace harness {

/// The gnuplot script, with its data, that draws `<name>.svg` and `<name>.png` where it is run.
std::string chart_script(const Chart& chart);

/// The widths of figures in a paper of two columns: 3.5 and 7 inches.
enum class PaperWidth { one_column, two_columns };

/// The gnuplot script that draws `<name>.pdf`. In one column, panels stand below each other.
std::string paper_script(const Chart& chart, PaperWidth width);

/// The chart's curves as CSV, a line for each point that is drawn: panel, labels, curve, x, median,
/// smallest, largest.
std::string chart_csv(const Chart& chart);

}  // namespace harness
