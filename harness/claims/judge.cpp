#include "harness/claims/judge.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <set>
#include <string>
#include <utility>

#include "harness/claims/evidence.hpp"
#include "libnorm/core/error.hpp"

namespace harness {
namespace {

constexpr double kLeastSuperiority = 0.75;

/// The three questions. Each is a family of its own, with one p for each claim.
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

bool is_not_less(const Comparison& numbers, double margin) {
  return numbers.interval && numbers.interval->low > -margin;
}

bool is_below(const Comparison& numbers, double margin) {
  return numbers.interval && numbers.interval->high < -margin;
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
  const bool only_falls = part.relation == Relation::not_less;
  const auto settle = [&](Outcome outcome, double p) {
    result.outcome = outcome;
    result.p_holm = p;
  };
  // A control may explain why an equivalence fails; it fails all the same. But an opposite sign
  // that a control reverses is no finding against the paper.
  const bool against = differs      ? is_smaller(numbers, result.margin) && !has_flip(result)
                       : only_falls ? is_below(numbers, result.margin)
                                    : is_beyond(numbers, result.margin);
  if (opposite <= kAlpha && against) {
    settle(Outcome::contradicted, opposite);
  } else if (differs && claimed <= kAlpha && is_larger(numbers, result.margin)) {
    settle(Outcome::supported, claimed);
  } else if (only_falls && claimed <= kAlpha && is_not_less(numbers, result.margin)) {
    settle(Outcome::supported, claimed);
  } else if (part.relation == Relation::equivalent && claimed <= kAlpha) {
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
    const bool equivalent = claim.parts[k].relation == Relation::equivalent;
    holds &= result.outcome == (equivalent ? Outcome::negligible : Outcome::supported);
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

/// Too few seeds decide nothing: the verdict keeps its numbers, and its outcomes become
/// inconclusive.
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

/// Notes the results of other tasks if there are none of the claims' own.
void note_stand_ins(Verdict& verdict, const std::vector<RunResult>& results,
                    const std::string& task) {
  std::set<std::string> others;
  for (const RunResult& result : results) others.insert(result.task);
  for (const std::string& other : others) {
    verdict.notes.push_back("rows of task " + other + " are no evidence on " + task);
  }
}

}  // namespace

std::vector<Verdict> judge(const std::vector<Claim>& claims, const std::vector<RunResult>& results,
                           std::size_t golden_seeds) {
  if (claims.empty()) return {};
  const std::string& task = claims.front().task;
  const ResultsOfArms arms = index_results(results, task);
  std::set<std::uint64_t> distinct;
  for (const RunResult& result : results) {
    if (result.task == task) distinct.insert(result.seed);
  }
  const std::vector<std::uint64_t> seeds(distinct.begin(), distinct.end());
  std::vector<Verdict> verdicts;
  for (const Claim& claim : claims) {
    if (claim.task != task) {
      throw libnorm::ValueError("judge: claims of two tasks (" + task + ", " + claim.task +
                                "); need one");
    }
    verdicts.push_back(gather_evidence(claim, claims.size(), arms, seeds));
    if (seeds.empty()) note_stand_ins(verdicts.back(), results, task);
  }
  const Families families = families_of(claims, verdicts);
  for (std::size_t c = 0; c < claims.size(); ++c) {
    if (!verdicts[c].notes.empty()) continue;  // could not check, as it was made
    decide_claim(claims[c], verdicts[c], c, families);
    withhold(verdicts[c], golden_seeds);
  }
  return verdicts;
}

std::vector<Verdict> judge_study(const std::vector<Claim>& claims,
                                 const std::vector<RunResult>& results, std::size_t golden_seeds) {
  std::vector<std::vector<Claim>> families;
  for (const Claim& claim : claims) {
    if (families.empty() || families.back().front().family != claim.family) families.emplace_back();
    families.back().push_back(claim);
  }
  std::vector<Verdict> verdicts;
  for (const std::vector<Claim>& family : families) {
    for (Verdict& verdict : judge(family, results, golden_seeds)) {
      verdicts.push_back(std::move(verdict));
    }
  }
  return verdicts;
}

}  // namespace harness
