#include "harness/report/html_report.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <map>
#include <set>
#include <string_view>
#include <utility>

#include "harness/report/report_texts.hpp"
#include "libnorm/core/error.hpp"
#include "libnorm/data/printable.hpp"

namespace harness {
namespace {

using libnorm::DataError;

struct Word {
  std::string_view word, style, meaning;
};
constexpr Word kWords[] = {
    {"SUPPORTED", "supported",
     "The claim holds: the effect is clear in nearly every seed, and no control, point of training "
     "or registered definition turns it round."},
    {"CONTRADICTED", "contradicted", "The opposite of the claim holds, as clearly."},
    {"NEGLIGIBLE", "negligible", "A claimed difference is smaller than what matters."},
    {"FRAGILE", "fragile",
     "It holds, or fails, as defined; a control, a point of training or another definition turns "
     "it "
     "round."},
    {"INCONCLUSIVE", "inconclusive", "None of these can be said with these seeds."},
    {"COULD NOT CHECK", "unchecked",
     "A run is missing or cannot be used. This is never a success."},
};

std::string escape(std::string_view text) {
  std::string escaped;
  for (const char letter : libnorm::printable(text)) {
    switch (letter) {
      case '&': escaped += "&amp;"; break;
      case '<': escaped += "&lt;"; break;
      case '>': escaped += "&gt;"; break;
      case '"': escaped += "&quot;"; break;
      case '\'': escaped += "&#39;"; break;
      default: escaped += letter;
    }
  }
  return escaped;
}

// Allows a line break after each dot and underscore of a long name.
std::string breakable(std::string_view name) {
  std::string text;
  for (const char letter : escape(name)) {
    text += letter;
    if (letter == '.' || letter == '_') text += "<wbr>";
  }
  return text;
}

void replace_all(std::string& text, std::string_view from, const std::string& to) {
  for (std::size_t at = text.find(from); at != std::string::npos;
       at = text.find(from, at + to.size())) {
    text.replace(at, from.size(), to);
  }
}

// The picture without its prolog, with ids that differ from those of the page's other pictures.
std::string inline_svg(const ReportFigure& figure, std::size_t position) {
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
  const std::string prefix = fmt::format("f{}-", position + 1);
  for (const std::string_view mark : {" id=\"", " id='", "href=\"#", "href='#", "url(#"}) {
    replace_all(svg, mark, std::string(mark) + prefix);
  }
  return svg;
}

std::string word_badge(std::string_view word) {
  const auto known = std::ranges::find(kWords, word, &Word::word);
  const std::string style = known == std::end(kWords) ? "" : fmt::format(" {}", known->style);
  return fmt::format("<span class=\"word{}\">{}</span>", style, escape(word));
}

std::string agreement_text(const ReportVerdict& verdict) {
  switch (verdict.agreement) {
    case Agreement::matches: return "<span class=\"soft\">as in golden</span>";
    case Agreement::differs:
      return fmt::format("<span class=\"alarm\">differs from golden: {}</span>",
                         escape(verdict.expected));
    case Agreement::no_golden: break;
  }
  return "<span class=\"alarm\">not checked: no golden</span>";
}

std::string number_cell(const std::string& text) {
  return fmt::format("<td class=\"number\">{}</td>", text.empty() ? "&ndash;" : escape(text));
}

std::string part_cells(const ReportPart& part) {
  std::string html = fmt::format("<td>{}<br><span class=\"soft\">{}</span></td>",
                                 escape(part.label), escape(part.finding));
  html += fmt::format("<td>{}<br><span class=\"interval\">{}</span></td>", escape(part.effect),
                      escape(part.interval));
  html += number_cell(part.superiority ? fmt::format("{:.2f}", *part.superiority) : "");
  html += number_cell(part.p_holm ? four_digits(*part.p_holm) : "");
  return html + fmt::format("<td>{}</td>", escape(part.controls));
}

std::string verdict_rows(const ReportVerdict& verdict) {
  const std::size_t lines = std::max<std::size_t>(verdict.parts.size(), 1);
  std::string html = "<tbody>\n";
  for (std::size_t i = 0; i < lines; ++i) {
    html += "<tr>";
    if (i == 0) {
      html += fmt::format(
          "<th class=\"claim\" scope=\"rowgroup\" rowspan=\"{}\"><span class=\"id\">{}</span> "
          "<span class=\"soft\">{}</span><q>{}</q>{}</th>",
          lines, escape(verdict.id), escape(verdict.definition), escape(verdict.sentence),
          verdict.regime.empty()
              ? ""
              : fmt::format("<span class=\"regime\">{}</span>", escape(verdict.regime)));
      html +=
          fmt::format("<td rowspan=\"{}\">{}<br><span class=\"soft\">{}</span><br>{}{}</td>", lines,
                      word_badge(verdict.verdict), escape(verdict.scope), agreement_text(verdict),
                      verdict.note.empty() ? "" : "<br>" + escape(verdict.note));
      html += fmt::format("<td class=\"number\" rowspan=\"{}\">{}</td>", lines, verdict.seeds);
    }
    html +=
        i < verdict.parts.size() ? part_cells(verdict.parts[i]) : "<td colspan=\"5\">&ndash;</td>";
    html += "</tr>\n";
  }
  return html + "</tbody>\n";
}

// A table that is too wide scrolls by itself, also by keyboard.
std::string table(const std::string& style, const std::string& label, const std::string& caption,
                  const std::string& inside) {
  return fmt::format(
      "<div class=\"wide\" role=\"region\" aria-label=\"{}\" tabindex=\"0\">\n<table "
      "class=\"{}\">\n"
      "<caption>{}</caption>\n{}</table>\n</div>\n",
      label, style, caption, inside);
}

std::string verdict_section(const std::vector<ReportVerdict>& verdicts) {
  std::string inside =
      "<thead><tr><th scope=\"col\">Claim of the paper</th><th scope=\"col\">Verdict</th>"
      "<th scope=\"col\" class=\"number\">Seeds</th><th scope=\"col\">Comparison</th>"
      "<th scope=\"col\">Effect, 95% interval</th><th scope=\"col\" class=\"number\">P(A&gt;B)</th>"
      "<th scope=\"col\" class=\"number\">p (Holm)</th><th scope=\"col\">Controls, notes</th></tr>"
      "</thead>\n";
  for (const ReportVerdict& verdict : verdicts) inside += verdict_rows(verdict);
  std::string html = "<section id=\"verdicts\">\n<h2>Verdicts</h2>\n";
  html += table("verdicts", "Verdicts", "One block a claim and definition; one line a comparison.",
                inside);
  html += "<h3>What the words mean</h3>\n<dl>\n";
  for (const auto& [word, style, meaning] : kWords) {
    html += fmt::format("<dt>{}</dt><dd>{}</dd>\n", word_badge(word), meaning);
  }
  return html + "</dl>\n</section>\n";
}

std::string figure_section(const std::vector<ReportFigure>& figures) {
  std::string html = "<section id=\"figures\">\n<h2>Figures</h2>\n";
  for (std::size_t i = 0; i < figures.size(); ++i) {
    html += fmt::format(
        "<figure>\n<h3>{}</h3>\n<div class=\"picture\" role=\"img\" "
        "aria-label=\"{}\">\n{}\n</div>\n"
        "<figcaption>{}</figcaption>\n</figure>\n",
        escape(figures[i].heading), escape(figures[i].alt), inline_svg(figures[i], i),
        escape(figures[i].caption));
  }
  return html + "</section>\n";
}

// By task and profile.
using Groups = std::map<std::pair<std::string, std::string>, std::vector<const RunResult*>>;

Groups group(const std::vector<RunResult>& results) {
  Groups groups;
  for (const RunResult& result : results) groups[{result.task, result.profile}].push_back(&result);
  return groups;
}

bool is_shown(const RunResult& result, std::string_view metric) {
  // A layer's other metrics are in the figures and in the result.
  return !metric.starts_with("layer") || result.spectra.empty() ||
         metric.ends_with(".effective_rank");
}

std::string run_table(const std::vector<const RunResult*>& results) {
  std::set<std::string> metrics;
  for (const RunResult* result : results) {
    for (const auto& [name, value] : result->metrics) {
      if (is_shown(*result, name)) metrics.insert(name);
    }
  }
  std::string inside =
      "<thead><tr><th scope=\"col\">Arm</th><th scope=\"col\" class=\"number\">Seed</th>"
      "<th scope=\"col\" class=\"number\">Steps</th><th scope=\"col\" class=\"number\">Final "
      "loss</th>";
  for (const std::string& name : metrics) {
    inside += fmt::format("<th scope=\"col\" class=\"number\">{}</th>", breakable(name));
  }
  inside += "<th scope=\"col\">Weights</th></tr></thead>\n<tbody>\n";
  for (const RunResult* each : results) {
    const RunResult& result = *each;
    inside += fmt::format("<tr><th scope=\"row\">{}</th>", escape(result.arm));
    inside +=
        number_cell(fmt::format("{}", result.seed)) + number_cell(fmt::format("{}", result.steps));
    inside += number_cell(result.diverged_at < 0
                              ? four_digits(result.final_loss)
                              : fmt::format("diverged at step {}", result.diverged_at));
    for (const std::string& name : metrics) {
      const auto metric = result.metrics.find(name);
      inside += number_cell(metric == result.metrics.end() ? "" : four_digits(metric->second));
    }
    inside +=
        fmt::format("<td><code title=\"{}\">{}</code></td></tr>\n", escape(result.weights_sha256),
                    escape(result.weights_sha256.substr(0, 12)));
  }
  return table("runs", "Every run",
               "Final loss: mean of the last 100 training losses (of all, if fewer), in nats. "
               "Weights: the first 12 digits of the SHA-256 of the final weights.",
               inside + "</tbody>\n");
}

std::string run_section(const std::vector<RunResult>& results) {
  std::string html = "<section id=\"runs\">\n<h2>Every run</h2>\n";
  const Groups groups = group(results);
  for (const auto& [key, of_key] : groups) {
    if (groups.size() > 1) {
      html += fmt::format("<h3>{}, profile {}</h3>\n", escape(key.first), escape(key.second));
    }
    html += run_table(of_key);
  }
  return html + "</section>\n";
}

std::string environment_section(const std::vector<RunResult>& results) {
  // As text, so that equal ones are counted together.
  std::map<std::vector<std::string>, int> environments;
  for (const RunResult& result : results) {
    const Environment& e = result.environment;
    ++environments[{e.version, e.numerics, e.device, e.cpu, e.isa, std::to_string(e.threads),
                    e.compiler, e.flags}];
  }
  std::string inside = "<thead><tr><th scope=\"col\" class=\"number\">Runs</th>";
  for (const char* name :
       {"libnorm", "Numerics", "Device", "CPU", "Instructions", "Threads", "Compiler", "Flags"}) {
    inside += fmt::format("<th scope=\"col\">{}</th>", name);
  }
  inside += "</tr></thead>\n<tbody>\n";
  for (const auto& [fields, count] : environments) {
    inside += "<tr>" + number_cell(std::to_string(count));
    for (const std::string& field : fields) {
      inside +=
          fmt::format("<td{}>{}</td>", field.size() > 24 ? " class=\"long\"" : "", escape(field));
    }
    inside += "</tr>\n";
  }
  return "<section id=\"environment\">\n<h2>Where it was run</h2>\n" +
         table("environments", "Where it was run",
               "The device, the thread count and the instruction set do not change a bit of the "
               "results.",
               inside + "</tbody>\n") +
         "</section>\n";
}

std::string joined(const std::set<std::string>& names) {
  return escape(fmt::format("{}", fmt::join(names, ", ")));
}

std::string counted(std::size_t count, std::string_view what) {
  return fmt::format("{} {}{}", count, what, count == 1 ? "" : "s");
}

std::string summary(const ReportData& data) {
  std::string html;
  const Groups groups = group(data.results);
  for (const auto& [key, results] : groups) {
    std::set<std::string> arms, machines;
    std::set<std::uint64_t> seeds;
    for (const RunResult* result : results) {
      arms.insert(result->arm);
      const Environment& e = result->environment;
      machines.insert(e.device == "cpu" ? fmt::format("{} ({})", e.cpu, e.isa) : e.device);
      seeds.insert(result->seed);
    }
    html += fmt::format("<p>{}{}: {} of the arms {} (profile {}). Made on {}.</p>\n",
                        groups.size() > 1 ? escape(key.first) + ": " : "",
                        counted(results.size(), "run"), counted(seeds.size(), "seed"), joined(arms),
                        escape(key.second), joined(machines));
  }
  const auto count = [&](Agreement agreement) {
    return std::ranges::count(data.verdicts, agreement, &ReportVerdict::agreement);
  };
  const auto differs = count(Agreement::differs), unchecked = count(Agreement::no_golden);
  html += fmt::format("<p>{} of {} verdicts are as in golden", count(Agreement::matches),
                      data.verdicts.size());
  if (differs > 0) html += fmt::format("; <span class=\"alarm\">{} differ from it</span>", differs);
  if (unchecked > 0) {
    html += fmt::format("; <span class=\"alarm\">{} could not be compared</span>", unchecked);
  }
  return html + ".</p>\n";
}

std::string command_section(const std::vector<std::string>& commands) {
  std::string html = "<section id=\"again\">\n<h2>How to make it again</h2>\n<pre><code>";
  for (const std::string& command : commands) html += escape(command) + "\n";
  return html + "</code></pre>\n</section>\n";
}

}  // namespace

std::string four_digits(double value) {
  if (!std::isfinite(value)) return "not finite";
  std::string text = fmt::format("{:#.4g}", value);
  const std::size_t exponent = text.find('e');
  if (exponent == std::string::npos) {
    // Four digits before the point leave none after it.
    return std::abs(value) >= 999.5 ? text.substr(0, text.find('.')) : text;
  }
  return fmt::format("{}e{}", text.substr(0, exponent), std::stoi(text.substr(exponent + 1)));
}

std::string html_report(const ReportData& data) {
  std::string html = fmt::format(
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
      "<title>{0}</title>\n<style>{1}</style>\n</head>\n<body>\n<header>\n<h1>{0}</h1>\n",
      escape(data.title), kStyle);
  html += summary(data) + "</header>\n<main>\n" + verdict_section(data.verdicts);
  html += figure_section(data.figures);
  html += "<section id=\"caveats\">\n<h2>What to keep in mind</h2>\n<ul>\n";
  html.append(kCaveats);
  for (const std::string& of_study : data.caveats) html += of_study;
  html += "</ul>\n</section>\n" + run_section(data.results) + environment_section(data.results);
  return html + command_section(data.commands) + "</main>\n</body>\n</html>\n";
}

}  // namespace harness
