#pragma once

#include <string>

#include "harness/charts/chart.hpp"

namespace harness {

/// The gnuplot script, with its data, that draws `<name>.svg` and `<name>.png` where it is run.
std::string chart_script(const Chart& chart);

}  // namespace harness
