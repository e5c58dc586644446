#pragma once

#include <string>
#include <vector>

#include "harness/results/result.hpp"

namespace harness {

/// What a difference points to.
enum class Cause {
  kPlatformDrift,    // different bits, and all numbers agree to 1e-3
  kDifferentResult,  // a number differs by more, or the runs are not the same kind of thing
  kOtherMeasures,    // the numbers of a measure were made by two versions of it: not compared
};

struct Difference {
  Cause cause;
  std::string what;     // the member that differs: "weights_sha256", "metrics.effective_rank"
  std::string message;  // with the run, expected and arrived values, and the cause
};

/// Compares a fresh result with golden. These are equal bit for bit: data, hashes, losses,
/// accuracies, curves, slices, and which held-out texts are classified correctly, if both results
/// have that. Singular values and the other metrics, after training and by epoch, agree to 1e-9 of
/// their size, since a solver's rounding is not ours (singular values and condition numbers: to
/// 1e-9 of the largest singular value). Seconds, the environment and what is kept may differ. What
/// is measured after training is compared if both results have it by the same version.
/// Returns: the differences; empty if there are none.
/// Throws: ValueError if the results differ in task, profile, arm, cell or seed.
std::vector<Difference> compare(const RunResult& fresh, const RunResult& golden);

}  // namespace harness
