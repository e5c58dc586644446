#pragma once

#include <vector>

#include "harness/charts/figure.hpp"
#include "harness/results/result.hpp"

namespace harness {

// Charts of models with several blocks, from the spectra of each block's output (Experiment 4).
// Results, lines, bands and what is thrown are as in recall_charts.hpp; besides, DataError if a run
// that did not diverge lacks a spectrum or a metric, or runs are on different data sets. The
// protocol says which matrix: published, centred, no_padding or no_padding_centred; masked, of arms
// that were trained without padding, has that of no_padding. Results of a generated corpus say so
// in the notes.

/// The paper's Figure 4: panels of the first, the middle and the last block (1, 3 and 6 of six),
/// singular values against index, on one logarithmic axis. The key has each arm's accuracies,
/// medians over the seeds.
Chart layer_chart(const std::vector<RunResult>& results, const FigureSpec& spec);

/// Effective rank / C, participation ratio / C, stable rank and decay exponent against the number
/// of the block.
Chart depth_chart(const std::vector<RunResult>& results, const FigureSpec& spec);

/// The first, and under two of the protocols the second, with what a page says of them.
std::vector<Figure> encoder_figures(const std::vector<RunResult>& results, const FigureSpec& spec);

}  // namespace harness
