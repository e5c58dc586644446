#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "harness/runs/training_run.hpp"

namespace harness {

/// A run of a sweep, as its plan names it.
struct SweepRun {
  std::string task, profile, arm;
  std::uint64_t seed = 0;
  Index steps = 0;
  std::string spec_sha256;
  /// Its folder in a store's `runs`: the one that it had when it was planned, or will get.
  std::string folder;
  /// Estimates: seconds of the whole run, and bytes that it keeps on disk; 0 if not known.
  double seconds = 0, bytes = 0;
};

/// What `norm-harness plan` writes.
struct SweepPlan {
  /// The options that decide what is trained (plan_words()).
  std::vector<std::string> words;
  /// The store, an absolute path.
  std::string store;
  std::string profile;
  /// The longest first.
  std::vector<SweepRun> runs;
};

/// Writes a plan as sealed JSON. Throws: DataError.
void write_plan(const std::filesystem::path& file, const SweepPlan& plan);

/// Throws: DataError for a file that is missing, edited or no plan.
SweepPlan read_plan(const std::filesystem::path& file);

/// The runs of a plan, made again from its words, in the plan's order.
/// Throws: DataError if they are other runs: the plan is of other numerics, or of other data.
std::vector<PlannedRun> in_order_of(const SweepPlan& plan, std::vector<PlannedRun> runs);

}  // namespace harness
