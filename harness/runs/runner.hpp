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

/// What to do about runs that other processes are training.
enum class Others { wait_for, leave };

/// How runs are trained. Results do not depend on it.
struct RunnerOptions {
  int threads = 1;
  /// The device. Small runs that train at the same time share a GPU, each with its own stream.
  libnorm::Device device = libnorm::Device::cpu;
  /// Seconds between checkpoints. Default: 10; for large runs, whose checkpoints take long to
  /// write, 120 and at each landmark.
  std::optional<double> checkpoint_every;
  /// What finished runs keep; by default default_keep() of each.
  std::optional<Keep> keep;
  Others others = Others::wait_for;
};

/// The results of a plan.
struct MadeRuns {
  /// In the order of the plan.
  std::vector<RunResult> rows;
  /// Number of runs left to other processes; they have no row here.
  std::size_t left = 0;
};

/// Trains the runs that the store lacks, resuming from checkpoints, and returns the rows of all
/// runs. Small runs train at the same time, as many as threads and memory allow, since a small
/// model keeps few threads busy; spare threads work within a run. Large runs train one after the
/// other, each with all threads. Results do not depend on this.
///
/// Runs that another process holds come last: depending on Others, this waits for them, and takes
/// over if that process ends without a row, or leaves them. Throws: DataError; Interrupted after a
/// signal, with checkpoints written.
MadeRuns make_runs(const std::vector<PlannedRun>& plan, const RunnerOptions& options,
                   const Store& store, Progress& progress);

}  // namespace harness
