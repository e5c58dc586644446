#include <algorithm>
#include <span>

#include <fmt/format.h>

#include "harness/claims/scope.hpp"
#include "harness/claims/verdict.hpp"
#include "libnorm/data/printable.hpp"

namespace harness {
namespace {

using libnorm::printable;

std::string spread(const Comparison& c) {
  if (!c.interval) return "[no interval]";
  return fmt::format("[{:+.3g}, {:+.3g}]", c.interval->low, c.interval->high);
}

std::string name_of(const Verdict& verdict) {
  return printable(verdict.id + " [" + verdict.definition + "]");
}

std::string part_text(const PartResult& part, bool alone) {
  const Comparison& c = part.reading.whole;
  std::string text =
      fmt::format("{} = {:+.3g} {} {}, P(A>B) = {:.2f}", printable(part.label), c.effect, spread(c),
                  printable(part.unit), c.superiority.probability);
  if (!alone) text += fmt::format(" ({})", word(part.finding));
  if (part.finding == Finding::open && c.detectable) {
    text += fmt::format(" (detectable {:.3g}, matters {:.3g})", *c.detectable, part.margin);
  }
  for (const ControlResult& control : part.controls) {
    text += fmt::format(", with {} {:+.3g} ({})", printable(control.name),
                        control.reading.whole.effect, word(control.effect));
  }
  return text;
}

std::string joined(const std::vector<std::string>& texts) {
  return printable(fmt::format("{}", fmt::join(texts, "; ")));
}

constexpr const char* kLine = "{:<64} {:<16} {:>9} {:>20} {:>8} {:>7} {:>4}\n";

std::string number_line(const std::string& name, const std::string& what, const Comparison& c,
                        const std::string& p) {
  return fmt::format(kLine, name, what, fmt::format("{:+.3g}", c.effect), spread(c), p,
                     fmt::format("{:.2f}", c.superiority.probability), "");
}

std::string p_text(double p) { return fmt::format("{:.3g}", p); }

std::string claim_lines(const Verdict& verdict) {
  const bool checked = verdict.outcome != Outcome::could_not_check;
  std::string text = fmt::format(kLine, name_of(verdict), word(verdict.outcome), "", "",
                                 checked ? p_text(verdict.p_holm) : "", "", verdict.seeds.size());
  text += "  " + printable(verdict.scope) + "\n";
  for (const PartResult& part : verdict.parts) {
    text += number_line("  " + printable(part.label), word(part.finding), part.reading.whole,
                        p_text(part.p_holm));
    for (const ControlResult& control : part.controls) {
      text += number_line("    with " + printable(control.name), word(control.effect),
                          control.reading.whole, "");
    }
  }
  return text;
}

/// Another definition: one line, with the numbers of the part that decides it.
std::string definition_line(const Verdict& verdict) {
  const std::string name = "    " + printable(verdict.definition);
  if (verdict.parts.empty()) {
    return fmt::format(kLine, name, plain_word(verdict.as_defined), "", "", "", "", "");
  }
  return number_line(name, plain_word(verdict.as_defined), deciding_part(verdict)->reading.whole,
                     p_text(verdict.p_holm));
}

/// A cell of a Markdown table; text that would end it is replaced.
std::string cell(const std::string& text) {
  std::string safe = printable(text);
  std::ranges::replace(safe, '|', '/');
  return safe;
}

/// ` (turns at step 96, 112)`, or nothing.
std::string turns_text(const Verdict& verdict) {
  std::string steps;
  for (const LandmarkResult& landmark : verdict.landmarks) {
    if (landmark.turns) steps += fmt::format("{}{}", steps.empty() ? "" : ", ", landmark.step);
  }
  return steps.empty() ? "" : fmt::format(" (turns at step {})", steps);
}

/// The published numbers: of the part that decides, and with its controls.
std::string published_cell(const Verdict& verdict) {
  const PartResult* part = deciding_part(verdict);
  if (part == nullptr) return fmt::format("{}", fmt::join(verdict.notes, "; "));
  const Comparison& c = part->reading.whole;
  std::string text = fmt::format("{}: {:+.3g} {} {}", part->label, c.effect, spread(c), part->unit);
  for (const ControlResult& control : part->controls) {
    text += fmt::format("; with {} {:+.3g} {}", control.name, control.reading.whole.effect,
                        spread(control.reading.whole));
  }
  return text;
}

/// Names one after the other; of names that differ in the number behind the last `_` alone, those
/// after the first are the number: `radius_0.1, 0.2`.
class NameList {
 public:
  void add(const std::string& name, const std::string& remark) {
    const std::size_t stem = name.rfind('_') + 1;
    const bool has_number =
        stem > 0 && stem < name.size() && name[stem] >= '0' && name[stem] <= '9';
    const std::string own = has_number ? name.substr(0, stem) : "";
    const bool goes_on = has_number && own == stem_;
    text_ += (text_.empty() ? "" : ", ") + (goes_on ? name.substr(stem) : name) + remark;
    stem_ = own;
    ++count_;
  }
  const std::string& text() const { return text_; }
  std::size_t count() const { return count_; }

 private:
  std::string text_, stem_;
  std::size_t count_ = 0;
};

/// The definitions of one claim, by what they come to; that of the published one first.
std::string definitions_cell(std::span<const Verdict> of_claim) {
  std::vector<Outcome> order{of_claim.front().as_defined};
  for (const Verdict& verdict : of_claim) {
    if (std::ranges::find(order, verdict.as_defined) == order.end()) {
      order.push_back(verdict.as_defined);
    }
  }
  std::string text;
  for (const Outcome outcome : order) {
    NameList names;
    for (const Verdict& verdict : of_claim) {
      if (verdict.as_defined != outcome) continue;
      names.add(verdict.definition, verdict.published ? "" : turns_text(verdict));
    }
    text += fmt::format("**{} in {} of {}:** {}. ", plain_word(outcome), names.count(),
                        of_claim.size(), names.text());
  }
  return text + of_claim.front().conditions;
}

}  // namespace

const PartResult* deciding_part(const Verdict& verdict) {
  const Finding decides = verdict.as_defined == Outcome::contradicted   ? Finding::opposite
                          : verdict.as_defined == Outcome::negligible   ? Finding::too_small
                          : verdict.as_defined == Outcome::inconclusive ? Finding::open
                                                                        : Finding::holds;
  for (const PartResult& part : verdict.parts) {
    if (part.finding == decides) return &part;
  }
  return verdict.parts.empty() ? nullptr : &verdict.parts.front();
}

std::string markdown(const std::vector<Verdict>& verdicts) {
  std::string text, regime;
  const auto end_table = [&] {
    if (!text.empty()) text += "\n*" + cell(regime) + "*\n\n";
  };
  for (auto first = verdicts.begin(); first != verdicts.end();) {
    const auto end =
        std::find_if(first + 1, verdicts.end(), [](const Verdict& v) { return v.published; });
    if (text.empty() || first->regime != regime) {
      end_table();
      regime = first->regime;
      text +=
          "| claim | verdict | as published: mean difference, 95% interval | by definition |\n"
          "|---|---|---|---|\n";
    }
    text += fmt::format("| {}: {} | {} | {} | {} |\n", cell(first->id), cell(first->sentence),
                        word(first->outcome), cell(published_cell(*first)),
                        cell(definitions_cell({first, end})));
    first = end;
  }
  end_table();
  return text;
}

std::string summary(const Verdict& verdict) {
  std::string text = fmt::format("{} {}", name_of(verdict), word(verdict.outcome));
  if (verdict.outcome == Outcome::could_not_check) return text + ": " + joined(verdict.notes);
  text += " (" + printable(verdict.scope) + "): ";
  std::vector<std::string> parts;
  for (const PartResult& part : verdict.parts) {
    parts.push_back(part_text(part, verdict.parts.size() == 1));
  }
  text +=
      fmt::format("{}; p = {:.3g}, n = {}", joined(parts), verdict.p_holm, verdict.seeds.size());
  if (!verdict.regime.empty()) text += "; " + printable(verdict.regime);
  return verdict.notes.empty() ? text : text + "; " + joined(verdict.notes);
}

std::string table(const std::vector<Verdict>& verdicts) {
  std::string text =
      fmt::format(kLine, "claim", "verdict", "effect", "95% interval", "p", "P(A>B)", "n");
  std::string regime;
  for (const Verdict& verdict : verdicts) {
    if (verdict.regime != regime) {
      regime = verdict.regime;
      text += regime.empty() ? "\n" : "\n" + printable(regime) + "\n";
    }
    text += verdict.published ? claim_lines(verdict) : definition_line(verdict);
    for (const std::string& note : verdict.notes) text += "  " + printable(note) + "\n";
  }
  return text;
}

}  // namespace harness
