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

/// A verdict without its outcomes and adjusted p. If the claim cannot be judged, the notes say why
/// and there are no parts.
Verdict gather_evidence(const Claim& claim, std::size_t family, const ResultsOfArms& arms,
                        const std::vector<std::uint64_t>& seeds);

}  // namespace harness
