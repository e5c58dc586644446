#include "harness/claims/verdict.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include <fmt/format.h>

#include "libnorm/core/error.hpp"

namespace harness {
namespace {

constexpr std::array<std::pair<Outcome, const char*>, 6> kWords = {{
    {Outcome::supported, "SUPPORTED"},
    {Outcome::contradicted, "CONTRADICTED"},
    {Outcome::negligible, "NEGLIGIBLE"},
    {Outcome::fragile, "FRAGILE"},
    {Outcome::inconclusive, "INCONCLUSIVE"},
    {Outcome::could_not_check, "COULD NOT CHECK"},
}};

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
  void interval(const std::string& name, const std::optional<Interval>& golden,
                const std::optional<Interval>& now) {
    text(name, golden ? "a pair" : "nothing", now ? "a pair" : "nothing");
    if (!golden || !now) return;
    number(name + " low", golden->low, now->low);
    number(name + " high", golden->high, now->high);
  }
  void comparison(const std::string& name, const Comparison& golden, const Comparison& now) {
    number(name + " effect", golden.effect, now.effect);
    interval(name + " interval", golden.interval, now.interval);
    number(name + " standardized", golden.standardized, now.standardized);
    number(name + " P(A>B)", golden.superiority.probability, now.superiority.probability);
    interval(name + " P(A>B)", golden.superiority.interval, now.superiority.interval);
    number(name + " p_claimed", golden.p_claimed, now.p_claimed);
    number(name + " p_opposite", golden.p_opposite, now.p_opposite);
    number(name + " p_negligible", golden.p_negligible, now.p_negligible);
    number(name + " detectable", golden.detectable, now.detectable);
  }
  void reading(const std::string& name, const Reading& golden, const Reading& now) {
    comparison(name, golden.whole, now.whole);
    count(name + " number of terms", golden.terms, now.terms);
    for (std::size_t i = 0; i < std::min(golden.terms.size(), now.terms.size()); ++i) {
      comparison(fmt::format("{} term {}", name, i), golden.terms[i], now.terms[i]);
    }
  }
  template <class T>
  void count(const std::string& name, const std::vector<T>& golden, const std::vector<T>& now) {
    text(name, std::to_string(golden.size()), std::to_string(now.size()));
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
  differ.text(name + " terms", fmt::format("{}", fmt::join(golden.terms, "; ")),
              fmt::format("{}", fmt::join(now.terms, "; ")));
  differ.text(name + " unit", golden.unit, now.unit);
  differ.number(name + " margin", golden.margin, now.margin);
  differ.text(name + " finding", word(golden.finding), word(now.finding));
  differ.reading(name, golden.reading, now.reading);
  differ.number(name + " Holm p", golden.p_holm, now.p_holm);
  differ.count(name + " number of controls", golden.controls, now.controls);
  for (std::size_t i = 0; i < std::min(golden.controls.size(), now.controls.size()); ++i) {
    const ControlResult& control = golden.controls[i];
    const std::string label = name + ", " + control.name;
    differ.text(label + " name", control.name, now.controls[i].name);
    differ.text(label, word(control.effect), word(now.controls[i].effect));
    differ.reading(label, control.reading, now.controls[i].reading);
  }
}

void compare_landmarks(const LandmarkResult& golden, const LandmarkResult& now, Differ& differ) {
  const std::string name = fmt::format("step {}", golden.step);
  differ.text("landmark", name, fmt::format("step {}", now.step));
  differ.text(name + " outcome", word(golden.outcome), word(now.outcome));
  differ.text(name, golden.turns ? "turns" : "stays", now.turns ? "turns" : "stays");
  differ.count(name + " number of parts", golden.parts, now.parts);
  for (std::size_t i = 0; i < std::min(golden.parts.size(), now.parts.size()); ++i) {
    const std::string part = fmt::format("{} part {}", name, i);
    differ.number(part + " effect", golden.parts[i].whole.effect, now.parts[i].whole.effect);
    differ.interval(part + " interval", golden.parts[i].whole.interval,
                    now.parts[i].whole.interval);
  }
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
  throw libnorm::DataError("outcome_of: no such outcome (" + word +
                           "); need SUPPORTED, CONTRADICTED, NEGLIGIBLE, FRAGILE, INCONCLUSIVE or "
                           "COULD NOT CHECK");
}

std::string word(Finding finding) {
  constexpr const char* kFindings[] = {"holds", "opposite", "too small", "open"};
  return kFindings[static_cast<int>(finding)];
}

std::string word(Effect effect) {
  constexpr const char* kEffects[] = {"keeps", "flips", "open"};
  return kEffects[static_cast<int>(effect)];
}

std::vector<std::string> differences(const Verdict& golden, const Verdict& now) {
  const auto name = [](const Verdict& verdict) {
    return verdict.id + " [" + verdict.definition + "]";
  };
  Differ differ(name(golden));
  differ.text("claim", name(golden), name(now));
  differ.text("experiment", golden.experiment, now.experiment);
  differ.text("sentence", golden.sentence, now.sentence);
  differ.text("definition", golden.metric + ", " + golden.source, now.metric + ", " + now.source);
  differ.text("axis", golden.axis, now.axis);
  differ.text("place", golden.published ? "published" : "other",
              now.published ? "published" : "other");
  differ.text("claim file", golden.claim_sha256.substr(0, 12), now.claim_sha256.substr(0, 12));
  differ.text("regime", golden.regime, now.regime);
  differ.text("outcome", word(golden.outcome), word(now.outcome));
  differ.text("outcome as defined", word(golden.as_defined), word(now.as_defined));
  differ.text("scope", golden.scope, now.scope);
  differ.text("seeds", fmt::format("{}", fmt::join(golden.seeds, " ")),
              fmt::format("{}", fmt::join(now.seeds, " ")));
  differ.text("family", std::to_string(golden.family), std::to_string(now.family));
  differ.number("p", golden.p, now.p);
  differ.number("Holm p", golden.p_holm, now.p_holm);
  differ.count("number of parts", golden.parts, now.parts);
  for (std::size_t i = 0; i < std::min(golden.parts.size(), now.parts.size()); ++i) {
    compare_parts(golden.parts[i], now.parts[i], differ);
  }
  differ.count("number of landmarks", golden.landmarks, now.landmarks);
  for (std::size_t i = 0; i < std::min(golden.landmarks.size(), now.landmarks.size()); ++i) {
    compare_landmarks(golden.landmarks[i], now.landmarks[i], differ);
  }
  return differ.take();
}

bool operator==(const Verdict& x, const Verdict& y) { return differences(x, y).empty(); }

}  // namespace harness
