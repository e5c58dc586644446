#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "harness/claims/claims.hpp"
#include "harness/results/result.hpp"
#include "harness/studies/stored_verdicts.hpp"

namespace harness {

/// A claim and its verdicts.
struct ReportClaim {
  Claim claim;
  /// One for each definition, each beside golden's. The first is the published one; never empty.
  std::vector<CheckedVerdict> definitions;

  const Verdict& verdict() const { return definitions.front().verdict; }
};

/// A figure. All texts are plain, not HTML.
struct ReportFigure {
  std::string experiment;  // its id; empty for a figure of several
  std::string heading;     // `Figure 1, published protocol`
  std::string caption;
  std::string alt;  // what it shows, for those who do not see it
  std::string svg;  // the file's text
  /// What is to be said about its lines and its data.
  std::vector<std::string> notes = {};
  /// Files with the same content, as links from the page; empty if they are not kept.
  std::vector<std::string> files = {};
  /// Whether it stands for its experiment on the first screen.
  bool is_headline = false;
};

struct ReportData {
  std::string title;
  std::vector<ReportClaim> claims;
  std::vector<ReportFigure> figures;
  /// Every run behind the verdicts, in the order of the table.
  std::vector<RunResult> results;
  /// How many of these runs were made here; golden has the others.
  std::size_t made_here = 0;
  /// Results made here that differ from golden's of the same run, one sentence for each.
  std::vector<std::string> other_bits = {};
  /// Shell commands that reproduce all this.
  std::vector<std::string> commands = {};
  /// Caveats, in HTML: list items.
  std::vector<std::string> caveats = {};
};

/// One HTML page that needs no other file and no script. Its first screen says what came out and
/// where it does not hold; then each claim has a section, and figures, data, caveats, every
/// result's numbers, where they were made and how to make them again follow. It depends on its
/// argument alone: every sentence about results is made from them.
/// Throws: DataError if a figure is not an SVG picture, or contains a script.
std::string html_report(const ReportData& data);

}  // namespace harness
