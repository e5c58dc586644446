#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "harness/claims/scope.hpp"
#include "harness/report/html.hpp"
#include "harness/report/page_parts.hpp"

namespace harness {
namespace {

constexpr Outcome kOutcomes[] = {Outcome::supported,    Outcome::contradicted,
                                 Outcome::negligible,   Outcome::fragile,
                                 Outcome::inconclusive, Outcome::could_not_check};

/// `a`, `a and b`, `a, b and c`.
std::string enumeration(const std::vector<std::string>& items) {
  std::string text;
  for (std::size_t i = 0; i < items.size(); ++i) {
    if (i > 0) text += i + 1 == items.size() ? " and " : ", ";
    text += items[i];
  }
  return text;
}

std::string be(std::size_t count) { return count == 1 ? "is" : "are"; }

/// `5 hold, 5 fail and 1 is too small`.
std::string as_published(const std::vector<ReportClaim>& claims) {
  std::vector<std::string> items;
  for (const Outcome outcome : kOutcomes) {
    const auto count = std::size_t(std::ranges::count_if(
        claims, [&](const ReportClaim& claim) { return claim.verdict().as_defined == outcome; }));
    if (count == 0) continue;
    std::string words = plain_word(outcome);  // holds, fails, or what something is
    const bool is_verb = words.ends_with('s') && outcome != Outcome::could_not_check;
    if (is_verb && count > 1) words.pop_back();
    items.push_back(is_verb ? fmt::format("{} {}", count, words)
                            : fmt::format("{} {} {}", count, be(count), words));
  }
  return enumeration(items);
}

bool is_opposite(Outcome x, Outcome y) {
  return (x == Outcome::supported && y == Outcome::contradicted) ||
         (x == Outcome::contradicted && y == Outcome::supported);
}

bool turns_by_definition(const ReportClaim& claim) {
  return std::ranges::any_of(claim.definitions, [&](const CheckedVerdict& other) {
    return is_opposite(claim.verdict().as_defined, other.verdict.as_defined);
  });
}

bool turns_in_training(const ReportClaim& claim) {
  return std::ranges::any_of(claim.verdict().landmarks, &LandmarkResult::turns);
}

/// What controls do to the parts that carry the verdict, by the control's name.
std::vector<std::pair<std::string, Effect>> control_effects(const Verdict& verdict) {
  std::vector<std::pair<std::string, Effect>> effects;
  for (const PartResult& part : verdict.parts) {
    const bool carries =
        verdict.as_defined != Outcome::contradicted || part.finding == Finding::opposite;
    if (!carries) continue;
    for (const ControlResult& control : part.controls) {
      const auto known =
          std::ranges::find(effects, control.name, &std::pair<std::string, Effect>::first);
      if (known == effects.end()) {
        effects.emplace_back(control.name, control.effect);
      } else if (known->second == Effect::keeps || control.effect == Effect::flips) {
        known->second = control.effect;
      }
    }
  }
  return effects;
}

bool turns_with_control(const ReportClaim& claim) {
  return std::ranges::any_of(control_effects(claim.verdict()),
                             [](const auto& each) { return each.second == Effect::flips; });
}

std::string claim_link(const ReportClaim& claim) {
  return fmt::format("<a href=\"#{}\">{}</a>", claim_anchor(claim.verdict().id),
                     escape(claim.verdict().id));
}

/// Of the claims with this verdict: each with the numbers that decide.
std::string named(const std::vector<ReportClaim>& claims, Outcome outcome) {
  std::vector<std::string> items;
  for (const ReportClaim& claim : claims) {
    const Verdict& verdict = claim.verdict();
    const PartResult* part = deciding_part(verdict);
    if (verdict.outcome != outcome || part == nullptr) continue;
    items.push_back(fmt::format("{} ({}: {})", claim_link(claim), escape(part->label),
                                escape(effect_text(part->reading.whole, part->unit))));
  }
  return enumeration(items);
}

std::string findings(const std::vector<ReportClaim>& claims) {
  std::vector<std::string> words;
  for (const Outcome outcome : kOutcomes) {
    const auto count = std::size_t(std::ranges::count_if(
        claims, [&](const ReportClaim& claim) { return claim.verdict().outcome == outcome; }));
    if (count > 0) words.push_back(fmt::format("{} {} {}", count, be(count), word_badge(outcome)));
  }
  if (words.empty()) return "<p class=\"findings\">There is no claim to judge.</p>\n";
  std::string html =
      fmt::format("<p class=\"findings\">Of {}, {}. Measured as published, {}. ",
                  counted(claims.size(), "claim"), enumeration(words), as_published(claims));
  const auto number_that = [&](bool (*turns)(const ReportClaim&)) {
    const auto count = std::ranges::count_if(claims, turns);
    return count == 0 ? std::string("none") : std::to_string(count);
  };
  html += fmt::format(
      "This reverses under another definition for {} of them, with a control for {}, and at "
      "another point in the second half of training for {}.",
      number_that(turns_by_definition), number_that(turns_with_control),
      number_that(turns_in_training));
  const std::string everywhere = named(claims, Outcome::supported);
  if (!everywhere.empty()) html += " Nothing tested reverses " + everywhere + ".";
  const std::string opposite = named(claims, Outcome::contradicted);
  if (!opposite.empty()) html += " The opposite holds for " + opposite + ".";
  return html + "</p>\n";
}

/// `e1, e2, e3: associative_recall, 4000 steps, 10 seeds`, for claims that have this in common.
std::string regimes(const ReportData& data) {
  std::vector<std::pair<std::string, std::vector<std::string>>> experiments;
  for (const ReportClaim& claim : data.claims) {
    const auto of_task = std::ranges::find(data.results, claim.claim.task, &RunResult::task);
    if (of_task == data.results.end() || claim.verdict().parts.empty()) continue;
    const std::string regime =
        fmt::format("profile {} of {}, {} steps, {}", of_task->profile, of_task->task,
                    of_task->steps, counted(claim.verdict().seeds.size(), "seed"));
    if (experiments.empty() || experiments.back().first != regime)
      experiments.push_back({regime, {}});
    std::vector<std::string>& ids = experiments.back().second;
    const std::string& id = claim.verdict().experiment;
    if (std::ranges::find(ids, id) == ids.end()) ids.push_back(id);
  }
  std::string html;
  for (const auto& [regime, ids] : experiments) {
    html += fmt::format("{}{}: {}", html.empty() ? "" : "; ",
                        escape(fmt::format("{}", fmt::join(ids, ", "))), escape(regime));
  }
  return html.empty() ? "" : html + " (<a href=\"#regime\">data</a>). ";
}

/// What was trained here and what comes from golden, and whether anything differs.
std::string provenance(const ReportData& data) {
  std::size_t matching = 0, differing = 0, unknown = 0;
  for (const ReportClaim& claim : data.claims) {
    for (const CheckedVerdict& checked : claim.definitions) {
      ++(!checked.expected ? unknown : checked.differences.empty() ? matching : differing);
    }
  }
  const std::size_t all = matching + differing + unknown;
  std::string html = fmt::format(
      "<p class=\"provenance\">{}Trained here: {} of {}; {} from golden. {} of {} verdicts, "
      "counting each definition, are as in golden",
      regimes(data), data.made_here, counted(data.results.size(), "run"),
      data.made_here == data.results.size()
          ? "none come"
          : fmt::format("the other {} come", data.results.size() - data.made_here),
      matching, all);
  const auto alarm = [&](std::size_t count, std::string_view what) {
    if (count > 0) html += fmt::format("; <strong class=\"alarm\">{} {}</strong>", count, what);
  };
  alarm(differing, differing == 1 ? "differs from golden" : "differ from golden");
  alarm(unknown, "could not be compared");
  html += ".";
  if (!data.other_bits.empty()) {
    html += fmt::format(
        " <strong class=\"alarm\">{} made here with other bits than golden's: {}{}"
        "</strong>",
        counted(data.other_bits.size(), "result"), escape(data.other_bits.front()),
        data.other_bits.size() > 1 ? " ..." : "");
  }
  return html + "</p>\n";
}

/// A square for each definition, the published one first and larger, and their number by outcome.
std::string definitions_cell(const ReportClaim& claim) {
  std::string squares, counts, names;
  for (const CheckedVerdict& each : claim.definitions) {
    squares += fmt::format("<i class=\"{}{}\"></i>", style_of(each.verdict.as_defined),
                           each.verdict.published ? " published" : "");
  }
  for (const Outcome outcome : kOutcomes) {
    const auto count = std::ranges::count_if(claim.definitions, [&](const CheckedVerdict& each) {
      return each.verdict.as_defined == outcome;
    });
    if (count == 0) continue;
    counts +=
        fmt::format("{}{} {}", counts.empty() ? "" : " &middot; ", plain_word(outcome), count);
  }
  std::vector<std::string> axes;
  for (const CheckedVerdict& each : claim.definitions) {
    const Verdict& v = each.verdict;
    if (v.as_defined == claim.verdict().as_defined || v.axis.empty()) continue;
    if (std::ranges::find(axes, v.axis) == axes.end()) axes.push_back(v.axis);
  }
  return fmt::format(
      "<span class=\"squares\" aria-hidden=\"true\">{}</span> <span class=\"counts\">{}</span>{}",
      squares, counts,
      axes.empty() ? ""
                   : fmt::format("<span class=\"axes\">turns with {}</span>",
                                 escape(fmt::format("{}", fmt::join(axes, ", ")))));
}

std::string controls_cell(const Verdict& verdict) {
  std::string html;
  for (const auto& [name, effect] : control_effects(verdict)) {
    // `none_matched for none`: the column has room for the first word.
    const std::string text = effect == Effect::keeps ? "same" : word(effect);
    html += fmt::format("{}<span{}>{}: {}</span>", html.empty() ? "" : "<br>",
                        effect == Effect::keeps ? "" : " class=\"turn\"",
                        escape(name.substr(0, name.find(' '))), text);
  }
  return html.empty() ? "&ndash;" : html;
}

std::string training_cell(const ReportClaim& claim) {
  const Verdict& verdict = claim.verdict();
  if (verdict.landmarks.empty()) return "end only";
  std::string steps;
  for (const LandmarkResult& landmark : verdict.landmarks) {
    if (landmark.turns) steps += fmt::format("{}{}", steps.empty() ? "" : ", ", landmark.step);
  }
  if (!steps.empty()) return "<span class=\"turn\">turns at step " + steps + "</span>";
  return "no turn";
}

std::string agreement(const CheckedVerdict& checked) {
  if (!checked.expected) return "<br><strong class=\"alarm\">not in golden</strong>";
  if (checked.differences.empty()) return "";
  return fmt::format("<br><strong class=\"alarm\">golden: {}</strong>",
                     word(checked.expected->outcome));
}

std::string matrix_row(const ReportClaim& claim) {
  const Verdict& verdict = claim.verdict();
  const PartResult* part = deciding_part(verdict);
  return fmt::format(
      "<tr><th scope=\"row\">{} <span>{}</span></th><td class=\"verdict\">{}{}</td>"
      "<td class=\"asked\"><span class=\"finding {}\">{}:</span> {}<br>{}</td>"
      "<td class=\"definitions\">{}</td><td class=\"more\">{}</td><td "
      "class=\"more\">{}</td></tr>\n",
      claim_link(claim), escape(verdict.sentence), word_badge(verdict.outcome),
      agreement(claim.definitions.front()), style_of(verdict.as_defined),
      plain_word(verdict.as_defined), part == nullptr ? "" : escape(part->label),
      part == nullptr ? "&ndash;" : escape(effect_text(part->reading.whole, part->unit)),
      definitions_cell(claim), controls_cell(verdict), training_cell(claim));
}

std::string matrix(const std::vector<ReportClaim>& claims) {
  std::string html =
      "<table class=\"matrix\">\n<caption class=\"unseen\">Each claim's verdict, and where it does "
      "not hold</caption>\n<thead><tr><th scope=\"col\">Claim of the paper</th><th "
      "scope=\"col\">Verdict</th><th scope=\"col\">As published</th><th scope=\"col\">In all "
      "definitions</th><th scope=\"col\">With controls</th><th scope=\"col\">Training</th></tr>"
      "</thead>\n<tbody>\n";
  for (const ReportClaim& claim : claims) html += matrix_row(claim);
  return html + "</tbody>\n</table>\n";
}

/// The headline figures, which are further down in full.
std::string thumbnails(const std::vector<ReportFigure>& figures) {
  std::string html;
  for (std::size_t i = 0; i < figures.size(); ++i) {
    if (!figures[i].is_headline) continue;
    html += fmt::format(
        "<a href=\"#{0}\"><svg class=\"thumbnail\" viewBox=\"0 0 672 280\" aria-hidden=\"true\">"
        "<use href=\"#{0}-svg\"/></svg><span>{1}</span></a>\n",
        figure_anchor(i), escape(figures[i].heading.substr(0, figures[i].heading.find(','))));
  }
  return html.empty() ? "" : "<div class=\"thumbnails\">\n" + html + "</div>\n";
}

}  // namespace

std::string first_screen(const ReportData& data) {
  std::string html = "<header>\n<h1>" + escape(data.title) + "</h1>\n";
  html += "<div class=\"found\">\n" + findings(data.claims) + provenance(data) + "</div>\n";
  html += matrix(data.claims);
  html += thumbnails(data.figures);
  return html +
         "<nav aria-label=\"Sections\"><a href=\"#claims\">Claims</a> <a href=\"#figures\">Figures"
         "</a> <a href=\"#regime\">Data and training</a> <a href=\"#caveats\">What to keep in mind"
         "</a> <a href=\"#results\">Every result</a> <a href=\"#environment\">Where it was run</a> "
         "<a href=\"#again\">How to make it again</a></nav>\n</header>\n";
}

}  // namespace harness
