#include "harness/claims/verdict.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <nlohmann/json.hpp>
#include <utility>

#include "libnorm/core/error.hpp"
#include "libnorm/data/printable.hpp"

namespace harness {
namespace {

using libnorm::DataError;
using nlohmann::json;

constexpr std::array<std::pair<Outcome, const char*>, 6> kWords = {{
    {Outcome::supported, "SUPPORTED"},
    {Outcome::contradicted, "CONTRADICTED"},
    {Outcome::negligible, "NEGLIGIBLE"},
    {Outcome::fragile, "FRAGILE"},
    {Outcome::inconclusive, "INCONCLUSIVE"},
    {Outcome::could_not_check, "COULD NOT CHECK"},
}};

json interval_to_json(const Interval& interval) { return {interval.low, interval.high}; }

Interval interval_from_json(const json& j) {
  return {j.at(0).get<double>(), j.at(1).get<double>()};
}

json optional_to_json(const std::optional<double>& value) { return value ? json(*value) : json(); }

std::optional<double> optional_from_json(const json& j) {
  if (j.is_null()) return std::nullopt;
  return j.get<double>();
}

json comparison_to_json(const Comparison& c) {
  return {{"effect", c.effect},
          {"interval", c.interval ? interval_to_json(*c.interval) : json()},
          {"standardized", optional_to_json(c.standardized)},
          {"superiority", c.superiority.probability},
          {"superiority_interval", interval_to_json(c.superiority.interval)},
          {"p_claimed", c.p_claimed},
          {"p_opposite", c.p_opposite},
          {"p_negligible", c.p_negligible},
          {"detectable", optional_to_json(c.detectable)}};
}

Comparison comparison_from_json(const json& j) {
  Comparison c;
  j.at("effect").get_to(c.effect);
  if (!j.at("interval").is_null()) c.interval = interval_from_json(j.at("interval"));
  c.standardized = optional_from_json(j.at("standardized"));
  j.at("superiority").get_to(c.superiority.probability);
  c.superiority.interval = interval_from_json(j.at("superiority_interval"));
  j.at("p_claimed").get_to(c.p_claimed);
  j.at("p_opposite").get_to(c.p_opposite);
  j.at("p_negligible").get_to(c.p_negligible);
  c.detectable = optional_from_json(j.at("detectable"));
  return c;
}

json part_to_json(const PartResult& part) {
  json controls = json::array();
  for (const ControlResult& control : part.controls) {
    controls.push_back({{"name", control.name},
                        {"numbers", comparison_to_json(control.numbers)},
                        {"flips", control.flips}});
  }
  return {{"label", part.label},
          {"metric", part.metric},
          {"metric_version", part.metric_version},
          {"unit", part.unit},
          {"margin", part.margin},
          {"why", part.why},
          {"outcome", word(part.outcome)},
          {"numbers", comparison_to_json(part.numbers)},
          {"p_holm", part.p_holm},
          {"controls", std::move(controls)}};
}

PartResult part_from_json(const json& j) {
  PartResult part;
  j.at("label").get_to(part.label);
  j.at("metric").get_to(part.metric);
  j.at("metric_version").get_to(part.metric_version);
  j.at("unit").get_to(part.unit);
  j.at("margin").get_to(part.margin);
  j.at("why").get_to(part.why);
  part.outcome = outcome_of(j.at("outcome").get<std::string>());
  part.numbers = comparison_from_json(j.at("numbers"));
  j.at("p_holm").get_to(part.p_holm);
  for (const json& control : j.at("controls")) {
    part.controls.push_back({control.at("name").get<std::string>(),
                             comparison_from_json(control.at("numbers")),
                             control.at("flips").get<bool>()});
  }
  return part;
}

/// Collects the lines of `differences`.
class Differ {
 public:
  explicit Differ(std::string where) : where_(std::move(where)) {}

  void text(const std::string& name, const std::string& golden, const std::string& now) {
    if (golden != now) add(name, golden, now);
  }
  void number(const std::string& name, double golden, double now) {
    const double allowed = 1e-9 + 1e-6 * std::max(std::fabs(golden), std::fabs(now));
    if (!(std::fabs(golden - now) <= allowed)) {
      add(name, fmt::format("{:.9g}", golden), fmt::format("{:.9g}", now));
    }
  }
  void number(const std::string& name, const std::optional<double>& golden,
              const std::optional<double>& now) {
    if (golden && now) return number(name, *golden, *now);
    text(name, golden ? "a number" : "nothing", now ? "a number" : "nothing");
  }
  void interval(const std::string& name, const Interval& golden, const Interval& now) {
    number(name + " low", golden.low, now.low);
    number(name + " high", golden.high, now.high);
  }
  void comparison(const std::string& name, const Comparison& golden, const Comparison& now) {
    number(name + " effect", golden.effect, now.effect);
    text(name + " interval", golden.interval ? "a pair" : "nothing",
         now.interval ? "a pair" : "nothing");
    if (golden.interval && now.interval) {
      interval(name + " interval", *golden.interval, *now.interval);
    }
    number(name + " standardized", golden.standardized, now.standardized);
    number(name + " P(A>B)", golden.superiority.probability, now.superiority.probability);
    interval(name + " P(A>B)", golden.superiority.interval, now.superiority.interval);
    number(name + " p_claimed", golden.p_claimed, now.p_claimed);
    number(name + " p_opposite", golden.p_opposite, now.p_opposite);
    number(name + " p_negligible", golden.p_negligible, now.p_negligible);
    number(name + " detectable", golden.detectable, now.detectable);
  }
  std::vector<std::string> take() { return std::move(lines_); }

 private:
  void add(const std::string& name, const std::string& golden, const std::string& now) {
    lines_.push_back(fmt::format("{}: {} differs (golden {}, now {})", where_, name, golden, now));
  }
  std::string where_;
  std::vector<std::string> lines_;
};

void compare_parts(const PartResult& golden, const PartResult& now, Differ& differ) {
  const std::string& name = golden.label;
  differ.text("part", golden.label, now.label);
  differ.text(name + " metric", fmt::format("{} v{}", golden.metric, golden.metric_version),
              fmt::format("{} v{}", now.metric, now.metric_version));
  differ.text(name + " unit", golden.unit, now.unit);
  differ.number(name + " margin", golden.margin, now.margin);
  differ.text(name + " outcome", word(golden.outcome), word(now.outcome));
  differ.comparison(name, golden.numbers, now.numbers);
  differ.number(name + " Holm p", golden.p_holm, now.p_holm);
  differ.text(name + " number of controls", std::to_string(golden.controls.size()),
              std::to_string(now.controls.size()));
  for (std::size_t i = 0; i < std::min(golden.controls.size(), now.controls.size()); ++i) {
    const ControlResult& control = golden.controls[i];
    const std::string label = name + ", " + control.name;
    differ.text(label + " name", control.name, now.controls[i].name);
    differ.text(label, control.flips ? "flips" : "keeps",
                now.controls[i].flips ? "flips" : "keeps");
    differ.comparison(label, control.numbers, now.controls[i].numbers);
  }
}

std::string spread(const Comparison& c) {
  if (!c.interval) return "[no interval]";
  return fmt::format("[{:+.3g}, {:+.3g}]", c.interval->low, c.interval->high);
}

std::string in_brackets(const std::string& protocol) { return " [" + protocol + "]"; }

std::string part_text(const PartResult& part, bool alone) {
  const Comparison& c = part.numbers;
  std::string text = fmt::format("{} {} = {:+.3g} {} {}, P(A>B) = {:.2f}", part.metric, part.label,
                                 c.effect, spread(c), part.unit, c.superiority.probability);
  if (!alone) text += fmt::format(" ({})", word(part.outcome));
  if (part.outcome == Outcome::inconclusive && c.detectable) {
    text += fmt::format(" (detectable {:.3g}, matters {:.3g})", *c.detectable, part.margin);
  }
  for (const ControlResult& control : part.controls) {
    text += fmt::format(", with {} {:+.3g}{}", control.name, control.numbers.effect,
                        control.flips ? " (flips)" : "");
  }
  return text;
}

std::string joined(const std::vector<std::string>& texts) {
  return fmt::format("{}", fmt::join(texts, "; "));
}

}  // namespace

std::string word(Outcome outcome) {
  for (const auto& [value, text] : kWords) {
    if (value == outcome) return text;
  }
  throw libnorm::ValueError("word: no such outcome (" + std::to_string(static_cast<int>(outcome)) +
                            "); need one of six");
}

Outcome outcome_of(const std::string& word) {
  for (const auto& [value, text] : kWords) {
    if (text == word) return value;
  }
  throw DataError("outcome_of: no such outcome (" + word + "); need SUPPORTED, CONTRADICTED, " +
                  "NEGLIGIBLE, FRAGILE, INCONCLUSIVE or COULD NOT CHECK");
}

std::vector<std::string> differences(const Verdict& golden, const Verdict& now) {
  Differ differ(golden.id + in_brackets(golden.protocol));
  differ.text("claim", golden.id + in_brackets(golden.protocol),
              now.id + in_brackets(now.protocol));
  differ.text("experiment", golden.experiment, now.experiment);
  differ.text("sentence", golden.sentence, now.sentence);
  if (!golden.regime.empty() && !now.regime.empty())
    differ.text("regime", golden.regime, now.regime);
  differ.text("outcome", word(golden.outcome), word(now.outcome));
  differ.text("seeds", fmt::format("{}", fmt::join(golden.seeds, " ")),
              fmt::format("{}", fmt::join(now.seeds, " ")));
  differ.text("family", std::to_string(golden.family), std::to_string(now.family));
  differ.number("p", golden.p, now.p);
  differ.number("Holm p", golden.p_holm, now.p_holm);
  differ.text("number of parts", std::to_string(golden.parts.size()),
              std::to_string(now.parts.size()));
  for (std::size_t i = 0; i < std::min(golden.parts.size(), now.parts.size()); ++i) {
    compare_parts(golden.parts[i], now.parts[i], differ);
  }
  return differ.take();
}

bool operator==(const Verdict& x, const Verdict& y) { return differences(x, y).empty(); }

void to_json(json& j, const Verdict& verdict) {
  json parts = json::array();
  for (const PartResult& part : verdict.parts) parts.push_back(part_to_json(part));
  j = {{"id", verdict.id},
       {"experiment", verdict.experiment},
       {"protocol", verdict.protocol},
       {"sentence", verdict.sentence},
       {"seeds", verdict.seeds},
       {"family", verdict.family},
       {"outcome", word(verdict.outcome)},
       {"p", verdict.p},
       {"p_holm", verdict.p_holm},
       {"parts", std::move(parts)},
       {"notes", verdict.notes},
       {"runs", verdict.runs},
       {"environments", verdict.environments}};
  if (!verdict.regime.empty()) j["regime"] = verdict.regime;
}

void from_json(const json& j, Verdict& verdict) {
  try {
    Verdict read;
    j.at("id").get_to(read.id);
    j.at("experiment").get_to(read.experiment);
    j.at("protocol").get_to(read.protocol);
    j.at("sentence").get_to(read.sentence);
    if (j.contains("regime")) j.at("regime").get_to(read.regime);
    j.at("seeds").get_to(read.seeds);
    j.at("family").get_to(read.family);
    read.outcome = outcome_of(j.at("outcome").get<std::string>());
    j.at("p").get_to(read.p);
    j.at("p_holm").get_to(read.p_holm);
    for (const json& part : j.at("parts")) read.parts.push_back(part_from_json(part));
    j.at("notes").get_to(read.notes);
    j.at("runs").get_to(read.runs);
    j.at("environments").get_to(read.environments);
    verdict = std::move(read);
  } catch (const json::exception& error) {
    throw DataError(std::string("verdict: a stored verdict cannot be read (") + error.what() +
                    "); need every field, of its type");
  }
}

std::string summary(const Verdict& verdict) {
  std::string text =
      verdict.id + in_brackets(verdict.protocol) + " " + word(verdict.outcome) + ": ";
  if (verdict.outcome == Outcome::could_not_check) return text + joined(verdict.notes);
  std::vector<std::string> parts;
  for (const PartResult& part : verdict.parts) {
    parts.push_back(part_text(part, verdict.parts.size() == 1));
  }
  text +=
      fmt::format("{}; p = {:.3g}, n = {}", joined(parts), verdict.p_holm, verdict.seeds.size());
  if (!verdict.regime.empty()) text += "; " + verdict.regime;
  return verdict.notes.empty() ? text : text + "; " + joined(verdict.notes);
}

std::string table(const std::vector<Verdict>& verdicts) {
  constexpr const char* kLine = "{:<54} {:<16} {:>9} {:>20} {:>8} {:>7} {:>4}\n";
  std::string text =
      fmt::format(kLine, "claim", "verdict", "effect", "95% interval", "p", "P(A>B)", "n");
  std::string regime;
  for (const Verdict& verdict : verdicts) {
    if (verdict.regime != regime) {
      regime = verdict.regime;
      text += regime.empty() ? "\n" : "\n" + libnorm::printable(regime) + "\n";
    }
    const bool checked = verdict.outcome != Outcome::could_not_check;
    text += fmt::format(kLine, verdict.id + in_brackets(verdict.protocol), word(verdict.outcome),
                        "", "", checked ? fmt::format("{:.3g}", verdict.p_holm) : "", "",
                        verdict.seeds.size());
    const auto row = [&](const std::string& name, const std::string& outcome, const Comparison& c,
                         const std::string& p) {
      text += fmt::format(kLine, name, outcome, fmt::format("{:+.3g}", c.effect), spread(c), p,
                          fmt::format("{:.2f}", c.superiority.probability), "");
    };
    for (const PartResult& part : verdict.parts) {
      row("  " + part.label, word(part.outcome), part.numbers, fmt::format("{:.3g}", part.p_holm));
      for (const ControlResult& control : part.controls) {
        row("    with " + control.name, control.flips ? "flips" : "keeps", control.numbers, "");
      }
    }
    for (const std::string& note : verdict.notes) {
      text += "  " + libnorm::printable(note) + "\n";
    }
  }
  return text;
}

}  // namespace harness
