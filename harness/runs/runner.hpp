#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "harness/base/stop.hpp"
#include "harness/results/measures.hpp"
#include "harness/results/result.hpp"
#include "harness/runs/progress.hpp"
#include "harness/runs/run_store.hpp"
#include "harness/runs/training_run.hpp"
#include "libnorm/core/device.hpp"

namespace harness {

/// What to do about runs that other processes are training.
enum class Others { wait_for, leave };

/// What to measure again on a finished run.
struct Due {
  /// Names of measures. If there are none, the run stays as it is.
  std::vector<std::string> measures;
  /// The most that one of them needs.
  Measure::Of of = Measure::Of::final_weights;
};

/// What a task of a sweep does besides: it goes on after a run that failed, and ends in time.
struct SweepTask {
  /// Whether runs that failed before are made again.
  bool retry_failed = false;
  /// When the task must have ended. No run is begun that could not be saved by then.
  std::optional<std::chrono::steady_clock::time_point> until;
  /// Seconds of a step, as planned; 0 if not known.
  std::function<double(const PlannedRun& run)> step_seconds;
};

/// How runs are trained. Results do not depend on it.
struct RunnerOptions {
  int threads = 1;
  /// The device. Small runs that train at the same time share a GPU, each with its own stream.
  libnorm::Device device = libnorm::Device::cpu;
  /// Seconds between checkpoints. Default: 10; for large runs, whose checkpoints take long to
  /// write, 120 and at each landmark.
  std::optional<double> checkpoint_every;
  /// What finished runs keep; by default, default_keep() of each.
  std::optional<Keep> keep;
  Others others = Others::wait_for;
  /// What to measure again on finished runs; by default, nothing.
  std::function<Due(const RunResult& result)> due = nullptr;
  std::optional<SweepTask> sweep = std::nullopt;
};

/// How a run's result came about.
enum class Made {
  found,
  trained,
  /// Measured again, from its kept weights.
  measured,
  /// Trained again, to the same weights and losses, and measured.
  measured_by_training,
  /// Trained again, to other weights or losses: the result stays as it was.
  trained_to_others,
};

/// A run that failed: its place in the plan, and why.
struct FailedRun {
  std::size_t index = 0;
  std::string message;
};

/// The results of a plan.
struct MadeRuns {
  /// In the order of the plan, and how each came about.
  /// @{
  std::vector<RunResult> results;
  std::vector<Made> made;
  /// @}
  /// Number of runs left to other processes, or for want of time; they have no result here.
  std::size_t left = 0;
  /// In a sweep: runs that failed, here or before, and what the last error of each was.
  std::vector<FailedRun> failed;
};

/// Trains the runs that the store lacks, resuming from checkpoints, and returns the results of all
/// runs. Small runs train at the same time, as many as threads and memory allow, since a small
/// model keeps few threads busy; spare threads work within a run. Large runs train one after the
/// other, each with all threads. Results do not depend on this.
///
/// A finished run with something due is measured again: from its kept weights if it has any and
/// they suffice, else by training it again. Its result then has today's numbers. What was not due
/// stays, and so does what it has kept.
///
/// Runs that another process holds come last. Depending on Others, this function leaves them, or
/// waits for them and takes over if that process ends without a result.
///
/// A task of a sweep notes a run that fails in its folder and goes on with the next; only if the
/// store cannot be written to, it ends. It takes long runs first.
/// Throws: DataError; Interrupted after a signal, or in a sweep when the time is over, with
/// checkpoints written.
MadeRuns make_runs(const std::vector<PlannedRun>& plan, const RunnerOptions& options,
                   const Store& store, Progress& progress);

}  // namespace harness
