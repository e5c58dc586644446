#include "harness/judge.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>

#include "libnorm/core/error.hpp"

namespace harness {
namespace {

using libnorm::DataError;

constexpr double kAlpha = 0.05;
constexpr double kPower = 0.8;
constexpr double kLeastSuperiority = 0.75;

using RowsOfArms = std::map<std::string, std::map<std::uint64_t, const Row*>>;

RowsOfArms index_rows(const std::vector<Row>& rows) {
  RowsOfArms arms;
  for (const Row& row : rows) {
    if (row.profile != rows.front().profile) {
      throw DataError("judge: rows of two profiles (" + rows.front().profile + ", " + row.profile +
                      "); need one");
    }
    if (!arms[row.arm].emplace(row.seed, &row).second) {
      throw DataError("judge: two rows of one run (" + row.arm + " seed " +
                      std::to_string(row.seed) + "); need one");
    }
  }
  return arms;
}

/// What one claim is judged from, and what was found wanting on the way.
struct Bench {
  const RowsOfArms& arms;
  const std::vector<std::uint64_t>& seeds;
  std::vector<std::string> notes;
  std::set<const Row*> used;

  void note(const std::string& text) {
    if (std::find(notes.begin(), notes.end(), text) == notes.end()) notes.push_back(text);
  }
};

/// The metric of one arm for each seed; where a row cannot give it, a note and 0, so that one pass
/// names everything that is missing.
std::vector<double> values_of(const std::string& arm, const Metric& metric, Bench& bench) {
  std::vector<double> values(bench.seeds.size(), 0.0);
  const auto rows = bench.arms.find(arm);
  if (rows == bench.arms.end()) {
    bench.note(arm + ": no rows");
    return values;
  }
  for (std::size_t i = 0; i < values.size(); ++i) {
    const std::string name = arm + " seed " + std::to_string(bench.seeds[i]);
    const auto row = rows->second.find(bench.seeds[i]);
    if (row == rows->second.end()) {
      bench.note(name + ": missing");
      continue;
    }
    bench.used.insert(row->second);
    if (row->second->diverged_at >= 0) {
      bench.note(name + ": diverged at step " + std::to_string(row->second->diverged_at));
      continue;
    }
    try {
      values[i] = metric.value(*row->second);
    } catch (const DataError& error) {
      bench.note(name + ": " + error.what());
    }
    if (!std::isfinite(values[i])) bench.note(name + ": " + metric.name + " is not finite");
  }
  return values;
}

std::vector<double> paired_differences(const Part& part, Bench& bench) {
  std::vector<double> d = values_of(part.a, part.metric, bench);
  std::vector<double> most = values_of(part.b.front(), part.metric, bench);
  for (std::size_t k = 1; k < part.b.size(); ++k) {
    const std::vector<double> other = values_of(part.b[k], part.metric, bench);
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
  if (part.relation == Relation::larger) {
    numbers.p_claimed = sign_flip_p(d, Direction::greater);
    numbers.p_opposite = sign_flip_p(d, Direction::less);
  } else {
    numbers.p_claimed = numbers.p_negligible;
    numbers.p_opposite = beyond_p(d, part.margin.size);
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
    // The differences do not vary: there is no unit to measure the effect in, and the field is
    // left empty, which is what an undefined one means.
  }
  return numbers;
}

std::string label_of(const Part& part) {
  if (part.relation == Relation::equivalent) return part.a + " ~ " + part.b.front();
  if (part.b.size() == 1) return part.a + " - " + part.b.front();
  std::string others = part.b.front();
  for (std::size_t k = 1; k < part.b.size(); ++k) others += ", " + part.b[k];
  return part.a + " - max(" + others + ")";
}

/// Whether a control gives the other answer: for an equivalence the other side of the margin, for a
/// difference the other sign, or nothing where there was something.
bool is_flipped(const Part& part, const Comparison& published, const Comparison& control) {
  const double margin = part.margin.size;
  if (part.relation == Relation::equivalent) {
    return (std::fabs(published.effect) <= margin) != (std::fabs(control.effect) <= margin);
  }
  return (published.effect > 0) != (control.effect > 0) ||
         (std::fabs(published.effect) >= margin && control.p_negligible <= kAlpha);
}

/// Which runs were looked at, and what they were made with.
void add_evidence(Verdict& verdict, const Bench& bench) {
  std::set<std::string> environments;
  for (const auto& [arm, rows] : bench.arms) {
    for (const auto& [seed, row] : rows) {
      if (bench.used.count(row) == 0) continue;
      verdict.runs.push_back(arm + "/" + std::to_string(seed) + " " +
                             row->weights_sha256.substr(0, 12));
      const Environment& e = row->environment;
      environments.insert(e.version + ", " + e.numerics + ", " + e.compiler + ", " + e.flags +
                          ", " + e.cpu + ", " + e.isa);
    }
  }
  verdict.environments.assign(environments.begin(), environments.end());
}

/// Everything but the outcomes and adjusted p.
Verdict measure(const Claim& claim, std::size_t family, const RowsOfArms& arms,
                const std::vector<std::uint64_t>& seeds) {
  Verdict verdict;
  verdict.id = claim.id;
  verdict.experiment = claim.experiment;
  verdict.protocol = claim.protocol;
  verdict.sentence = claim.sentence;
  verdict.seeds = seeds;
  verdict.family = static_cast<int>(family);
  Bench bench{arms, seeds, {}, {}};
  if (seeds.empty()) bench.note("no seeds");
  for (const Part& part : claim.parts) {
    PartResult result;
    result.label = label_of(part);
    result.metric = part.metric.name;
    result.metric_version = part.metric.version;
    result.unit = part.metric.unit;
    result.margin = part.margin.size;
    result.why = part.margin.why;
    const std::vector<double> d = paired_differences(part, bench);
    if (bench.notes.empty()) result.numbers = estimate(d, part, family);
    for (const Control& control : part.controls) {
      const std::vector<double> other = paired_differences(with_stand_in(part, control), bench);
      if (!bench.notes.empty()) continue;
      const Comparison numbers = estimate(other, part, family);
      result.controls.push_back({control.stand_in + " for " + control.arm, numbers,
                                 is_flipped(part, result.numbers, numbers)});
    }
    verdict.parts.push_back(std::move(result));
  }
  verdict.notes = bench.notes;
  // Numbers of the parts that could be measured would read as a result.
  if (!verdict.notes.empty()) verdict.parts.clear();
  add_evidence(verdict, bench);
  return verdict;
}

/// The three questions, each a family of its own, with one p per claim.
struct Families {
  std::vector<double> claimed, opposite, negligible;
};

double adjusted(std::vector<double> family, std::size_t place, double p) {
  family[place] = std::min(1.0, p);
  return holm(family)[place];
}

Families families_of(const std::vector<Claim>& claims, const std::vector<Verdict>& verdicts) {
  const std::vector<double> undecided(claims.size(), 1.0);
  Families families{undecided, undecided, undecided};
  for (std::size_t c = 0; c < claims.size(); ++c) {
    if (!verdicts[c].notes.empty()) continue;
    const double count = static_cast<double>(claims[c].parts.size());
    families.claimed[c] = 0;
    for (std::size_t k = 0; k < claims[c].parts.size(); ++k) {
      const Comparison& numbers = verdicts[c].parts[k].numbers;
      families.claimed[c] = std::max(families.claimed[c], numbers.p_claimed);
      families.opposite[c] = std::min(families.opposite[c], count * numbers.p_opposite);
      if (claims[c].parts[k].relation == Relation::larger) {
        families.negligible[c] = std::min(families.negligible[c], count * numbers.p_negligible);
      }
    }
  }
  return families;
}

bool is_larger(const Comparison& numbers, double margin) {
  return numbers.interval && numbers.interval->low > 0 && numbers.effect >= margin &&
         numbers.superiority.probability >= kLeastSuperiority &&
         numbers.superiority.interval.low > 0.5;
}

bool is_smaller(const Comparison& numbers, double margin) {
  return numbers.interval && numbers.interval->high < 0 && numbers.effect <= -margin &&
         numbers.superiority.probability <= 1 - kLeastSuperiority &&
         numbers.superiority.interval.high < 0.5;
}

bool is_beyond(const Comparison& numbers, double margin) {
  return numbers.interval && (numbers.interval->low > margin || numbers.interval->high < -margin);
}

bool has_flip(const PartResult& result) {
  return std::any_of(result.controls.begin(), result.controls.end(),
                     [](const ControlResult& control) { return control.flips; });
}

void decide_part(const Part& part, PartResult& result, std::size_t place, double count,
                 const Families& families) {
  const Comparison& numbers = result.numbers;
  const double claimed = adjusted(families.claimed, place, numbers.p_claimed);
  const double opposite = adjusted(families.opposite, place, count * numbers.p_opposite);
  const double negligible = adjusted(families.negligible, place, count * numbers.p_negligible);
  const bool differs = part.relation == Relation::larger;
  const auto settle = [&](Outcome outcome, double p) {
    result.outcome = outcome;
    result.p_holm = p;
  };
  // A control may explain why an equivalence fails, and the equivalence fails all the same; but
  // an opposite sign that a control turns round is no finding against the paper.
  const bool against = differs ? is_smaller(numbers, result.margin) && !has_flip(result)
                               : is_beyond(numbers, result.margin);
  if (opposite <= kAlpha && against) {
    settle(Outcome::contradicted, opposite);
  } else if (differs && claimed <= kAlpha && is_larger(numbers, result.margin)) {
    settle(Outcome::supported, claimed);
  } else if (!differs && claimed <= kAlpha) {
    settle(Outcome::negligible, claimed);
  } else if (differs && negligible <= kAlpha) {
    settle(Outcome::negligible, negligible);
  } else {
    settle(Outcome::inconclusive, claimed);
  }
}

void decide_claim(const Claim& claim, Verdict& verdict, std::size_t place,
                  const Families& families) {
  bool contradicted = false, holds = true, flipped = false, negligible = false;
  for (std::size_t k = 0; k < claim.parts.size(); ++k) {
    PartResult& result = verdict.parts[k];
    decide_part(claim.parts[k], result, place, static_cast<double>(claim.parts.size()), families);
    const bool differs = claim.parts[k].relation == Relation::larger;
    contradicted |= result.outcome == Outcome::contradicted;
    holds &= result.outcome == (differs ? Outcome::supported : Outcome::negligible);
    negligible |= differs && result.outcome == Outcome::negligible;
    flipped |= has_flip(result);
  }
  const auto settle = [&](Outcome outcome, const std::vector<double>& family) {
    verdict.outcome = outcome;
    verdict.p = family[place];
    verdict.p_holm = holm(family)[place];
  };
  if (contradicted) return settle(Outcome::contradicted, families.opposite);
  if (holds) return settle(flipped ? Outcome::fragile : Outcome::supported, families.claimed);
  if (negligible) return settle(Outcome::negligible, families.negligible);
  settle(Outcome::inconclusive, families.claimed);
}

/// Too few seeds decide nothing: the numbers stay, the words go.
void withhold(Verdict& verdict, std::size_t golden_seeds) {
  const std::size_t n = verdict.seeds.size();
  const double least = verdict.family * std::exp2(-static_cast<double>(n));
  if (least > kAlpha) {
    verdict.notes.push_back(std::to_string(n) + " seeds cannot reach p 0.05 in a family of " +
                            std::to_string(verdict.family));
  }
  if (n < golden_seeds) {
    verdict.notes.push_back(std::to_string(n) + " seeds where golden has " +
                            std::to_string(golden_seeds));
    verdict.outcome = Outcome::inconclusive;
    for (PartResult& part : verdict.parts) part.outcome = Outcome::inconclusive;
  }
}

}  // namespace

std::vector<Verdict> judge(const std::vector<Row>& rows, std::size_t golden_seeds) {
  return judge(claims(), rows, golden_seeds);
}

std::vector<Verdict> judge(const std::vector<Claim>& claims, const std::vector<Row>& rows,
                           std::size_t golden_seeds) {
  const RowsOfArms arms = index_rows(rows);
  std::set<std::uint64_t> distinct;
  for (const Row& row : rows) distinct.insert(row.seed);
  const std::vector<std::uint64_t> seeds(distinct.begin(), distinct.end());
  std::vector<Verdict> verdicts;
  for (const Claim& claim : claims) {
    verdicts.push_back(measure(claim, claims.size(), arms, seeds));
  }
  const Families families = families_of(claims, verdicts);
  for (std::size_t c = 0; c < claims.size(); ++c) {
    if (!verdicts[c].notes.empty()) continue;  // could not check, as it was made
    decide_claim(claims[c], verdicts[c], c, families);
    withhold(verdicts[c], golden_seeds);
  }
  return verdicts;
}

}  // namespace harness
