#pragma once

#include <optional>
#include <string>
#include <vector>

#include "harness/results/result.hpp"

namespace harness {

/// One comparison behind a verdict, which has no verdict of its own. All texts are plain, not HTML.
struct ReportPart {
  std::string label;     // `none - layernorm`
  std::string finding;   // holds, opposite, too small or open
  std::string effect;    // with its unit
  std::string interval;  // of 95%, `[1.2, 3.4]`; empty if there is none
  std::optional<double> p_holm;
  std::optional<double> superiority;  // P(A > B)
  std::string controls;               // what the controls did, and other notes; may be empty
};

/// How a verdict compares with golden's.
enum class Agreement { matches, differs, no_golden };

struct ReportVerdict {
  std::string id, definition;
  std::string sentence;  // of the paper
  std::string verdict;   // SUPPORTED, CONTRADICTED, NEGLIGIBLE, FRAGILE, INCONCLUSIVE or another
  std::string expected;  // golden's word; empty with no_golden
  Agreement agreement = Agreement::no_golden;
  std::string scope;  // what the verdict holds over
  int seeds = 0;
  std::string note;  // may be empty
  std::vector<ReportPart> parts;
  /// What the runs were trained on and for how long; may be empty.
  std::string regime = {};
};

struct ReportFigure {
  std::string heading;  // `Figure 1, published protocol`
  std::string caption;
  std::string alt;  // what it shows, for those who do not see it
  std::string svg;  // the file's text
};

struct ReportData {
  std::string title;
  std::vector<ReportVerdict> verdicts;
  std::vector<ReportFigure> figures;
  /// Every run behind the verdicts, in the order of the table.
  std::vector<RunResult> results;
  /// Shell commands that reproduce all this.
  std::vector<std::string> commands;
  /// Caveats, in HTML: list items.
  std::vector<std::string> caveats = {};
};

/// Four significant digits: `0.006850`, `4.200e-5`, `115.2`; `not finite` for what is not.
std::string four_digits(double value);

/// One HTML page that needs no other file: verdicts, figures, caveats, every run's numbers, where
/// they were made and how to make them again. It depends on its argument alone. Each task and
/// profile has a table of its own. Of the spectra of several layers it shows the effective ranks,
/// which verdicts rest on.
/// Throws: DataError if a figure is not an SVG picture, or contains a script.
std::string html_report(const ReportData& data);

}  // namespace harness
