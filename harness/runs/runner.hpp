#pragma once

#include <optional>
#include <string>
#include <vector>

#include "harness/base/stop.hpp"
#include "harness/results/result.hpp"
#include "harness/runs/progress.hpp"
#include "harness/runs/run_store.hpp"
#include "harness/runs/training_run.hpp"
#include "libnorm/core/device.hpp"

namespace harness {

/// What is done about runs that other processes are making.
enum class Others { wait_for, leave };

/// How runs are made; bits depend on none of it.
struct RunnerOptions {
  int threads = 1;
  /// Where runs train; bits do not depend on it. Small runs that are made at once share a GPU, each
  /// with a stream of its own.
  libnorm::Device device = libnorm::Device::cpu;
  /// Seconds between checkpoints, or nothing: 10, and 120 for large runs, whose checkpoints take a
  /// while to write, with one at each landmark too.
  std::optional<double> checkpoint_every;
  /// What runs keep when they are finished; by default, what default_keep() says of each.
  std::optional<Keep> keep;
  Others others = Others::wait_for;
};

/// What came of a plan.
struct MadeRuns {
  /// In the order of the plan.
  std::vector<RunResult> rows;
  /// Runs that are left to other processes, and have no row.
  std::size_t left = 0;
};

/// Makes the runs that the store lacks, going on from checkpoints, and returns the rows of all. As
/// many small runs at once as there are threads and memory for, since one small model keeps few
/// threads busy; threads that are left over, as at the end, work within a run. Large runs come one
/// after the other, each with all threads. Bits depend on none of this.
///
/// Runs that another process holds come last: they are waited for, and taken over where it ends
/// without a row; or they are left. Throws: DataError; Interrupted after a signal, with checkpoints
/// written.
MadeRuns make_runs(const std::vector<PlannedRun>& plan, const RunnerOptions& options,
                   const Store& store, Progress& progress);

}  // namespace harness
