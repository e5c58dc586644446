#pragma once

#include <vector>

#include "harness/charts/figure.hpp"
#include "harness/results/result.hpp"

namespace harness {

/// The chart of one of Figures 1 to 3. A function of the results alone, in whatever order they
/// come.
///
/// Three panels, an arm a curve: (a) training loss against step, (b) loss along a direction,
/// (c) singular values of the activations against index. A line is the median over the seeds, its
/// band the range from the smallest to the largest. A loss that is not finite counts as larger than
/// any other in the median, so a line ends where half of the runs have diverged; a band covers the
/// finite values. On a logarithmic axis what lies below the axis is drawn at its foot, and the note
/// under the figure says so.
///
/// The protocol says which slice panel (b) shows: one kept under `<protocol>_<experiment>` is
/// preferred to one kept under `<protocol>`.
/// results: every seed of the arms, of one profile; results of other arms are passed over
/// throws: ValueError if the spec names no arm, or one twice; DataError if an arm has no result, a
///   seed comes twice, profiles are mixed, or a run that did not diverge lacks a curve or has one
///   on another grid
Chart recall_chart(const std::vector<RunResult>& results, const FigureSpec& spec);

/// That chart, with what a page says of it.
std::vector<Figure> recall_figures(const std::vector<RunResult>& results, const FigureSpec& spec);

}  // namespace harness
