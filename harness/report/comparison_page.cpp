#include "harness/report/comparison_page.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <map>
#include <string_view>
#include <tuple>

#include <fmt/format.h>

#include "harness/claims/scope.hpp"
#include "harness/report/effect_bars.hpp"
#include "harness/report/html.hpp"
#include "harness/report/page_parts.hpp"
#include "harness/results/compare.hpp"
#include "libnorm/core/error.hpp"

namespace harness {
namespace {

constexpr std::string_view kLetters[] = {"A", "B"};

/// A claim in both studies.
struct Pair {
  const ReportClaim& a;
  const ReportClaim& b;

  std::array<const ReportClaim*, 2> both() const { return {&a, &b}; }
  const std::string& id() const { return a.verdict().id; }
  /// Whether neither study has what the claim needs.
  bool is_unchecked() const {
    return a.verdict().outcome == Outcome::could_not_check &&
           b.verdict().outcome == Outcome::could_not_check;
  }
};

std::vector<Pair> pairs_of(const ComparedStudy& a, const ComparedStudy& b) {
  const auto id = [](const ReportClaim& claim) { return claim.verdict().id; };
  if (!std::ranges::equal(a.claims, b.claims, {}, id, id)) {
    throw libnorm::ValueError("report: the two studies have other claims; need the same ones");
  }
  std::vector<Pair> pairs;
  for (std::size_t i = 0; i < a.claims.size(); ++i) pairs.push_back({a.claims[i], b.claims[i]});
  return pairs;
}

/// The runs of one arm in both studies.
struct ArmRuns {
  std::size_t in_a = 0, in_b = 0, in_both = 0, equal = 0;
  /// Seed and member of the first that does not agree; empty if all do.
  std::string difference;
};

/// By task, profile and arm.
using ArmTable = std::map<std::tuple<std::string, std::string, std::string>, ArmRuns>;

ArmTable compare_runs(const ComparedStudy& a, const ComparedStudy& b) {
  using Key = std::tuple<std::string, std::string, std::string, std::map<std::string, std::string>,
                         std::uint64_t>;
  std::map<Key, const RunResult*> of_a;
  ArmTable arms;
  for (const RunResult& r : a.results) {
    ++arms[{r.task, r.profile, r.arm}].in_a;
    of_a[{r.task, r.profile, r.arm, r.cell, r.seed}] = &r;
  }
  for (const RunResult& r : b.results) {
    ArmRuns& runs = arms[{r.task, r.profile, r.arm}];
    ++runs.in_b;
    const auto same = of_a.find({r.task, r.profile, r.arm, r.cell, r.seed});
    if (same == of_a.end()) continue;
    ++runs.in_both;
    std::string what;
    for (const Difference& difference : compare(r, *same->second)) {
      if (difference.cause != Cause::kOtherMeasures && what.empty()) what = difference.what;
    }
    runs.equal += what.empty();
    if (!what.empty() && runs.difference.empty()) {
      runs.difference = fmt::format("seed {}: {}", r.seed, what);
    }
  }
  return arms;
}

std::string claim_link(const Pair& pair) {
  return fmt::format("<a href=\"#{}\">{}</a>", claim_anchor(pair.id()), escape(pair.id()));
}

std::string listed(const std::vector<std::string>& items) {
  return fmt::format("{}", fmt::join(items, ", "));
}

/// How many claims have the same verdict, and which have not.
std::string findings(const std::vector<Pair>& pairs, const ArmTable& arms) {
  std::vector<std::string> other, unchecked;
  std::size_t checked = 0;
  for (const Pair& pair : pairs) {
    if (pair.is_unchecked()) {
      unchecked.push_back(escape(pair.id()));
      continue;
    }
    ++checked;
    if (pair.a.verdict().outcome == pair.b.verdict().outcome) continue;
    other.push_back(fmt::format("{} ({} in A, {} in B)", claim_link(pair),
                                word_badge(pair.a.verdict().outcome),
                                word_badge(pair.b.verdict().outcome)));
  }
  std::string html = "<p class=\"findings\">";
  if (checked == 0) {
    html += "Neither study has the runs for any claim.";
  } else {
    const std::size_t same = checked - other.size();
    html += fmt::format("Of {}, {} the same verdict in both{}", counted(checked, "claim"),
                        same == 1 ? "1 has" : fmt::format("{} have", same),
                        other.empty() ? "." : "; another: " + listed(other) + ".");
    if (!unchecked.empty()) html += " Neither study has the runs for " + listed(unchecked) + ".";
  }
  std::size_t in_both = 0, equal = 0;
  for (const auto& [key, runs] : arms) {
    in_both += runs.in_both;
    equal += runs.equal;
  }
  return html + fmt::format(
                    " Of {} that both have, {} the same numbers: <a href=\"#runs\">which"
                    "</a>.</p>\n",
                    counted(in_both, "run"), equal == 1 ? "1 has" : fmt::format("{} have", equal));
}

std::string name_list(const ComparedStudy& a, const ComparedStudy& b) {
  std::string html = "<dl>\n";
  for (const auto& [letter, study] : {std::pair{kLetters[0], &a}, std::pair{kLetters[1], &b}}) {
    html += fmt::format("<dt>{}</dt><dd><code>{}</code>, {}</dd>\n", letter, escape(study->name),
                        counted(study->results.size(), "result"));
  }
  return html + "</dl>\n";
}

/// The number that decides, or a dash.
std::string deciding_cell(const ReportClaim& claim) {
  const PartResult* part = deciding_part(claim.verdict());
  if (part == nullptr) return "<td>&ndash;</td>";
  return fmt::format("<td>{}<br>{}</td>", escape(part->label),
                     escape(effect_text(part->reading.whole, part->unit)));
}

std::string verdicts_table(const std::vector<Pair>& pairs) {
  if (std::ranges::all_of(pairs, &Pair::is_unchecked)) return "";
  std::string inside = "<thead><tr><th scope=\"col\">Claim of the paper</th>";
  for (const auto letter : kLetters) {
    inside += fmt::format(
        "<th scope=\"col\">Verdict in {0}</th><th scope=\"col\">What decides in {0}</th>", letter);
  }
  inside += "</tr></thead>\n<tbody>\n";
  for (const Pair& pair : pairs) {
    if (pair.is_unchecked()) continue;
    inside += fmt::format("<tr><th scope=\"row\">{} {}</th>", claim_link(pair),
                          escape(pair.a.verdict().sentence));
    for (const ReportClaim* claim : pair.both()) {
      inside += "<td>" + word_badge(claim->verdict().outcome) + "</td>" + deciding_cell(*claim);
    }
    inside += "</tr>\n";
  }
  return table("compared", "Each claim's verdict in both studies", inside + "</tbody>\n");
}

/// The effects of each part, A above B.
std::string effects(const Pair& pair) {
  std::vector<EffectBar> bars;
  std::string unit;
  const auto add = [&](const ReportClaim& claim, std::size_t k, std::string_view letter) {
    const auto& parts = claim.verdict().parts;
    if (k >= parts.size()) return;
    const Comparison& whole = parts[k].reading.whole;
    bars.push_back({fmt::format("{}: {}", letter, parts[k].label), whole.effect, whole.interval,
                    parts[k].margin, outcome_of(parts[k].finding), word(parts[k].finding),
                    effect_text(whole, "")});
    unit = parts[k].unit;
  };
  const std::size_t most = std::max(pair.a.verdict().parts.size(), pair.b.verdict().parts.size());
  for (std::size_t k = 0; k < most; ++k) {
    add(pair.a, k, kLetters[0]);
    add(pair.b, k, kLetters[1]);
  }
  return effect_bars(bars, "As published, in both. The band is what does not matter.", "Comparison",
                     unit, kNoLimit);
}

/// What the claim comes to under each definition.
std::string definitions_table(const Pair& pair) {
  std::string inside =
      "<thead><tr><th scope=\"col\">Definition</th><th scope=\"col\">A</th>"
      "<th scope=\"col\">B</th></tr></thead>\n<tbody>\n";
  const auto cell = [](const ReportClaim& claim, const std::string& definition) {
    const auto found = std::ranges::find(claim.definitions, definition,
                                         [](const auto& each) { return each.verdict.definition; });
    if (found == claim.definitions.end()) return std::string("<td>&ndash;</td>");
    const Outcome outcome = found->verdict.as_defined;
    return fmt::format("<td class=\"finding {}\">{}</td>", style_of(outcome), plain_word(outcome));
  };
  for (const CheckedVerdict& each : pair.a.definitions) {
    const std::string& definition = each.verdict.definition;
    inside += fmt::format("<tr><th scope=\"row\">{}</th>{}{}</tr>\n", breakable(definition),
                          cell(pair.a, definition), cell(pair.b, definition));
  }
  return table("numbers", "Under each definition, without controls", inside + "</tbody>\n");
}

std::string claim_sections(const std::vector<Pair>& pairs) {
  std::string html = "<section id=\"claims\">\n<h2>Claims</h2>\n";
  for (const Pair& pair : pairs) {
    if (pair.is_unchecked()) continue;
    html +=
        fmt::format("<section class=\"claim\" id=\"{}\">\n<h3>{}</h3>\n<p><q>{}</q></p>\n",
                    claim_anchor(pair.id()), escape(pair.id()), escape(pair.a.verdict().sentence));
    for (std::size_t i = 0; i < 2; ++i) {
      const Verdict& verdict = pair.both()[i]->verdict();
      html += fmt::format("<p>{}: {} <span class=\"scope\">{}.</span></p>\n", kLetters[i],
                          word_badge(verdict.outcome),
                          escape(verdict.scope.empty() ? "not checked" : verdict.scope));
      for (const std::string& note : verdict.notes) html += "<p>" + escape(note) + "</p>\n";
    }
    html += effects(pair) + definitions_table(pair) + "</section>\n";
  }
  return html + "</section>\n";
}

std::string figure_of(const ReportFigure& figure, std::string_view letter, std::size_t index) {
  const std::string id = fmt::format("{}-{}", letter, figure_anchor(index));
  return fmt::format(
      "<figure id=\"{}\">\n<h3>{}: {}</h3>\n<div class=\"picture\" role=\"img\" "
      "aria-label=\"{}\">\n{}\n</div>\n</figure>\n",
      id, letter, escape(figure.heading), escape(figure.alt), inline_svg(figure, id + "-"));
}

/// Figures of one heading stand beside each other.
std::string figure_pairs(const ComparedStudy& a, const ComparedStudy& b) {
  std::string html = "<section id=\"figures\">\n<h2>Figures</h2>\n";
  const auto pair = [&](const std::string& inside) {
    html += "<div class=\"beside\">\n" + inside + "</div>\n";
  };
  for (std::size_t i = 0; i < a.figures.size(); ++i) {
    std::string inside = figure_of(a.figures[i], kLetters[0], i);
    const auto same = std::ranges::find(b.figures, a.figures[i].heading, &ReportFigure::heading);
    if (same != b.figures.end()) {
      inside += figure_of(*same, kLetters[1], std::size_t(same - b.figures.begin()));
    }
    pair(inside);
  }
  for (std::size_t i = 0; i < b.figures.size(); ++i) {
    const auto same = std::ranges::find(a.figures, b.figures[i].heading, &ReportFigure::heading);
    if (same == a.figures.end()) pair(figure_of(b.figures[i], kLetters[1], i));
  }
  for (const auto& [letter, study] : {std::pair{kLetters[0], &a}, std::pair{kLetters[1], &b}}) {
    for (const std::string& why : study->not_drawn) {
      html += fmt::format("<p>{}: {}</p>\n", letter, escape(why));
    }
  }
  return html + "</section>\n";
}

std::string runs_section(const ArmTable& arms) {
  std::string inside =
      "<thead><tr><th scope=\"col\">Task</th><th scope=\"col\">Profile</th>"
      "<th scope=\"col\">Arm</th>";
  for (const char* heading : {"Runs of A", "Runs of B", "Of both", "With the same numbers"}) {
    inside += fmt::format("<th scope=\"col\" class=\"number\">{}</th>", heading);
  }
  inside += "<th scope=\"col\">First difference</th></tr></thead>\n<tbody>\n";
  for (const auto& [key, runs] : arms) {
    const auto& [task, profile, arm] = key;
    inside += fmt::format("<tr><td>{}</td><td>{}</td><th scope=\"row\">{}</th>", escape(task),
                          escape(profile), escape(arm));
    for (const std::size_t number : {runs.in_a, runs.in_b, runs.in_both, runs.equal}) {
      inside += number_cell(std::to_string(number));
    }
    inside += fmt::format("<td>{}</td></tr>\n",
                          runs.difference.empty()
                              ? "&ndash;"
                              : "<span class=\"alarm\">" + escape(runs.difference) + "</span>");
  }
  return "<section id=\"runs\">\n<h2>Runs</h2>\n" +
         table("numbers",
               "Numbers are the same if all that training computes is equal bit for bit, and "
               "metrics to 1e-9 of their size.",
               inside + "</tbody>\n") +
         "</section>\n";
}

}  // namespace

std::string comparison_page(const ComparedStudy& a, const ComparedStudy& b) {
  const std::vector<Pair> pairs = pairs_of(a, b);
  const ArmTable arms = compare_runs(a, b);
  const std::string title = "Two studies beside each other: " + a.name + " and " + b.name;
  std::string html = page_start(title, "claims");
  html += "<header>\n<h1>" + escape(title) + "</h1>\n<div class=\"found\">\n" + name_list(a, b) +
          findings(pairs, arms) + "</div>\n";
  html +=
      "<nav aria-label=\"Sections\"><a href=\"#claims\">Claims</a> <a href=\"#figures\">Figures</a>"
      " <a href=\"#runs\">Runs</a></nav>\n</header>\n<main>\n";
  html += verdicts_table(pairs) + claim_sections(pairs) + figure_pairs(a, b) + runs_section(arms);
  return html + "</main>\n</body>\n</html>\n";
}

}  // namespace harness
