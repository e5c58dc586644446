#pragma once

#include <vector>

#include "harness/charts/figure.hpp"
#include "harness/results/result.hpp"

namespace harness {

/// The chart of one of Figures 1 to 3. It depends on the results alone, not on their order.
///
/// Three panels, with a curve for each arm: (a) training loss against step, (b) loss along a
/// direction, (c) singular values of the activations against index. A line is the median over the
/// seeds; its band is the range from the smallest to the largest. In the median, a loss that is not
/// finite counts as larger than any other, so a line ends where half of the runs have diverged. A
/// band covers the finite values. On a logarithmic axis, values below the axis are drawn at its
/// foot, and the note under the figure says so.
///
/// The protocol says which slice panel (b) shows: one stored as `<protocol>_<experiment>` is
/// preferred to one stored as `<protocol>`.
/// results: every seed of the arms, of one profile. Results of other arms are ignored.
/// Throws: ValueError if the spec names no arm, or one twice; DataError if an arm has no result, a
/// seed occurs twice, profiles are mixed, or a run that did not diverge lacks a curve or has one on
/// another grid.
Chart recall_chart(const std::vector<RunResult>& results, const FigureSpec& spec);

/// That chart, with a page's texts about it.
std::vector<Figure> recall_figures(const std::vector<RunResult>& results, const FigureSpec& spec);

}  // namespace harness
