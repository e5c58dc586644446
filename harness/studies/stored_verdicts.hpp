#pragma once

#include <optional>
#include <string>
#include <vector>

#include "harness/claims/verdict.hpp"
#include "harness/results/result.hpp"

namespace harness {

struct Golden;

/// Judges every claim under each of its definitions, study by study, from results of any tasks and
/// profiles. Only planned runs are evidence: those of the claim's task, at its study's claim
/// profile, from one of its claim seeds. If a study has none, its claims are COULD NOT CHECK.
/// Throws: DataError if two of these results are of one run.
std::vector<Verdict> judge_claims(const std::vector<RunResult>& results);

/// A verdict beside golden's.
struct CheckedVerdict {
  Verdict verdict;
  /// Null if golden has none.
  std::optional<Verdict> expected;
  /// How the two differ; empty if they agree.
  std::vector<std::string> differences;
};

/// The verdicts of the results, each beside golden's.
/// Throws: DataError if golden's verdicts cannot be read.
std::vector<CheckedVerdict> check_verdicts(const std::vector<RunResult>& results,
                                           const Golden& golden);

}  // namespace harness
