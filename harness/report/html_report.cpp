#include "harness/report/html_report.hpp"

#include "harness/report/page_parts.hpp"

namespace harness {

std::string html_report(const ReportData& data) {
  std::string html = page_start(data.title, "claims");
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
