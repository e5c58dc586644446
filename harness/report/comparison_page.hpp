#pragma once

#include <string>
#include <vector>

#include "harness/report/html_report.hpp"

namespace harness {

/// A study that is shown beside another.
struct ComparedStudy {
  /// As the reader named it: a folder.
  std::string name;
  /// Every claim, in the same order for both studies.
  std::vector<ReportClaim> claims;
  std::vector<ReportFigure> figures;
  /// Why others could not be drawn, a sentence each.
  std::vector<std::string> not_drawn;
  std::vector<RunResult> results;
};

/// One HTML page that needs no other file and no script, with two studies beside each other: each
/// claim's verdict and effects in both, the figures, and for each arm how many runs of one task,
/// profile, arm, cell and seed both have, how many of these agree (compare), and in what the first
/// that does not differs. It depends on its arguments alone.
/// Throws: ValueError if the studies have not the same claims; DataError as html_report.
std::string comparison_page(const ComparedStudy& a, const ComparedStudy& b);

}  // namespace harness
