#include "harness/claims/evidence.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "harness/claims/power.hpp"
#include "libnorm/core/error.hpp"

namespace harness {
namespace {

using libnorm::DataError;

/// What one claim is judged from under a definition, and what was found missing.
struct EvidenceCache {
  const Claim& claim;
  const Definition& definition;
  const Evidence& evidence;
  Moment moment = std::nullopt;
  std::vector<std::string> notes = {};
  std::set<const RunResult*> used = {};

  void note(const std::string& text) {
    if (std::find(notes.begin(), notes.end(), text) == notes.end()) notes.push_back(text);
  }
};

/// The metric at one site for each seed. If a result cannot give it, this notes so and returns 0
/// for it, so that one pass finds everything that is missing.
std::vector<double> values_of(const Site& site, EvidenceCache& cache) {
  const auto& seeds = cache.evidence.seeds;
  const Metric& metric = cache.definition.metric;
  std::vector<double> values(seeds.size(), 0.0);
  const auto results = cache.evidence.arms.find(site.arm);
  if (results == cache.evidence.arms.end()) {
    cache.note(site.arm + ": no results");
    return values;
  }
  for (std::size_t i = 0; i < values.size(); ++i) {
    const std::string name = site.arm + " seed " + std::to_string(seeds[i]);
    const auto result = results->second.find(seeds[i]);
    if (result == results->second.end()) {
      cache.note(name + ": missing");
      continue;
    }
    cache.used.insert(result->second);
    if (result->second->diverged_at >= 0) {
      cache.note(name + ": diverged at step " + std::to_string(result->second->diverged_at));
      continue;
    }
    try {
      values[i] = metric.value(*result->second, site.layer, cache.moment);
    } catch (const DataError& error) {
      cache.note(name + ": " + error.what());
    }
    if (!std::isfinite(values[i])) cache.note(name + ": " + metric.text() + " is not finite");
  }
  return values;
}

using Choose = const double& (*)(const double&, const double&);

/// For each seed the lowest or the highest of several sites.
std::vector<double> chosen(const std::vector<std::vector<double>>& sites, Choose choose) {
  std::vector<double> values = sites.front();
  for (const auto& other : sites) {
    for (std::size_t i = 0; i < values.size(); ++i) values[i] = choose(values[i], other[i]);
  }
  return values;
}

std::vector<double> less(std::vector<double> a, const std::vector<double>& b) {
  for (std::size_t i = 0; i < a.size(); ++i) a[i] -= b[i];
  return a;
}

/// Paired differences of a part: of the whole, and of each term.
struct Differences {
  std::vector<double> whole;
  std::vector<std::vector<double>> terms;
};

Differences differences_of(const Part& part, EvidenceCache& cache) {
  const auto read = [&](const std::vector<Site>& sites) {
    std::vector<std::vector<double>> values;
    for (const Site& site : sites) values.push_back(values_of(site, cache));
    return values;
  };
  const auto a = read(part.a), b = read(part.b);
  Differences d{less(chosen(a, std::min<double>), chosen(b, std::max<double>)), {}};
  for (const auto& x : a) {
    for (const auto& y : b) d.terms.push_back(less(x, y));
  }
  if (d.terms.size() == 1) d.terms.clear();
  return d;
}

Part with_arm(Part part, const std::function<void(std::string&)>& replace) {
  for (auto* side : {&part.a, &part.b}) {
    for (Site& site : *side) replace(site.arm);
  }
  return part;
}

bool has_arm(const Part& part, const std::string& arm) {
  bool has = false;
  with_arm(part, [&](std::string& name) { has |= name == arm; });
  return has;
}

/// Against `beside`, if the definition has it.
Differences compared_differences(const Part& part, EvidenceCache& cache) {
  Differences d = differences_of(part, cache);
  const std::string& beside = cache.definition.beside;
  if (beside.empty()) return d;
  const Differences other =
      differences_of(with_arm(part, [&](std::string& arm) { arm = beside; }), cache);
  d.whole = less(d.whole, other.whole);
  for (std::size_t i = 0; i < d.terms.size(); ++i) d.terms[i] = less(d.terms[i], other.terms[i]);
  return d;
}

std::optional<double> detectable(const std::vector<double>& d, const Part& part,
                                 EvidenceCache& cache) {
  const double family = double(cache.evidence.family);
  const double count = part.relation == Relation::larger ? 1 : double(count_terms(cache.claim));
  const double sd = standard_deviation(d);
  if (!(sd > 0)) return std::nullopt;
  const double margin = cache.definition.margin.size;
  const auto found = detectable_difference(
      {part.relation, Index(d.size()), kAlpha / (family * count), margin / sd});
  if (!found) return std::nullopt;
  return *found * sd;
}

Comparison compare(const std::vector<double>& d, const Part& part, EvidenceCache& cache) {
  const double margin = cache.definition.margin.size;
  Comparison numbers;
  numbers.effect = mean(d);
  numbers.superiority = superiority(d);
  numbers.p_negligible = equivalence_p(d, margin);
  switch (part.relation) {
    case Relation::larger:
      numbers.p_claimed = sign_flip_p(d, Direction::greater);
      numbers.p_opposite = sign_flip_p(d, Direction::less);
      break;
    case Relation::equivalent:
      numbers.p_claimed = numbers.p_negligible;
      numbers.p_opposite = beyond_p(d, margin);
      break;
    case Relation::not_less: {
      std::vector<double> above = d;
      for (double& x : above) x += margin;
      numbers.p_claimed = sign_flip_p(above, Direction::greater);
      numbers.p_opposite = sign_flip_p(above, Direction::less);
    }
  }
  if (d.size() < 2) return numbers;
  numbers.interval = mean_interval(d);
  // Nobody asks at a landmark, and simulations take their time.
  if (!cache.moment) numbers.detectable = detectable(d, part, cache);
  if (d.size() < 3) return numbers;
  try {
    numbers.standardized = standardized_effect(d);
  } catch (const libnorm::ValueError&) {
    // The differences do not vary, so the effect has no unit to be measured in. An empty field
    // means an undefined number.
  }
  return numbers;
}

/// Only if nothing is missing.
Reading read(const Part& part, EvidenceCache& cache) {
  const Differences d = compared_differences(part, cache);
  if (!cache.notes.empty()) return {};
  Reading reading{compare(d.whole, part, cache), {}};
  for (const auto& term : d.terms) reading.terms.push_back(compare(term, part, cache));
  return reading;
}

std::string label_of(const Site& site) {
  return site.layer ? fmt::format("{} layer {}", site.arm, *site.layer) : site.arm;
}

std::string label_of(const std::vector<Site>& sites, const char* choice) {
  if (sites.size() == 1) return label_of(sites.front());
  std::string text;
  for (const Site& site : sites) text += (text.empty() ? "" : ", ") + label_of(site);
  return fmt::format("{}({})", choice, text);
}

std::string label_of(const Part& part, const std::string& beside) {
  const char* relation = part.relation == Relation::equivalent ? " ~ "
                         : part.relation == Relation::not_less ? " not below "
                                                               : " - ";
  const std::string text = label_of(part.a, "min") + relation + label_of(part.b, "max");
  return beside.empty() ? text : text + ", less " + beside + "'s";
}

std::vector<PartResult> read_parts(EvidenceCache& cache) {
  const Claim& claim = cache.claim;
  const Definition& definition = cache.definition;
  std::vector<PartResult> parts;
  for (const Part& part : claim.parts) {
    PartResult result;
    result.label = label_of(part, definition.beside);
    for (const Site& a : part.a) {
      for (const Site& b : part.b) {
        if (count_terms(part) > 1) {
          result.terms.push_back(label_of({part.relation, {a}, {b}}, definition.beside));
        }
      }
    }
    result.unit = definition.margin.unit;
    result.margin = definition.margin.size;
    result.why = definition.margin.why;
    result.reading = read(part, cache);
    for (const Control& control : claim.controls) {
      if (!has_arm(part, control.arm)) continue;
      const Part other = with_arm(part, [&](std::string& arm) {
        if (arm == control.arm) arm = control.stand_in;
      });
      result.controls.push_back(
          {control.stand_in + " for " + control.arm, read(other, cache), Effect::open});
    }
    parts.push_back(std::move(result));
  }
  return parts;
}

/// Adds which runs were used and what made them.
void add_evidence(Verdict& verdict, const EvidenceCache& cache) {
  std::set<std::string> environments;
  for (const auto& [arm, results] : cache.evidence.arms) {
    for (const auto& [seed, result] : results) {
      if (cache.used.count(result) == 0) continue;
      verdict.runs.push_back(arm + "/" + std::to_string(seed) + " " +
                             result->weights_sha256.substr(0, 12));
      const Environment& e = result->environment;
      environments.insert(e.version + ", " + e.numerics + ", " + e.compiler + ", " + e.flags +
                          ", " + (e.device == "cpu" ? e.cpu + ", " + e.isa : e.device));
    }
  }
  verdict.environments.assign(environments.begin(), environments.end());
}

/// The settings of the runs that were used. Several data sets are noted, since they must not be
/// averaged.
std::string regime_of(EvidenceCache& cache) {
  std::set<std::string> data, lengths;
  std::string profile;
  for (const RunResult* result : cache.used) {
    profile = result->profile;
    if (!result->data.empty()) data.insert(result->data);
    std::string length = std::to_string(result->steps) + " steps";
    if (!result->epochs.empty()) {
      length = std::to_string(result->epochs.begin()->second.size()) + " epochs, " + length;
    }
    // A diverged run stopped early, and is noted as diverged.
    if (result->diverged_at < 0) lengths.insert(length);
  }
  if (cache.used.empty()) return "";
  const auto all_of = [](const std::set<std::string>& items) {
    std::string text;
    for (const std::string& item : items) text += (text.empty() ? "" : " / ") + item;
    return text;
  };
  if (data.size() > 1) cache.note("runs on several data sets: " + all_of(data));
  const std::size_t n = cache.evidence.seeds.size();
  const std::string seeds = std::to_string(n) + (n == 1 ? " seed" : " seeds");
  // Results that are not this harness's say nothing of their training.
  if (profile.empty()) return all_of(data) + ", " + seeds;
  return "profile " + profile + ": " + (data.empty() ? cache.claim.task : all_of(data)) + ", " +
         all_of(lengths) + ", " + seeds;
}

}  // namespace

ResultsOfArms index_results(const std::vector<RunResult>& results, const std::string& task) {
  ResultsOfArms arms;
  const RunResult* first = nullptr;
  for (const RunResult& result : results) {
    if (result.task != task) continue;
    if (first == nullptr) first = &result;
    if (result.profile != first->profile) {
      throw DataError("judge: results of two profiles (" + first->profile + ", " + result.profile +
                      "); need one");
    }
    if (!arms[result.arm].emplace(result.seed, &result).second) {
      throw DataError("judge: two results of one run (" + result.arm + " seed " +
                      std::to_string(result.seed) + "); need one");
    }
  }
  return arms;
}

Verdict gather_evidence(const Claim& claim, const Definition& definition,
                        const Evidence& evidence) {
  EvidenceCache cache{claim, definition, evidence};
  if (evidence.seeds.empty()) cache.note("no seeds");
  Verdict verdict;
  verdict.id = claim.id;
  verdict.experiment = claim.experiment;
  verdict.definition = definition.name;
  verdict.sentence = claim.sentence;
  verdict.published = &definition == &claim.definitions.front();
  verdict.metric = definition.metric.text();
  verdict.axis = definition.axis;
  verdict.source = definition.source;
  verdict.claim_sha256 = claim.sha256;
  verdict.seeds = evidence.seeds;
  verdict.family = static_cast<int>(evidence.family);
  verdict.parts = read_parts(cache);
  verdict.regime = regime_of(cache);
  verdict.notes = cache.notes;
  // Without this, the numbers of the parts that could be computed would look like a result.
  if (!verdict.notes.empty()) verdict.parts.clear();
  add_evidence(verdict, cache);
  return verdict;
}

std::vector<PartResult> gather_landmark(const Claim& claim, const Definition& definition,
                                        const Evidence& evidence, std::int64_t step) {
  EvidenceCache cache{claim, definition, evidence, step};
  std::vector<PartResult> parts = read_parts(cache);
  if (!cache.notes.empty()) {
    throw DataError(fmt::format("step {}: {}", step, fmt::join(cache.notes, "; ")));
  }
  return parts;
}

std::int64_t steps_of(const Evidence& evidence) {
  std::int64_t steps = 0;
  for (const auto& [arm, results] : evidence.arms) {
    for (const auto& [seed, result] : results) steps = std::max(steps, result->steps);
  }
  return steps;
}

std::vector<std::int64_t> landmark_steps(const Claim& claim, const Evidence& evidence) {
  if (!claim.landmarks.epochs) return claim.landmarks.steps;
  std::size_t count = 0;
  for (const auto& [arm, results] : evidence.arms) {
    for (const auto& [seed, result] : results) {
      for (const auto& [name, values] : result->epochs) count = std::max(count, values.size());
    }
  }
  if (count == 0) throw DataError("no epochs in the results; need each epoch's numbers");
  std::vector<std::int64_t> steps;
  for (std::size_t e = 1; e <= count; ++e) {
    steps.push_back(steps_of(evidence) * std::int64_t(e) / std::int64_t(count));
  }
  return steps;
}

}  // namespace harness
