#include <array>
#include <nlohmann/json.hpp>
#include <utility>

#include "harness/claims/verdict.hpp"
#include "libnorm/core/error.hpp"

namespace harness {
namespace {

using libnorm::DataError;
using nlohmann::json;

json to_json(const Interval& interval) { return {interval.low, interval.high}; }

Interval interval_from_json(const json& j) {
  return {j.at(0).get<double>(), j.at(1).get<double>()};
}

json to_json(const std::optional<Interval>& interval) {
  return interval ? to_json(*interval) : json();
}

std::optional<Interval> optional_interval(const json& j) {
  if (j.is_null()) return std::nullopt;
  return interval_from_json(j);
}

json to_json(const std::optional<double>& value) { return value ? json(*value) : json(); }

std::optional<double> optional_number(const json& j) {
  if (j.is_null()) return std::nullopt;
  return j.get<double>();
}

json to_json(const Comparison& c) {
  return {{"effect", c.effect},
          {"interval", to_json(c.interval)},
          {"standardized", to_json(c.standardized)},
          {"superiority", c.superiority.probability},
          {"superiority_interval", to_json(c.superiority.interval)},
          {"p_claimed", c.p_claimed},
          {"p_opposite", c.p_opposite},
          {"p_negligible", c.p_negligible},
          {"detectable", to_json(c.detectable)}};
}

Comparison comparison_from_json(const json& j) {
  Comparison c;
  j.at("effect").get_to(c.effect);
  c.interval = optional_interval(j.at("interval"));
  c.standardized = optional_number(j.at("standardized"));
  j.at("superiority").get_to(c.superiority.probability);
  c.superiority.interval = interval_from_json(j.at("superiority_interval"));
  j.at("p_claimed").get_to(c.p_claimed);
  j.at("p_opposite").get_to(c.p_opposite);
  j.at("p_negligible").get_to(c.p_negligible);
  c.detectable = optional_number(j.at("detectable"));
  return c;
}

json to_json(const Reading& reading) {
  json terms = json::array();
  for (const Comparison& term : reading.terms) terms.push_back(to_json(term));
  json j = to_json(reading.whole);
  j["terms"] = std::move(terms);
  return j;
}

Reading reading_from_json(const json& j) {
  Reading reading{comparison_from_json(j), {}};
  for (const json& term : j.at("terms")) reading.terms.push_back(comparison_from_json(term));
  return reading;
}

template <class T>
T one_of(const json& j, std::initializer_list<T> values) {
  const auto text = j.get<std::string>();
  for (const T value : values) {
    if (word(value) == text) return value;
  }
  throw DataError("verdict: unknown word (" + text + "); need one that this version writes");
}

json to_json(const PartResult& part) {
  json controls = json::array();
  for (const ControlResult& control : part.controls) {
    controls.push_back({{"name", control.name},
                        {"numbers", to_json(control.reading)},
                        {"effect", word(control.effect)}});
  }
  return {{"label", part.label},
          {"terms", part.terms},
          {"unit", part.unit},
          {"margin", part.margin},
          {"why", part.why},
          {"finding", word(part.finding)},
          {"numbers", to_json(part.reading)},
          {"p_holm", part.p_holm},
          {"controls", std::move(controls)}};
}

PartResult part_from_json(const json& j) {
  PartResult part;
  j.at("label").get_to(part.label);
  j.at("terms").get_to(part.terms);
  j.at("unit").get_to(part.unit);
  j.at("margin").get_to(part.margin);
  j.at("why").get_to(part.why);
  part.finding = one_of(j.at("finding"),
                        {Finding::holds, Finding::opposite, Finding::too_small, Finding::open});
  part.reading = reading_from_json(j.at("numbers"));
  j.at("p_holm").get_to(part.p_holm);
  for (const json& control : j.at("controls")) {
    part.controls.push_back(
        {control.at("name").get<std::string>(), reading_from_json(control.at("numbers")),
         one_of(control.at("effect"), {Effect::keeps, Effect::flips, Effect::open})});
  }
  return part;
}

/// Of a landmark's parts only the effect and its interval.
json to_json(const LandmarkResult& landmark) {
  json parts = json::array();
  for (const Reading& reading : landmark.parts) {
    parts.push_back(
        {{"effect", reading.whole.effect}, {"interval", to_json(reading.whole.interval)}});
  }
  return {{"step", landmark.step},
          {"outcome", word(landmark.outcome)},
          {"turns", landmark.turns},
          {"parts", std::move(parts)}};
}

LandmarkResult landmark_from_json(const json& j) {
  LandmarkResult landmark;
  j.at("step").get_to(landmark.step);
  landmark.outcome = outcome_of(j.at("outcome").get<std::string>());
  j.at("turns").get_to(landmark.turns);
  for (const json& part : j.at("parts")) {
    Reading reading;
    part.at("effect").get_to(reading.whole.effect);
    reading.whole.interval = optional_interval(part.at("interval"));
    landmark.parts.push_back(std::move(reading));
  }
  return landmark;
}

/// The members that are texts, by name.
constexpr std::pair<const char*, std::string Verdict::*> kTexts[] = {
    {"id", &Verdict::id},
    {"experiment", &Verdict::experiment},
    {"definition", &Verdict::definition},
    {"sentence", &Verdict::sentence},
    {"metric", &Verdict::metric},
    {"axis", &Verdict::axis},
    {"source", &Verdict::source},
    {"claim_sha256", &Verdict::claim_sha256},
    {"regime", &Verdict::regime},
    {"scope", &Verdict::scope}};

}  // namespace

void to_json(json& j, const Verdict& verdict) {
  json parts = json::array(), landmarks = json::array();
  for (const PartResult& part : verdict.parts) parts.push_back(to_json(part));
  for (const LandmarkResult& landmark : verdict.landmarks) landmarks.push_back(to_json(landmark));
  j = {{"published", verdict.published},
       {"seeds", verdict.seeds},
       {"family", verdict.family},
       {"outcome", word(verdict.outcome)},
       {"as_defined", word(verdict.as_defined)},
       {"p", verdict.p},
       {"p_holm", verdict.p_holm},
       {"parts", std::move(parts)},
       {"landmarks", std::move(landmarks)},
       {"notes", verdict.notes},
       {"runs", verdict.runs},
       {"environments", verdict.environments}};
  for (const auto& [name, member] : kTexts) j[name] = verdict.*member;
}

void from_json(const json& j, Verdict& verdict) {
  try {
    Verdict read;
    for (const auto& [name, member] : kTexts) j.at(name).get_to(read.*member);
    j.at("published").get_to(read.published);
    j.at("seeds").get_to(read.seeds);
    j.at("family").get_to(read.family);
    read.outcome = outcome_of(j.at("outcome").get<std::string>());
    read.as_defined = outcome_of(j.at("as_defined").get<std::string>());
    j.at("p").get_to(read.p);
    j.at("p_holm").get_to(read.p_holm);
    for (const json& part : j.at("parts")) read.parts.push_back(part_from_json(part));
    for (const json& landmark : j.at("landmarks")) {
      read.landmarks.push_back(landmark_from_json(landmark));
    }
    j.at("notes").get_to(read.notes);
    j.at("runs").get_to(read.runs);
    j.at("environments").get_to(read.environments);
    verdict = std::move(read);
  } catch (const json::exception& error) {
    throw DataError(std::string("verdict: a stored verdict cannot be read (") + error.what() +
                    "); need every field, of its type; `norm-harness bless --rejudge` writes "
                    "golden's anew");
  }
}

}  // namespace harness
