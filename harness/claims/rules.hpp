#pragma once

#include <cstddef>
#include <vector>

#include "harness/claims/claims.hpp"
#include "harness/claims/verdict.hpp"

// What the numbers of a claim come to at its place in the family; judge.hpp states the rules.

namespace harness {

/// The p of one claim for each of the three questions.
struct ClaimPs {
  double claimed = 1, opposite = 1, negligible = 1;
};

/// The p of a claim from its parts, which are all there.
ClaimPs ps_of(const Claim& claim, const std::vector<PartResult>& parts);

/// The p of a family, with the place that is judged.
struct Place {
  std::vector<ClaimPs> family;
  std::size_t at = 0;
};

/// The outcome with and without controls, and its p.
struct Decision {
  Outcome as_defined = Outcome::inconclusive;
  Outcome outcome = Outcome::inconclusive;
  double p = 1, p_holm = 1;
};

/// Decides a claim from its parts, and writes findings, effects of controls and p into them. The
/// family has the claim's own p at its place.
Decision decide(const Claim& claim, std::vector<PartResult>& parts, const Place& place);

/// Whether at a landmark the effects are still on the side of the outcome as defined, and not below
/// the margin.
bool stays(const Claim& claim, const std::vector<PartResult>& at_end, Outcome as_defined,
           const std::vector<PartResult>& landmark);

}  // namespace harness
