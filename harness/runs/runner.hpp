#pragma once

#include <functional>
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

/// What is to be measured again of a finished run.
struct Due {
  /// Of measures; none: the run stays as it is.
  std::vector<std::string> measures;
  /// Whether one of them is of the course of training, which the final weights do not tell.
  bool of_course = false;
};

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
  /// What to measure again of runs that are finished; by default, nothing.
  std::function<Due(const RunResult& row)> due = nullptr;
};

/// What was done to have a run's row.
enum class Made {
  found,
  trained,
  /// Measured again, from the weights that it had kept.
  measured,
  /// Trained again, to the same weights and losses, and measured.
  measured_by_training,
  /// Trained again, to others: the row stays as it was.
  trained_to_others,
};

/// What came of a plan.
struct MadeRuns {
  /// In the order of the plan, with what was done for each.
  /// @{
  std::vector<RunResult> rows;
  std::vector<Made> made;
  /// @}
  /// Runs that are left to other processes, and have no row.
  std::size_t left = 0;
};

/// Makes the runs that the store lacks, going on from checkpoints, and returns the rows of all. As
/// many small runs at once as there are threads and memory for, since one small model keeps few
/// threads busy; threads that are left over, as at the end, work within a run. Large runs come one
/// after the other, each with all threads. Bits depend on none of this.
///
/// A finished run of which something is due is measured again: from its kept weights where there
/// are any and they tell it, else by training it again. Its row then has the numbers of today; what
/// was not due, and what it has kept, stays.
///
/// Runs that another process holds come last: they are waited for, and taken over where it ends
/// without a row; or they are left. Throws: DataError; Interrupted after a signal, with checkpoints
/// written.
MadeRuns make_runs(const std::vector<PlannedRun>& plan, const RunnerOptions& options,
                   const Store& store, Progress& progress);

}  // namespace harness
