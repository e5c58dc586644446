#include "harness/runs/sweep_status.hpp"

#include <algorithm>
#include <filesystem>
#include <set>
#include <tuple>

#include "harness/base/files.hpp"
#include "libnorm/core/error.hpp"

namespace harness {
namespace {

namespace fs = std::filesystem;

/// Runs of a kind take about as long as each other.
using Kind = std::tuple<std::string, std::string, std::string, Index>;
Kind kind_of(const SweepRun& run) { return {run.task, run.profile, run.arm, run.steps}; }

RunStatus look_at(const SweepRun& run, const Store& store) {
  RunStatus status;
  status.run = &run;
  const fs::path folder = store.runs() / run.folder;
  try {
    if (const auto result = store.find_in(folder)) {
      status.state = RunState::done;
      status.seconds = result->seconds;
      if (const auto maker = store.maker_of(folder)) status.node = maker->node;
      return status;
    }
    if (!is_there(folder)) return status;
    if (auto holder = store.holder_of(folder)) {
      status.state = RunState::running;
      status.holder = *std::move(holder);
      return status;
    }
    if (auto failure = store.failure_of(folder)) {
      status.state = RunState::failed;
      status.failure = *std::move(failure);
    }
    status.is_begun = !store.checkpoint_of(folder).empty();
  } catch (const libnorm::DataError& error) {
    status.state = RunState::failed;
    status.failure.message = error.what();
  }
  return status;
}

}  // namespace

SweepStatus status_of(const SweepPlan& plan, const Store& store) {
  SweepStatus status;
  std::map<Kind, std::pair<double, std::size_t>> taken;
  for (const SweepRun& run : plan.runs) {
    status.runs.push_back(look_at(run, store));
    const RunStatus& now = status.runs.back();
    status.done += now.state == RunState::done;
    status.running += now.state == RunState::running;
    status.failed += now.state == RunState::failed;
    status.missing += now.state == RunState::missing;
    if (now.state == RunState::done) {
      auto& [seconds, count] = taken[kind_of(run)];
      seconds += now.seconds;
      ++count;
    }
  }
  for (const RunStatus& now : status.runs) {
    if (now.state == RunState::done) continue;
    const auto known = taken.find(kind_of(*now.run));
    const double seconds = known == taken.end()
                               ? now.run->seconds
                               : known->second.first / double(known->second.second);
    status.of_unknown_time += seconds <= 0;
    status.seconds_of_work += seconds;
  }
  if (status.running > 0) status.seconds_left = status.seconds_of_work / double(status.running);
  std::error_code error;
  for (fs::directory_iterator entry(store.runs().parent_path() / kConflictsFolder, error), end;
       !error && entry != end; entry.increment(error)) {
    status.conflicts.push_back(entry->path().string());
  }
  std::ranges::sort(status.conflicts);
  return status;
}

}  // namespace harness
