#include <filesystem>
#include <string_view>

#include <fmt/format.h>

#include "harness/report/html.hpp"
#include "harness/report/page_parts.hpp"

namespace harness {
namespace {

/// A path as a link: what means something in a URL is written as %XX.
std::string url_of(const std::string& path) {
  std::string url;
  for (const char c : path) {
    const bool is_plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                          (c >= '0' && c <= '9') ||
                          std::string_view("/._-~").find(c) != std::string_view::npos;
    url += is_plain ? std::string(1, c) : fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return url;
}

std::string file_links(const ReportFigure& figure) {
  std::string html;
  for (const std::string& file : figure.files) {
    std::string kind = std::filesystem::path(file).extension().string();
    if (!kind.empty()) kind.erase(0, 1);
    html += fmt::format("{}<a href=\"{}\">{}</a>", html.empty() ? "" : ", ", url_of(file),
                        escape(kind == "csv"  ? "data (CSV)"
                               : kind == "gp" ? "script"
                                              : kind));
  }
  return html.empty() ? "" : "<p class=\"files\">As a file: " + html + "</p>\n";
}

}  // namespace

std::string figure_anchor(std::size_t index) { return fmt::format("figure-{}", index + 1); }

std::string figures_section(const std::vector<ReportFigure>& figures) {
  std::string html = "<section id=\"figures\">\n<h2>Figures</h2>\n";
  for (std::size_t i = 0; i < figures.size(); ++i) {
    const ReportFigure& figure = figures[i];
    std::string notes;
    for (const std::string& note : figure.notes) notes += (notes.empty() ? "" : " ") + note;
    html += fmt::format(
        "<figure id=\"{}\">\n<h3>{}</h3>\n<div class=\"picture\" role=\"img\" aria-label=\"{}\">\n"
        "{}\n</div>\n<figcaption>\n<p>{}</p>\n{}{}</figcaption>\n</figure>\n",
        figure_anchor(i), escape(figure.heading), escape(figure.alt),
        inline_svg(figure, figure_anchor(i) + "-"), escape(figure.caption),
        notes.empty() ? "" : "<p>" + escape(notes) + "</p>\n", file_links(figure));
  }
  return html + "</section>\n";
}

}  // namespace harness
