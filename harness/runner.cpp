#include "harness/runner.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <exception>
#include <mutex>
#include <thread>

#include "harness/environment.hpp"
#include "harness/experiments/recall_run.hpp"
#include "libnorm/core/launch.hpp"

namespace harness {
namespace {

using Clock = std::chrono::steady_clock;

/// A kill loses at most the steps of this long.
constexpr std::chrono::seconds kCheckpointEvery{10};

std::atomic<bool> stop_requested = false;
static_assert(std::atomic<bool>::is_always_lock_free, "a signal handler sets it");

void request_stop(int) { stop_requested = true; }

/// What the runs at work share.
struct Crew {
  int threads = 1;
  std::atomic<int> runs = 0;
  std::atomic<bool> stop = false;

  /// Threads for each of the runs at work now.
  int share() const { return std::max(1, threads / std::max(1, runs.load())); }
};

Row make_run(const PlannedRun& planned, const Crew& crew, const Store& store, std::size_t index,
             Progress& progress) {
  const LockedRun held = store.lock(planned.spec());
  if (auto row = store.find(planned.spec())) return *row;  // Another process was quicker.
  RecallRun run(planned.options, planned.arm, planned.seed);
  if (const auto state = held.load_checkpoint()) run.restore(*state);
  progress.start(index, run.steps_done());
  const auto start = Clock::now();
  auto saved = start;
  const auto step = [&] {
    if (stop_requested || crew.stop) {
      held.save_checkpoint(run.state());
      throw Interrupted("stopped at step " + std::to_string(run.steps_done()) + " of " +
                        std::string(planned.arm.name) + ", seed " + std::to_string(planned.seed) +
                        "; the same command goes on from there");
    }
    run.step();
    progress.step(index, run.steps_done(), run.last_loss());
    if (Clock::now() - saved > kCheckpointEvery) {
      held.save_checkpoint(run.state());
      saved = Clock::now();
    }
  };
  // Threads that other runs leave are taken up between two steps.
  while (!run.finished()) {
    const int share = crew.share();
    libnorm::with_threads(share, [&] {
      while (!run.finished() && share == crew.share()) step();
    });
  }
  Row row;
  libnorm::with_threads(crew.share(), [&] { row = run.row(planned.profile); });
  row.seconds = std::chrono::duration<double>(Clock::now() - start).count();
  row.environment = environment(crew.threads);
  held.finish(row);
  progress.finish(index, row);
  return row;
}

}  // namespace

void stop_on_signals() {
  struct sigaction action = {};
  action.sa_handler = request_stop;
  // A second signal ends the process at once.
  action.sa_flags = int(SA_RESETHAND);
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
}

std::vector<PlannedRun> plan_runs(const std::string& profile, const RecallOptions& options,
                                  const std::vector<std::string>& arms,
                                  const std::vector<std::uint64_t>& seeds) {
  std::vector<PlannedRun> plan;
  for (const std::uint64_t seed : seeds) {
    for (const std::string& arm : arms) {
      plan.push_back({profile, options, find_recall_arm(arm), seed});
    }
  }
  return plan;
}

std::vector<Row> make_runs(const std::vector<PlannedRun>& plan, int threads, const Store& store,
                           Progress& progress) {
  std::vector<Row> rows(plan.size());
  std::vector<std::size_t> open;
  for (std::size_t i = 0; i < plan.size(); ++i) {
    progress.add(std::string(plan[i].arm.name) + " seed " + std::to_string(plan[i].seed),
                 plan[i].options.steps);
    if (auto row = store.find(plan[i].spec())) {
      rows[i] = std::move(*row);
      progress.found(i);
    } else {
      open.push_back(i);
    }
  }
  if (open.empty()) return rows;

  const int jobs = int(std::min(open.size(), std::size_t(threads)));
  Crew crew;
  crew.threads = threads;
  crew.runs = jobs;
  std::atomic<std::size_t> next = 0;
  std::exception_ptr failure;
  std::mutex failure_mutex;
  const auto work = [&] {
    try {
      for (std::size_t k = next++; k < open.size(); k = next++) {
        const std::size_t i = open[k];
        rows[i] = make_run(plan[i], crew, store, i, progress);
      }
    } catch (...) {
      const std::lock_guard lock(failure_mutex);
      if (!failure) failure = std::current_exception();
      crew.stop = true;
    }
    --crew.runs;
  };
  std::vector<std::thread> workers;
  for (int j = 1; j < jobs; ++j) workers.emplace_back(work);
  work();
  for (std::thread& worker : workers) worker.join();
  progress.done();
  if (failure) std::rethrow_exception(failure);
  return rows;
}

}  // namespace harness
