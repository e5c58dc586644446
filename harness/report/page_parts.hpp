#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "harness/report/html_report.hpp"

// The parts of the report's page, from top to bottom. Each returns HTML.

namespace harness {

/// The style sheet.
extern const std::string_view kPageStyle;

/// What a page begins with: its head, with the style sheet, and a link to the section `skip_to`.
std::string page_start(const std::string& title, std::string_view skip_to);

/// Title, findings, the matrix of claims, the headline figures, where results come from.
std::string first_screen(const ReportData& data);

/// The ids of figures and claims, which links lead to.
/// @{
std::string figure_anchor(std::size_t index);
std::string claim_anchor(const std::string& id);
/// @}

/// A section for each claim, and what the words mean.
std::string claims_section(const ReportData& data);

std::string figures_section(const std::vector<ReportFigure>& figures);

/// What runs were trained on and for how long, once for each regime.
std::string regime_section(const ReportData& data);

std::string caveats_section(const std::vector<std::string>& caveats);

/// A table of results for each task and profile.
std::string results_section(const std::vector<RunResult>& results);

std::string environment_section(const std::vector<RunResult>& results);

std::string commands_section(const std::vector<std::string>& commands);

/// The picture without its prolog and without what it does not need, coordinates to a tenth. Its
/// ids begin with `prefix`, so that the pictures of a page share none. Throws: DataError if it is
/// not a whole SVG picture, or carries a script.
std::string inline_svg(const ReportFigure& figure, const std::string& prefix);

}  // namespace harness
