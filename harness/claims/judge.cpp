#include "harness/claims/judge.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <iterator>
#include <set>
#include <string>
#include <utility>

#include "harness/claims/evidence.hpp"
#include "harness/claims/rules.hpp"
#include "harness/claims/scope.hpp"
#include "libnorm/core/error.hpp"

namespace harness {
namespace {

/// Judges the claim at each landmark as at the end, and notes which turn it. A missing number makes
/// the verdict one that could not be checked.
void judge_landmarks(const Claim& claim, const Definition& definition, const Evidence& evidence,
                     Place place, Verdict& verdict) {
  if (!definition.has_landmarks) return;
  try {
    for (const std::int64_t step : landmark_steps(claim, evidence)) {
      std::vector<PartResult> parts = gather_landmark(claim, definition, evidence, step);
      place.family[place.at] = ps_of(claim, parts);
      LandmarkResult landmark;
      landmark.step = step;
      landmark.outcome = decide(claim, parts, place).outcome;
      landmark.turns =
          2 * step > steps_of(evidence) && !stays(claim, verdict.parts, verdict.as_defined, parts);
      for (PartResult& part : parts) landmark.parts.push_back(std::move(part.reading));
      verdict.landmarks.push_back(std::move(landmark));
    }
  } catch (const libnorm::DataError& error) {
    verdict.notes.push_back(error.what());
    verdict.outcome = verdict.as_defined = Outcome::could_not_check;
    verdict.parts.clear();
    verdict.landmarks.clear();
  }
}

/// The verdict under one definition, without what the others say of it.
void judge_definition(const Claim& claim, const Definition& definition, const Evidence& evidence,
                      Place place, Verdict& verdict) {
  place.family[place.at] = ps_of(claim, verdict.parts);
  const Decision decision = decide(claim, verdict.parts, place);
  verdict.outcome = decision.outcome;
  verdict.as_defined = decision.as_defined;
  verdict.p = decision.p;
  verdict.p_holm = decision.p_holm;
  judge_landmarks(claim, definition, evidence, place, verdict);
  if (std::ranges::any_of(verdict.landmarks, &LandmarkResult::turns)) {
    verdict.outcome = Outcome::fragile;
  }
}

/// A published verdict that another definition reverses is fragile.
void compare_definitions(std::vector<Verdict>& verdicts) {
  Verdict& published = verdicts.front();
  const Outcome own = published.as_defined;
  const Outcome reverse = own == Outcome::supported      ? Outcome::contradicted
                          : own == Outcome::contradicted ? Outcome::supported
                                                         : Outcome::could_not_check;
  if (reverse == Outcome::could_not_check) return;
  if (std::ranges::any_of(verdicts, [&](const Verdict& v) { return v.as_defined == reverse; })) {
    published.outcome = Outcome::fragile;
  }
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
    verdict.outcome = verdict.as_defined = Outcome::inconclusive;
    for (PartResult& part : verdict.parts) part.finding = Finding::open;
  }
}

/// Notes the results of other tasks if there are none of the claims' own.
void note_stand_ins(Verdict& verdict, const std::vector<RunResult>& results,
                    const std::string& task) {
  std::set<std::string> others;
  for (const RunResult& result : results) others.insert(result.task);
  for (const std::string& other : others) {
    verdict.notes.push_back("results of task " + other + " are no evidence on " + task);
  }
}

/// The verdicts on each definition of one claim, before they are decided.
using OfClaim = std::vector<Verdict>;

void decide_claim(const Claim& claim, const Evidence& evidence, const Place& place,
                  std::size_t golden_seeds, OfClaim& verdicts) {
  for (std::size_t i = 0; i < verdicts.size(); ++i) {
    if (!verdicts[i].notes.empty()) continue;  // could not check, as it was made
    judge_definition(claim, claim.definitions[i], evidence, place, verdicts[i]);
    if (verdicts[i].notes.empty()) withhold(verdicts[i], golden_seeds);
  }
  compare_definitions(verdicts);
  add_scopes(claim, verdicts);
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
  const Evidence evidence{arms, seeds, claims.size()};
  std::vector<OfClaim> gathered;
  Place place;
  for (const Claim& claim : claims) {
    if (claim.task != task) {
      throw libnorm::ValueError("judge: claims of two tasks (" + task + ", " + claim.task +
                                "); need one");
    }
    gathered.emplace_back();
    for (const Definition& definition : claim.definitions) {
      gathered.back().push_back(gather_evidence(claim, definition, evidence));
      if (seeds.empty()) note_stand_ins(gathered.back().back(), results, task);
    }
    const Verdict& published = gathered.back().front();
    place.family.push_back(published.notes.empty() ? ps_of(claim, published.parts) : ClaimPs{});
  }
  std::vector<Verdict> verdicts;
  for (place.at = 0; place.at < claims.size(); ++place.at) {
    OfClaim& own = gathered[place.at];
    decide_claim(claims[place.at], evidence, place, golden_seeds, own);
    std::move(own.begin(), own.end(), std::back_inserter(verdicts));
  }
  return verdicts;
}

std::vector<Verdict> judge_study(const std::vector<Claim>& claims,
                                 const std::vector<RunResult>& results, std::size_t golden_seeds) {
  std::vector<std::string> families;
  for (const Claim& claim : claims) {
    if (std::ranges::find(families, claim.family) == families.end()) {
      families.push_back(claim.family);
    }
  }
  std::vector<Verdict> verdicts;
  for (const std::string& name : families) {
    std::vector<Claim> family;
    std::ranges::copy_if(claims, std::back_inserter(family),
                         [&](const Claim& claim) { return claim.family == name; });
    for (Verdict& verdict : judge(family, results, golden_seeds)) {
      verdicts.push_back(std::move(verdict));
    }
  }
  return verdicts;
}

}  // namespace harness
