#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "harness/report/draw_figures.hpp"
#include "harness/report/html_report.hpp"

namespace harness {

/// A text as LaTeX: what LaTeX gives a meaning is written out, and what is not ASCII becomes `?`.
std::string latex(std::string_view text);

/// `verdicts.tex`: a table in the style of booktabs, with a line for each claim: its sentence, its
/// verdict, the numbers as published, and in how many definitions it holds, fails, and so on.
std::string latex_table(const std::vector<ReportClaim>& claims);

/// `example.tex`: a document of two columns with the table and all figures (DrawnFor::paper), each
/// with its caption.
std::string latex_document(const std::string& title, const std::vector<DrawnFigure>& figures);

}  // namespace harness
