#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "harness/runs/run_store.hpp"
#include "harness/runs/sweep_plan.hpp"

namespace harness {

enum class RunState { done, running, failed, missing };

/// The words of RunState, in its order.
inline constexpr std::string_view kRunStateWords[] = {"done", "running", "failed", "missing"};

/// Where one run of a sweep stands.
struct RunStatus {
  const SweepRun* run = nullptr;
  RunState state = RunState::missing;
  /// Whether a checkpoint waits for who goes on.
  bool is_begun = false;
  /// If it is running: who holds it.
  Holder holder = {};
  /// If it failed or its files are damaged: how.
  Failure failure = {};
  /// If it is done: how long it took, and where it was made.
  double seconds = 0;
  std::string node = {};
};

/// Where a sweep stands.
struct SweepStatus {
  /// In the order of the plan.
  std::vector<RunStatus> runs;
  std::size_t done = 0, running = 0, failed = 0, missing = 0;
  /// Results that differ from those stored (the store's folder `conflicts`).
  std::vector<std::string> conflicts;
  /// Work that is left: seconds of all runs that are not done, one after the other, from what the
  /// done ones of the same kind took, else as planned.
  double seconds_of_work = 0;
  /// That, shared among as many tasks as are running now; nothing if none is.
  std::optional<double> seconds_left;
  /// Runs whose time is not known.
  std::size_t of_unknown_time = 0;
};

/// Looks at every run of a plan, without changing the store. Throws: DataError.
SweepStatus status_of(const SweepPlan& plan, const Store& store);

}  // namespace harness
