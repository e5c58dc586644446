#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "harness/charts/chart.hpp"
#include "harness/claims/verdict.hpp"
#include "harness/results/result.hpp"

namespace harness {

/// folder: as SVG and PNG, with the notes in the picture, and the script. page: the notes are left
/// to the page's text, except for a stand-in's results, which must never be taken for others; and
/// there are a PDF and the data as CSV too. paper: PDFs for one column and for two, without notes;
/// a stand-in's results are left out.
enum class DrawnFor { folder, page, paper };

/// Which figures to draw.
struct DrawRequest {
  /// An experiment's id, or `all`.
  std::string experiment = "all";
  /// A protocol's name, or `all`.
  std::string protocol = "all";
  /// Arms in place of the figures' own; empty: the figures' own.
  std::vector<std::string> arms = {};
  DrawnFor drawn_for = DrawnFor::folder;
};

/// A drawn figure, with a page's texts about it.
struct DrawnFigure {
  /// The id of its experiment.
  std::string experiment;
  std::string heading, caption, alt;
  /// Notes of its chart.
  std::vector<std::string> notes;
  /// svg, png, gp; for a page then pdf, csv. For a paper: the PDFs for one column and for two.
  std::vector<std::filesystem::path> files;
  /// Whether it is the experiment's own: the first of its first protocol, from the results that
  /// claims are judged from.
  bool is_headline = false;
};

struct Drawing {
  std::vector<DrawnFigure> figures;
  /// One line for each experiment of `all` that has no results.
  std::vector<std::string> missing;
};

/// Writes `<name>.gp` (chart_script) into the directory, and draws `<name>.svg` and `<name>.png`
/// from it with gnuplot.
/// For a page also `<name>.pdf` and `<name>.csv`; for a paper only `<name>-one_column.pdf` and
/// `<name>-two_columns.pdf`. Returns: the paths, in this order: svg, png, gp, pdf, csv.
/// Throws: DataError if the directory cannot be written; BackendError if gnuplot is missing, stops
/// early, or leaves an incomplete picture.
std::vector<std::filesystem::path> draw_chart(const Chart& chart,
                                              const std::filesystem::path& directory,
                                              DrawnFor drawn_for = DrawnFor::folder);

/// Draws the verdicts at points of training, and those of each claim under its definitions, as far
/// as they could be checked. Returns: the paths. Throws: as draw_chart.
std::vector<std::filesystem::path> draw_verdicts(const std::vector<Verdict>& verdicts,
                                                 const std::filesystem::path& directory);

/// Draws the figures of experiments that have results. If a study has results on several tasks or
/// at several profiles, these are drawn separately: those that its claims are judged from (if there
/// are none, the first) in the directory, others in its subfolders `<task>-<profile>`. A protocol
/// with arms of its own is drawn if its runs are there, or if it is named.
/// Throws: ValueError for an unknown experiment or protocol, or a protocol that the experiment has
/// no figure of; DataError if the named experiment has no results, or no experiment of `all` has
/// any; and what Study::figures and draw_chart throw.
Drawing draw_figures(const std::vector<RunResult>& results, const DrawRequest& request,
                     const std::filesystem::path& directory);

/// The figures that golden holds, by file name, each as SVG and gnuplot script: those that studies
/// name, if the results are evidence for each of their arms.
/// Throws: as draw_figures.
std::map<std::string, std::string> draw_golden_figures(const std::vector<RunResult>& results);

}  // namespace harness
