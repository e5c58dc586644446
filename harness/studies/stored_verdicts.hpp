#pragma once

#include <optional>
#include <string>
#include <vector>

#include "harness/claims/verdict.hpp"
#include "harness/results/result.hpp"

namespace harness {

struct Golden;

/// Judges every claim, study by study, from rows of any tasks and profiles. Evidence is what was
/// planned: a row of the claim's task, at its study's claim profile, from one of its claim seeds.
/// Without any, a study's claims are COULD NOT CHECK.
/// Throws: DataError if two of these rows are of one run.
std::vector<Verdict> judge_claims(const std::vector<RunResult>& rows);

/// A verdict, and what golden says of it.
struct CheckedVerdict {
  Verdict verdict;
  /// Null where golden has none.
  std::optional<Verdict> expected;
  /// Where the two depart; empty if they agree.
  std::vector<std::string> differences;
};

/// The verdicts of the rows beside golden's.
/// Throws: DataError if golden's verdicts cannot be read.
std::vector<CheckedVerdict> check_verdicts(const std::vector<RunResult>& rows,
                                           const Golden& golden);

}  // namespace harness
