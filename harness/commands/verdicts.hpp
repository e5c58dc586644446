#pragma once

#include <string>
#include <vector>

#include "harness/golden.hpp"
#include "harness/verdict.hpp"

namespace harness {

/// Seeds of every claim, 0 .. 9, fixed before the first run.
inline constexpr std::size_t kClaimSeeds = 10;

/// Judges from the rows of those seeds; a row of another seed is no evidence that was planned.
std::vector<Verdict> judge_claims(const std::vector<Row>& rows);

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
std::vector<CheckedVerdict> check_verdicts(const std::vector<Row>& rows, const Golden& golden);

}  // namespace harness
