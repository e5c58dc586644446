#pragma once

#include <optional>
#include <string>
#include <vector>

#include "harness/experiments/study.hpp"
#include "harness/progress.hpp"
#include "harness/results.hpp"
#include "harness/store.hpp"
#include "libnorm/core/device.hpp"

namespace harness {

/// Ctrl-C came: every run writes a checkpoint and stops.
class Interrupted : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// From now on Ctrl-C and SIGTERM ask for a stop instead of ending the process.
void stop_on_signals();

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
};

/// Makes the runs that the store lacks, going on from checkpoints, and returns the rows of all, in
/// the order of the plan. As many small runs at once as there are threads, since one small model
/// keeps few threads busy; threads that are left over, as at the end, work within a run. Large runs
/// come one after the other, each with all threads. Bits depend on none of this. Throws: DataError;
/// Interrupted after a signal, with checkpoints written.
std::vector<Row> make_runs(const std::vector<PlannedRun>& plan, const RunnerOptions& options,
                           const Store& store, Progress& progress);

}  // namespace harness
