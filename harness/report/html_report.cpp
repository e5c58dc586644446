#include "harness/report/html_report.hpp"

#include <fmt/format.h>

#include "harness/report/html.hpp"
#include "harness/report/page_parts.hpp"

namespace harness {

std::string html_report(const ReportData& data) {
  std::string html = fmt::format(
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
      "<title>{}</title>\n<style>{}</style>\n</head>\n<body>\n"
      "<a class=\"skip\" href=\"#claims\">Skip to the claims</a>\n",
      escape(data.title), kPageStyle);
  html += first_screen(data);
  html += "<main>\n";
  html += claims_section(data);
  html += figures_section(data.figures);
  html += regime_section(data);
  html += caveats_section(data.caveats);
  html += results_section(data.results);
  html += environment_section(data.results);
  html += commands_section(data.commands);
  return html + "</main>\n</body>\n</html>\n";
}

}  // namespace harness
