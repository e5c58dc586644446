#include <string_view>

#include <fmt/format.h>

#include "harness/report/page_parts.hpp"
#include "libnorm/core/error.hpp"

namespace harness {
namespace {

using libnorm::DataError;

void replace_all(std::string& text, std::string_view from, const std::string& to) {
  for (std::size_t at = text.find(from); at != std::string::npos;
       at = text.find(from, at + to.size())) {
    text.replace(at, from.size(), to);
  }
}

/// Removes `begin ... end` wherever it stands.
void remove_all(std::string& text, std::string_view begin, std::string_view end) {
  for (std::size_t at = text.find(begin); at != std::string::npos; at = text.find(begin, at)) {
    const std::size_t last = text.find(end, at);
    if (last == std::string::npos) return;
    text.erase(at, last + end.size() - at);
  }
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// White space becomes one space, and digits behind the first one after a point go. Texts of the
/// picture keep theirs: those are between `>` and `<`.
std::string shorter(std::string_view svg) {
  std::string text;
  bool in_tag = false;
  for (std::size_t i = 0; i < svg.size(); ++i) {
    const char c = svg[i];
    if (c == '<') in_tag = true;
    if (c == '>') in_tag = false;
    const bool is_space = c == ' ' || c == '\n' || c == '\t' || c == '\r';
    if (is_space && !text.empty() && (text.back() == ' ' || text.back() == '>')) continue;
    text += is_space ? ' ' : c;
    if (in_tag && c == '.' && i > 0 && is_digit(svg[i - 1]) && i + 1 < svg.size()) {
      text += svg[++i];
      while (i + 1 < svg.size() && is_digit(svg[i + 1])) ++i;
    }
  }
  return text;
}

/// gnuplot opens a group for each colour and width, and leaves many of them empty.
void remove_empty_groups(std::string& svg) {
  for (std::size_t at = svg.find("<g "); at != std::string::npos; at = svg.find("<g ", at + 1)) {
    const std::size_t end = svg.find('>', at);
    if (end == std::string::npos) return;
    const std::size_t next = svg.find_first_not_of(' ', end + 1);
    if (next == std::string::npos || svg.compare(next, 4, "</g>") != 0) continue;
    svg.erase(at, next + 4 - at);
    --at;  // The next one may begin here.
  }
}

}  // namespace

std::string inline_svg(const ReportFigure& figure, const std::string& prefix) {
  const std::size_t begin = figure.svg.find("<svg"), end = figure.svg.rfind("</svg>");
  if (begin == std::string::npos || end == std::string::npos || end < begin) {
    throw DataError(
        fmt::format("html_report: {} is not a whole SVG picture ({} bytes); draw it again",
                    figure.heading, figure.svg.size()));
  }
  std::string svg = figure.svg.substr(begin, end + 6 - begin);
  if (svg.find("<script") != std::string::npos) {
    throw DataError(
        fmt::format("html_report: {} carries a script; need a still picture", figure.heading));
  }
  svg = shorter(svg);
  remove_all(svg, "<title>", "</title>");
  remove_all(svg, "<desc>", "</desc>");
  // gnuplot defines points and boxes, which no chart uses.
  std::string without = svg;
  remove_all(without, "<defs>", "</defs>");
  if (without.find("href=") == svg.npos && without.find("url(") == svg.npos) svg = without;
  remove_empty_groups(svg);
  for (const std::string_view mark : {" id=\"", " id='", "href=\"#", "href='#", "url(#"}) {
    replace_all(svg, mark, std::string(mark) + prefix);
  }
  // The picture itself can be named by a thumbnail.
  return svg.replace(0, 4, fmt::format("<svg id=\"{}svg\"", prefix));
}

}  // namespace harness
