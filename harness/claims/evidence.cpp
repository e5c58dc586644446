#include "harness/claims/evidence.hpp"

#include <algorithm>
#include <cmath>
#include <set>
#include <utility>

#include "libnorm/core/error.hpp"

namespace harness {
namespace {

using libnorm::DataError;

constexpr double kPower = 0.8;

/// What one claim is judged from, and what was found missing.
struct EvidenceCache {
  const ResultsOfArms& arms;
  const std::vector<std::uint64_t>& seeds;
  std::vector<std::string> notes;
  std::set<const RunResult*> used;

  void note(const std::string& text) {
    if (std::find(notes.begin(), notes.end(), text) == notes.end()) notes.push_back(text);
  }
};

/// The metric of one arm for each seed. If a result cannot give it, this notes so and returns 0 for
/// it, so that one pass finds everything that is missing.
std::vector<double> values_of(const std::string& arm, const Metric& metric, EvidenceCache& cache) {
  std::vector<double> values(cache.seeds.size(), 0.0);
  const auto results = cache.arms.find(arm);
  if (results == cache.arms.end()) {
    cache.note(arm + ": no rows");
    return values;
  }
  for (std::size_t i = 0; i < values.size(); ++i) {
    const std::string name = arm + " seed " + std::to_string(cache.seeds[i]);
    const auto result = results->second.find(cache.seeds[i]);
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
      values[i] = metric.value(*result->second);
    } catch (const DataError& error) {
      cache.note(name + ": " + error.what());
    }
    if (!std::isfinite(values[i])) cache.note(name + ": " + metric.name + " is not finite");
  }
  return values;
}

const Metric& metric_of_b(const Part& part) { return part.b_metric ? *part.b_metric : part.metric; }

std::vector<double> paired_differences(const Part& part, EvidenceCache& cache) {
  const Metric& of_b = metric_of_b(part);
  std::vector<double> d = values_of(part.a, part.metric, cache);
  std::vector<double> most = values_of(part.b.front(), of_b, cache);
  for (std::size_t k = 1; k < part.b.size(); ++k) {
    const std::vector<double> other = values_of(part.b[k], of_b, cache);
    for (std::size_t i = 0; i < most.size(); ++i) most[i] = std::max(most[i], other[i]);
  }
  for (std::size_t i = 0; i < d.size(); ++i) d[i] -= most[i];
  return d;
}

Part with_stand_in(Part part, const Control& control) {
  const auto replace = [&](std::string& arm) {
    if (arm == control.arm) arm = control.stand_in;
  };
  replace(part.a);
  for (std::string& arm : part.b) replace(arm);
  return part;
}

Comparison estimate(const std::vector<double>& d, const Part& part, std::size_t family) {
  Comparison numbers;
  const double n = static_cast<double>(d.size());
  numbers.effect = mean(d);
  numbers.superiority = superiority(d);
  numbers.p_negligible = equivalence_p(d, part.margin.size);
  switch (part.relation) {
    case Relation::larger:
      numbers.p_claimed = sign_flip_p(d, Direction::greater);
      numbers.p_opposite = sign_flip_p(d, Direction::less);
      break;
    case Relation::equivalent:
      numbers.p_claimed = numbers.p_negligible;
      numbers.p_opposite = beyond_p(d, part.margin.size);
      break;
    case Relation::not_less: {
      std::vector<double> above = d;
      for (double& x : above) x += part.margin.size;
      numbers.p_claimed = sign_flip_p(above, Direction::greater);
      numbers.p_opposite = sign_flip_p(above, Direction::less);
    }
  }
  if (d.size() < 2) return numbers;
  numbers.interval = mean_interval(d);
  const double strictest = kAlpha / static_cast<double>(family);
  if (std::exp2(-n) <= strictest) {
    numbers.detectable = detectable_difference(standard_deviation(d), static_cast<Index>(d.size()),
                                               strictest, kPower);
  }
  if (d.size() < 3) return numbers;
  try {
    numbers.standardized = standardized_effect(d);
  } catch (const libnorm::ValueError&) {
    // The differences do not vary, so the effect has no unit to be measured in. An empty field
    // means an undefined number.
  }
  return numbers;
}

std::string label_of(const Part& part) {
  const auto placed = [](const std::string& arm, const Metric& metric) {
    return metric.at.empty() ? arm : arm + " " + metric.at;
  };
  std::string other = placed(part.b.front(), metric_of_b(part));
  for (std::size_t k = 1; k < part.b.size(); ++k) {
    other += ", " + placed(part.b[k], metric_of_b(part));
  }
  if (part.b.size() > 1) other = "max(" + other + ")";
  const char* relation = part.relation == Relation::equivalent ? " ~ "
                         : part.relation == Relation::not_less ? " not below "
                                                               : " - ";
  return placed(part.a, part.metric) + relation + other;
}

/// Whether a control reverses the answer. A difference is reversed by the other sign, or by a
/// negligible effect where there was a real one; other parts by an effect on the other side of the
/// margin.
bool is_flipped(const Part& part, const Comparison& published, const Comparison& control) {
  const double margin = part.margin.size;
  if (part.relation == Relation::equivalent) {
    return (std::fabs(published.effect) <= margin) != (std::fabs(control.effect) <= margin);
  }
  if (part.relation == Relation::not_less) {
    return (published.effect >= -margin) != (control.effect >= -margin);
  }
  return (published.effect > 0) != (control.effect > 0) ||
         (std::fabs(published.effect) >= margin && control.p_negligible <= kAlpha);
}

/// Adds which runs were used and what made them.
void add_evidence(Verdict& verdict, const EvidenceCache& cache) {
  std::set<std::string> environments;
  for (const auto& [arm, results] : cache.arms) {
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
std::string regime_of(EvidenceCache& cache, const std::string& task) {
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
  const std::size_t n = cache.seeds.size();
  return "profile " + profile + ": " + (data.empty() ? task : all_of(data)) + ", " +
         all_of(lengths) + ", " + std::to_string(n) + (n == 1 ? " seed" : " seeds");
}

}  // namespace

ResultsOfArms index_results(const std::vector<RunResult>& results, const std::string& task) {
  ResultsOfArms arms;
  const RunResult* first = nullptr;
  for (const RunResult& result : results) {
    if (result.task != task) continue;
    if (first == nullptr) first = &result;
    if (result.profile != first->profile) {
      throw DataError("judge: rows of two profiles (" + first->profile + ", " + result.profile +
                      "); need one");
    }
    if (!arms[result.arm].emplace(result.seed, &result).second) {
      throw DataError("judge: two rows of one run (" + result.arm + " seed " +
                      std::to_string(result.seed) + "); need one");
    }
  }
  return arms;
}

Verdict gather_evidence(const Claim& claim, std::size_t family, const ResultsOfArms& arms,
                        const std::vector<std::uint64_t>& seeds) {
  Verdict verdict;
  verdict.id = claim.id;
  verdict.experiment = claim.experiment;
  verdict.protocol = claim.protocol;
  verdict.sentence = claim.sentence;
  verdict.seeds = seeds;
  verdict.family = static_cast<int>(family);
  EvidenceCache cache{arms, seeds, {}, {}};
  if (seeds.empty()) cache.note("no seeds");
  for (const Part& part : claim.parts) {
    PartResult result;
    result.label = label_of(part);
    result.metric = part.metric.name;
    result.metric_version = part.metric.version;
    result.unit = part.metric.unit;
    result.margin = part.margin.size;
    result.why = part.margin.why;
    const std::vector<double> d = paired_differences(part, cache);
    if (cache.notes.empty()) result.numbers = estimate(d, part, family);
    for (const Control& control : part.controls) {
      const std::vector<double> other = paired_differences(with_stand_in(part, control), cache);
      if (!cache.notes.empty()) continue;
      const Comparison numbers = estimate(other, part, family);
      result.controls.push_back({control.stand_in + " for " + control.arm, numbers,
                                 is_flipped(part, result.numbers, numbers)});
    }
    verdict.parts.push_back(std::move(result));
  }
  verdict.regime = regime_of(cache, claim.task);
  verdict.notes = cache.notes;
  // Without this, the numbers of the parts that could be computed would look like a result.
  if (!verdict.notes.empty()) verdict.parts.clear();
  add_evidence(verdict, cache);
  return verdict;
}

}  // namespace harness
