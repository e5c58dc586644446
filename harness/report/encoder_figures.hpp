#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "harness/report/recall_figure.hpp"
#include "harness/results/result.hpp"

namespace harness {

// Figures of models with several blocks, from the spectra of each block's output (Experiment 4).
// Rows, lines, bands and what is thrown are as in figures.hpp; besides, DataError if a run that did
// not diverge lacks a spectrum or a metric, or runs are on different data sets. The protocol says
// which matrix: published, centred, no_padding or no_padding_centred; masked, of arms that were
// trained without padding, has that of no_padding. Rows of a generated corpus say so in the notes.

/// Draws figure_name(spec), as the paper's Figure 4: panels of the first, the middle and the last
/// block (1, 3 and 6 of six), singular values against index, on one logarithmic axis. The key has
/// each arm's accuracies, medians over the seeds.
std::string layer_figure_script(const std::vector<RunResult>& rows, const FigureSpec& spec);

/// `figure4-depth`, `figure4-depth-<protocol>` for another than the published one.
std::string depth_figure_name(const FigureSpec& spec);

/// Draws depth_figure_name(spec): effective rank / C, participation ratio / C, stable rank and
/// decay exponent against the number of the block.
std::string depth_figure_script(const std::vector<RunResult>& rows, const FigureSpec& spec);

/// Whether a protocol's depth figure is drawn beside its layers: the published one's, and that of
/// the matrix that is furthest from it.
bool has_depth_figure(const std::string& protocol);

/// As draw_figure: the paths of svg, png, gp.
std::vector<std::filesystem::path> draw_layer_figure(const std::vector<RunResult>& rows,
                                                     const FigureSpec& spec,
                                                     const std::filesystem::path& directory);
std::vector<std::filesystem::path> draw_depth_figure(const std::vector<RunResult>& rows,
                                                     const FigureSpec& spec,
                                                     const std::filesystem::path& directory);

}  // namespace harness
