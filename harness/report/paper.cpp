#include "harness/report/paper.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "harness/claims/scope.hpp"

namespace harness {
namespace {

/// `$-1.59$ $[-1.75, -1.42]$ decades`.
std::string numbers(const PartResult& part) {
  const Comparison& whole = part.reading.whole;
  std::string text = fmt::format("${:+.3g}$", whole.effect);
  if (whole.interval) {
    text += fmt::format(" $[{:+.3g}, {:+.3g}]$", whole.interval->low, whole.interval->high);
  }
  return text + " " + latex(part.unit);
}

/// `holds 5, fails 6, too small 6`, that of the published definition first.
std::string definitions(const ReportClaim& claim) {
  std::vector<Outcome> order{claim.verdict().as_defined};
  for (const CheckedVerdict& each : claim.definitions) {
    if (std::ranges::find(order, each.verdict.as_defined) == order.end()) {
      order.push_back(each.verdict.as_defined);
    }
  }
  std::string text;
  for (const Outcome outcome : order) {
    const auto count = std::ranges::count_if(claim.definitions, [&](const CheckedVerdict& each) {
      return each.verdict.as_defined == outcome;
    });
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", plain_word(outcome), count);
  }
  return text;
}

}  // namespace

std::string latex(std::string_view text) {
  std::string escaped;
  for (const char letter : text) {
    const auto byte = static_cast<unsigned char>(letter);
    switch (letter) {
      case '\\': escaped += "\\textbackslash{}"; break;
      case '~': escaped += "\\textasciitilde{}"; break;
      case '^': escaped += "\\textasciicircum{}"; break;
      case '<': escaped += "\\textless{}"; break;
      case '>': escaped += "\\textgreater{}"; break;
      case '|': escaped += "\\textbar{}"; break;
      case '"': escaped += "''"; break;
      case '#':
      case '$':
      case '%':
      case '&':
      case '_':
      case '{':
      case '}': escaped += std::string("\\") + letter; break;
      default:
        // One mark for a character of several bytes, of which those after the first are 10xxxxxx.
        if (byte >= 0xC0 || byte < 0x20 || byte == 0x7F) escaped += '?';
        if (byte >= 0x20 && byte < 0x7F) escaped += letter;
    }
  }
  return escaped;
}

std::string latex_table(const std::vector<ReportClaim>& claims) {
  std::string text =
      "% Written by norm-harness report --paper; needs \\usepackage{booktabs}.\n"
      "\\begin{tabular}{p{0.34\\textwidth}lp{0.27\\textwidth}p{0.19\\textwidth}}\n\\toprule\n"
      "Claim & Verdict & As published: mean, 95\\% interval & By definition \\\\\n\\midrule\n";
  for (const ReportClaim& claim : claims) {
    const Verdict& verdict = claim.verdict();
    const PartResult* part = deciding_part(verdict);
    text += fmt::format("{}: {} & {} & {} & {} \\\\\n", latex(verdict.id), latex(verdict.sentence),
                        word(verdict.outcome),
                        part == nullptr ? "--" : latex(part->label) + ": " + numbers(*part),
                        definitions(claim));
  }
  return text + "\\bottomrule\n\\end{tabular}\n";
}

std::string latex_document(const std::string& title, const std::vector<DrawnFigure>& figures) {
  std::string text = fmt::format(
      "\\documentclass[twocolumn]{{article}}\n\\usepackage{{booktabs}}\n\\usepackage{{graphicx}}\n"
      "\\title{{{}}}\n\\date{{}}\n\\begin{{document}}\n\\maketitle\n"
      "\\begin{{table*}}\n\\small\n\\input{{verdicts}}\n\\end{{table*}}\n",
      latex(title));
  for (const DrawnFigure& figure : figures) {
    for (const std::filesystem::path& file : figure.files) {
      const std::string name = file.stem().string();
      const bool is_wide = name.ends_with("two_columns");
      text += fmt::format(
          "\\begin{{figure{0}}}\n\\centering\n\\includegraphics[width=\\{1}]{{{2}}}\n"
          "\\caption{{{3}. {4}}}\n\\end{{figure{0}}}\n",
          is_wide ? "*" : "", is_wide ? "textwidth" : "columnwidth", name, latex(figure.heading),
          latex(figure.caption));
    }
    text += "\\clearpage\n";  // LaTeX keeps few figures waiting.
  }
  return text + "\\end{document}\n";
}

}  // namespace harness
