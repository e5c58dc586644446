#include <algorithm>

#include <fmt/format.h>

#include "harness/claims/scope.hpp"
#include "harness/report/effect_bars.hpp"
#include "harness/report/html.hpp"
#include "harness/report/page_parts.hpp"

namespace harness {
namespace {

struct Meaning {
  Outcome outcome;
  std::string_view text;
};
constexpr Meaning kMeanings[] = {
    {Outcome::supported,
     "The claim holds: the effect is clear in nearly every seed, and no control, point of training "
     "or registered definition turns it round."},
    {Outcome::contradicted, "The opposite of the claim holds, as clearly."},
    {Outcome::negligible, "A claimed difference is smaller than what matters."},
    {Outcome::fragile,
     "It holds, or fails, as defined; a control, a point of training or another definition turns "
     "it round."},
    {Outcome::inconclusive, "None of these can be said with these seeds."},
    {Outcome::could_not_check, "A run is missing or cannot be used. This is never a success."},
};

/// Beyond so many margins an effect is drawn at the edge, so that it does not squeeze the others.
constexpr double kMostMargins = 12;

Outcome outcome_of(Effect effect) {
  switch (effect) {
    case Effect::keeps: return Outcome::supported;
    case Effect::flips: return Outcome::contradicted;
    case Effect::open: break;
  }
  return Outcome::inconclusive;
}

/// What more of a metric means, as far as its name tells.
std::string_view what_higher_means(std::string_view metric) {
  const auto names = [&](std::string_view part) { return metric.find(part) != metric.npos; };
  if (names("slice")) return "Higher means sharper.";
  for (const char* rank : {"effective_rank", "participation_ratio", "stable_rank"}) {
    if (names(rank)) return "Higher means more isotropic.";
  }
  if (names("accuracy")) return "Higher means more accurate.";
  if (names("loss")) return "Higher means that it has learned less.";
  return "";
}

/// What a part needs in order to hold: `a - b at least +0.3`, `a ~ b to within 0.3`, `a not below b
/// by 0.3 or more`.
std::string need_of(Relation relation, const PartResult& part) {
  switch (relation) {
    case Relation::larger:
      return fmt::format("{} at least {}", part.label, signed_digits(part.margin));
    case Relation::equivalent: return fmt::format("{} to within {:.3g}", part.label, part.margin);
    case Relation::not_less: break;
  }
  return fmt::format("{} by {:.3g} or more", part.label, part.margin);
}

/// What was compared with what, in plain words.
std::string comparison(const ReportClaim& claim) {
  const Verdict& verdict = claim.verdict();
  std::string html =
      fmt::format("<p>Compared seed by seed: <code>{}</code> ({}). {}", escape(verdict.metric),
                  escape(verdict.source), what_higher_means(verdict.metric));
  std::string needs;
  for (std::size_t k = 0; k < verdict.parts.size(); ++k) {
    const Relation relation =
        k < claim.claim.parts.size() ? claim.claim.parts[k].relation : Relation::larger;
    needs += (k == 0 ? " " : "; ") + escape(need_of(relation, verdict.parts[k]));
  }
  if (!verdict.parts.empty()) {
    html += fmt::format(" The claim needs {} {} ({}).", needs.substr(1),
                        escape(verdict.parts.front().unit), escape(verdict.parts.front().why));
  }
  html += "</p>\n";
  if (claim.claim.controls.empty()) return html;
  html += "<p>Controls: ";
  for (std::size_t i = 0; i < claim.claim.controls.size(); ++i) {
    const Control& control = claim.claim.controls[i];
    html += fmt::format("{}{} in place of {}, because {}", i == 0 ? "" : "; ",
                        escape(control.stand_in), escape(control.arm), escape(control.why));
  }
  return html + ".</p>\n";
}

std::string parts_plot(const Verdict& verdict) {
  std::vector<EffectBar> bars;
  for (const PartResult& part : verdict.parts) {
    const Comparison& whole = part.reading.whole;
    bars.push_back({part.label, whole.effect, whole.interval, part.margin, outcome_of(part.finding),
                    word(part.finding), effect_text(whole, "")});
    for (const ControlResult& control : part.controls) {
      const Comparison& other = control.reading.whole;
      bars.push_back({"with " + control.name, other.effect, other.interval, part.margin,
                      outcome_of(control.effect), word(control.effect), effect_text(other, ""),
                      true});
    }
  }
  if (bars.empty()) return "";
  const std::string& unit = verdict.parts.front().unit;
  return effect_bars(bars, "As published, and with controls. The band is what does not matter.",
                     "Comparison", unit, kNoLimit);
}

/// A bar in margins, for parts whose units differ.
EffectBar in_margins(const std::string& label, const Comparison& comparison, double margin,
                     Outcome outcome, const std::string& unit) {
  EffectBar bar{label,
                comparison.effect / margin,
                {},
                1,
                outcome,
                plain_word(outcome),
                effect_text(comparison, unit)};
  if (comparison.interval) {
    bar.interval = {comparison.interval->low / margin, comparison.interval->high / margin};
  }
  return bar;
}

std::string definitions_plot(const ReportClaim& claim) {
  if (claim.definitions.size() < 2) return "";
  std::vector<EffectBar> bars;
  for (const CheckedVerdict& each : claim.definitions) {
    const PartResult* part = deciding_part(each.verdict);
    if (part == nullptr) continue;
    bars.push_back(in_margins(each.verdict.definition, part->reading.whole, part->margin,
                              each.verdict.as_defined, part->unit));
  }
  return effect_bars(bars,
                     fmt::format("Under each definition: the part that decides, in its margins (at "
                                 "most {:g}), without controls.",
                                 kMostMargins),
                     "Definition", "in margins", kMostMargins);
}

std::string training_plot(const Verdict& verdict) {
  const PartResult* part = deciding_part(verdict);
  if (verdict.landmarks.empty() || part == nullptr) return "";
  const auto index = std::size_t(part - verdict.parts.data());
  std::vector<EffectBar> bars;
  for (const LandmarkResult& landmark : verdict.landmarks) {
    if (landmark.parts.size() <= index) continue;
    EffectBar bar = in_margins(std::to_string(landmark.step), landmark.parts[index].whole,
                               part->margin, landmark.outcome, part->unit);
    bar.word = word(landmark.outcome) + (landmark.turns ? ", turns" : "");
    bars.push_back(std::move(bar));
  }
  return effect_bars(bars,
                     fmt::format("If training had ended earlier: {}, in margins (at most {:g}).",
                                 part->label, kMostMargins),
                     "Step", "in margins", kMostMargins);
}

std::string part_cells(const PartResult& part) {
  const Comparison& whole = part.reading.whole;
  std::string html = fmt::format("<td>{}</td><td>{}</td>", escape(part.label), word(part.finding));
  html += fmt::format("<td class=\"effect\">{}</td>", escape(effect_text(whole, part.unit)));
  html += number_cell(fmt::format("{:.2f}", whole.superiority.probability));
  html += number_cell(four_digits(part.p_holm));
  html += number_cell(whole.standardized ? signed_digits(*whole.standardized) : "");
  html += number_cell(whole.detectable ? four_digits(*whole.detectable) : "");
  html += number_cell(four_digits(part.margin));
  std::string controls;
  for (const ControlResult& control : part.controls) {
    controls +=
        fmt::format("{}{}: {}, {}", controls.empty() ? "" : "; ", escape(control.name),
                    escape(effect_text(control.reading.whole, part.unit)), word(control.effect));
  }
  return html + fmt::format("<td>{}</td>", controls.empty() ? "&ndash;" : controls);
}

std::string definition_rows(const Verdict& verdict) {
  const std::size_t lines = std::max<std::size_t>(verdict.parts.size(), 1);
  std::string html = "<tbody>\n";
  for (std::size_t i = 0; i < lines; ++i) {
    html += "<tr>";
    if (i == 0) {
      html += fmt::format(
          "<th scope=\"rowgroup\" rowspan=\"{}\">{}<br><code>{}</code></th>"
          "<td class=\"finding {}\" rowspan=\"{}\">{}</td>",
          lines, breakable(verdict.definition), breakable(verdict.metric),
          style_of(verdict.as_defined), lines, plain_word(verdict.as_defined));
    }
    html +=
        i < verdict.parts.size() ? part_cells(verdict.parts[i]) : "<td colspan=\"9\">&ndash;</td>";
    html += "</tr>\n";
  }
  return html + "</tbody>\n";
}

std::string numbers_table(const ReportClaim& claim) {
  std::string inside =
      "<thead><tr><th scope=\"col\">Definition</th><th scope=\"col\">Comes to</th>"
      "<th scope=\"col\">Comparison</th><th scope=\"col\">Part</th>"
      "<th scope=\"col\">Mean, 95% interval</th><th scope=\"col\" class=\"number\">P(A&gt;B)</th>"
      "<th scope=\"col\" class=\"number\">p (Holm)</th><th scope=\"col\" class=\"number\">d</th>"
      "<th scope=\"col\" class=\"number\">Detectable</th><th scope=\"col\" class=\"number\">Margin"
      "</th><th scope=\"col\">With controls</th></tr></thead>\n";
  for (const CheckedVerdict& each : claim.definitions) inside += definition_rows(each.verdict);
  return fmt::format("<details>\n<summary>All numbers of {}</summary>\n{}</details>\n",
                     escape(claim.verdict().id),
                     table("numbers", "All numbers of " + escape(claim.verdict().id), inside));
}

/// How the verdicts differ from golden's, and why they could not be decided.
std::string remarks(const ReportClaim& claim) {
  std::string html;
  for (const CheckedVerdict& each : claim.definitions) {
    const std::string name = escape(each.verdict.definition);
    if (!each.expected) {
      html += fmt::format("<li class=\"alarm\">{}: golden has no verdict</li>\n", name);
    }
    for (const std::string& difference : each.differences) {
      html += fmt::format("<li class=\"alarm\">{}: differs from golden: {}</li>\n", name,
                          escape(difference));
    }
    for (const std::string& note : each.verdict.notes) {
      html += fmt::format("<li>{}: {}</li>\n", name, escape(note));
    }
  }
  return html.empty() ? "" : "<ul>\n" + html + "</ul>\n";
}

std::string figure_links(const ReportData& data, const std::string& experiment) {
  std::string html;
  for (std::size_t i = 0; i < data.figures.size(); ++i) {
    if (data.figures[i].experiment != experiment || !data.figures[i].is_headline) continue;
    html += fmt::format("<p><a href=\"#{}\">{}</a> shows what it is about.</p>\n", figure_anchor(i),
                        escape(data.figures[i].heading));
  }
  return html;
}

std::string claim_section(const ReportData& data, const ReportClaim& claim) {
  const Verdict& verdict = claim.verdict();
  std::string html = fmt::format(
      "<section class=\"claim\" id=\"{}\">\n<h3>{} {}</h3>\n<p><q>{}</q> ({})</p>\n"
      "<p class=\"scope\">{}.</p>\n",
      claim_anchor(verdict.id), escape(verdict.id), word_badge(verdict.outcome),
      escape(verdict.sentence), escape(claim.claim.source),
      escape(verdict.scope.empty() ? "not checked" : verdict.scope));
  html += remarks(claim) + comparison(claim) + figure_links(data, verdict.experiment);
  html += parts_plot(verdict) + definitions_plot(claim) + training_plot(verdict);
  return html + numbers_table(claim) + "</section>\n";
}

}  // namespace

std::string claim_anchor(const std::string& id) { return "claim-" + anchor(id); }

std::string claims_section(const ReportData& data) {
  std::string html = "<section id=\"claims\">\n<h2>Claims</h2>\n";
  for (const ReportClaim& claim : data.claims) html += claim_section(data, claim);
  html += "<h3>What the words mean</h3>\n<dl>\n";
  for (const Meaning& meaning : kMeanings) {
    html += fmt::format("<dt>{}</dt><dd>{}</dd>\n", word_badge(meaning.outcome), meaning.text);
  }
  return html + "</dl>\n</section>\n";
}

}  // namespace harness
