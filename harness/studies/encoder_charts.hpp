#pragma once

#include <vector>

#include "harness/charts/figure.hpp"
#include "harness/results/result.hpp"

namespace harness {

// Charts of the spectra of each block's output, for models of several blocks (Experiment 4).
// Results, lines, bands and errors are as in recall_charts.hpp. Besides, a DataError is thrown if a
// run that did not diverge lacks a spectrum or a metric, or if runs are on different data sets.
//
// The protocol says which matrix is shown: published, centred, no_padding or no_padding_centred.
// The arms of `masked`, which train without padding, have the matrix of no_padding. Notes say so if
// the data are a generated corpus.

/// The paper's Figure 4: singular values against index on one logarithmic axis, in panels for the
/// first, the middle and the last block (1, 3 and 6 of six). The key has each arm's accuracies, as
/// medians over the seeds.
Chart layer_chart(const std::vector<RunResult>& results, const FigureSpec& spec);

/// Effective rank / C, participation ratio / C, stable rank and decay exponent against the number
/// of the block.
Chart depth_chart(const std::vector<RunResult>& results, const FigureSpec& spec);

/// The first chart and, under two of the protocols, the second, with a page's texts about them.
std::vector<Figure> encoder_figures(const std::vector<RunResult>& results, const FigureSpec& spec);

}  // namespace harness
