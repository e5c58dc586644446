#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "harness/results/result.hpp"

namespace harness {

/// What one figure of the paper shows.
struct FigureSpec {
  int number = 0;
  /// The experiment's name, for example `e1`.
  std::string experiment;
  /// In the order of the key.
  std::vector<std::string> arms;
  /// Which loss slice panel (b) shows: `published`, `accumulated` or `filter_normalized`. A slice
  /// kept under `<protocol>_<experiment>` is preferred to one kept under `<protocol>`.
  std::string protocol;
};

/// `figure1` for the published protocol, `figure1-<protocol>` for another: the file names without
/// their extension.
std::string figure_name(const FigureSpec& spec);

/// The gnuplot script, data included, that draws `<name>.svg` and `<name>.png` in the directory it
/// is run in. A function of the rows alone, in whatever order they come: no dates, no paths.
///
/// Three panels, an arm a curve: (a) training loss against step, (b) loss along a direction,
/// (c) singular values of the activations against index. A line is the median over the seeds, its
/// band the range from the smallest to the largest. A loss that is not finite counts as larger than
/// any other in the median, so a line ends where half of the runs have diverged; a band covers the
/// finite values. On a logarithmic axis what lies below the axis is drawn at its foot, and the note
/// under the figure says so.
/// rows: every seed of the arms, of one profile; rows of other arms are passed over
/// throws: ValueError if the spec names no arm, or one twice; DataError if an arm has no row, a
///   seed comes twice, profiles are mixed, or a run that did not diverge lacks a curve or has one
///   on another grid
std::string figure_script(const std::vector<RunResult>& rows, const FigureSpec& spec);

/// Writes `<name>.gp` (figure_script) into the directory and draws `<name>.svg` and `<name>.png`
/// from it with gnuplot. Returns the three paths: svg, png, gp.
/// throws: as figure_script; DataError if the directory cannot be written; BackendError if gnuplot
///   is missing, stops early, or leaves an incomplete picture
std::vector<std::filesystem::path> draw_figure(const std::vector<RunResult>& rows,
                                               const FigureSpec& spec,
                                               const std::filesystem::path& directory);

}  // namespace harness
