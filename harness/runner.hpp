#pragma once

#include <string>
#include <vector>

#include "harness/experiments/recall.hpp"
#include "harness/progress.hpp"
#include "harness/results.hpp"
#include "harness/store.hpp"

namespace harness {

/// One run to be made.
struct PlannedRun {
  std::string profile;
  RecallOptions options;
  RecallArm arm;
  std::uint64_t seed = 0;

  Spec spec() const { return recall_spec(options, arm, seed); }
};

/// Every arm from every seed; a run that several experiments share stands there once.
std::vector<PlannedRun> plan_runs(const std::string& profile, const RecallOptions& options,
                                  const std::vector<std::string>& arms,
                                  const std::vector<std::uint64_t>& seeds);

/// Ctrl-C came: every run writes a checkpoint and stops.
class Interrupted : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// From now on Ctrl-C and SIGTERM ask for a stop instead of ending the process.
void stop_on_signals();

/// Makes the runs that the store lacks, going on from checkpoints, and returns the rows of all, in
/// the order of the plan. As many runs at once as there are threads, since one small model keeps
/// few threads busy; threads that are left over, as at the end, work within a run. Bits depend on
/// neither. Throws: DataError; Interrupted after a signal, with checkpoints written.
std::vector<Row> make_runs(const std::vector<PlannedRun>& plan, int threads, const Store& store,
                           Progress& progress);

}  // namespace harness
