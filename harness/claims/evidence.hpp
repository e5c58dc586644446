#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "harness/claims/claims.hpp"
#include "harness/claims/verdict.hpp"
#include "harness/results/result.hpp"

// The numbers of a claim before it is judged.

namespace harness {

/// The significance level.
inline constexpr double kAlpha = 0.05;

/// The results of one task: by arm, then by seed.
using ResultsOfArms = std::map<std::string, std::map<std::uint64_t, const RunResult*>>;

/// Throws: DataError if two results of the task have the same arm and seed, or the profiles differ.
ResultsOfArms index_results(const std::vector<RunResult>& results, const std::string& task);

/// What a family is judged from.
struct Evidence {
  const ResultsOfArms& arms;
  const std::vector<std::uint64_t>& seeds;
  /// The number of claims.
  std::size_t family = 0;
};

/// A verdict without its outcomes and adjusted p. If the claim cannot be judged, the notes say why
/// and there are no parts.
Verdict gather_evidence(const Claim& claim, const Definition& definition, const Evidence& evidence);

/// The parts' readings at a point of training, with their controls.
/// Throws: DataError with what is missing.
std::vector<PartResult> gather_landmark(const Claim& claim, const Definition& definition,
                                        const Evidence& evidence, std::int64_t step);

/// The steps of a claim's landmarks. Throws: DataError if they are epochs and a result has none.
std::vector<std::int64_t> landmark_steps(const Claim& claim, const Evidence& evidence);

/// The length of training.
std::int64_t steps_of(const Evidence& evidence);

}  // namespace harness
