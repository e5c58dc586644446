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

/// How a fresh result differs from golden; empty when it does not. Data, hashes, losses,
/// accuracies, curves, slices, and which held-out texts are right where both results say so, are
/// equal bit for bit. Other metrics, after training and by epoch, and singular values come from a
/// solver whose rounding is not ours and agree to 1e-9 of their size (singular values and condition
/// numbers: of the largest singular value). Seconds, the environment and what is kept may differ.
/// What is measured after training is compared where both results have it by the same version.
/// Throws: ValueError when the results are not of one task, profile, arm, cell and seed.
std::vector<Difference> compare(const RunResult& fresh, const RunResult& golden);

}  // namespace harness
