#include "harness/runner.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <exception>
#include <mutex>
#include <thread>

#include "harness/environment.hpp"
#include "harness/experiments/kept_state.hpp"
#include "harness/experiments/run_state.hpp"
#include "libnorm/core/launch.hpp"

namespace harness {
namespace {

using Clock = std::chrono::steady_clock;

/// A kill loses at most the steps of this long.
constexpr double kCheckpointEvery = 10, kLargeCheckpointEvery = 120;

bool is_checkpoint_due(const PlannedRun& planned, const TrainingRun& run,
                       const RunnerOptions& options, double seconds) {
  const bool large = planned.size == RunSize::large && !run.at_landmark();
  return seconds >=
         options.checkpoint_every.value_or(large ? kLargeCheckpointEvery : kCheckpointEvery);
}

std::atomic<bool> stop_requested = false;
static_assert(std::atomic<bool>::is_always_lock_free, "a signal handler sets it");

void request_stop(int) { stop_requested = true; }

/// What the runs at work share.
struct Crew {
  RunnerOptions options;
  std::atomic<int> runs = 0;
  std::atomic<bool> stop = false;

  /// Threads for each of the runs at work now.
  int share() const { return std::max(1, options.threads / std::max(1, runs.load())); }
};

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

/// A run, and the time it has had in this process and before.
struct Timed {
  TrainingRun& run;
  const LockedRun& held;
  double before = 0;
  Clock::time_point start = Clock::now();

  double seconds() const { return before + seconds_since(start); }

  /// The run's state, and behind it the seconds.
  void save() const {
    auto state = run.state();
    append(state, std::vector<double>{seconds()});
    held.save_checkpoint(state);
  }
  void restore(std::span<const std::byte> state) {
    std::vector<double> seconds(1);
    const std::size_t size = state.size() - std::min(state.size(), sizeof(double));
    auto last = state.subspan(size);
    take(last, seconds);
    run.restore(state.first(size));
    before = seconds[0];
  }
};

Row make_run(const PlannedRun& planned, const Crew& crew, const Store& store, std::size_t index,
             Progress& progress) {
  const libnorm::DeviceScope scope(crew.options.device);
  const libnorm::GemmScope products(planned.gemm);
  const LockedRun held = store.lock(planned.spec);
  if (auto row = store.find(planned.spec)) return *row;  // Another process was quicker.
  const std::unique_ptr<TrainingRun> made = planned.make();
  TrainingRun& run = *made;
  Timed timed{run, held};
  if (const auto state = held.load_checkpoint()) timed.restore(*state);
  progress.start(index, run.steps_done());
  auto saved = Clock::now();
  const auto step = [&] {
    if (stop_requested || crew.stop) {
      timed.save();
      throw Interrupted("stopped at step " + std::to_string(run.steps_done()) + " of " +
                        planned.arm + ", seed " + std::to_string(planned.seed) +
                        "; the same command goes on from there");
    }
    run.step();
    progress.step(index, run.steps_done(), run.last_loss());
    if (is_checkpoint_due(planned, run, crew.options, seconds_since(saved))) {
      timed.save();
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
  row.seconds = timed.seconds();
  row.environment = environment(crew.options.threads);
  const Keep keep = crew.options.keep.value_or(default_keep(run.model()));
  if (keep != Keep::none) {
    const std::string hash =
        held.keep([&](const auto& file) { write_kept(file, keep, run.model(), run.adam()); });
    row.kept = Kept{keep, hash};
  }
  held.finish(row);
  progress.finish(index, row);
  return row;
}

/// Makes the runs `open` of a plan, `jobs` at once.
void make_open_runs(const std::vector<PlannedRun>& plan, const std::vector<std::size_t>& open,
                    int jobs, const RunnerOptions& options, const Store& store, Progress& progress,
                    std::vector<Row>& rows) {
  Crew crew;
  crew.options = options;
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
  for (int j = 0; j < jobs; ++j) workers.emplace_back(work);
  for (std::thread& worker : workers) worker.join();
  if (!failure) return;
  progress.done();
  std::rethrow_exception(failure);
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

std::vector<Row> make_runs(const std::vector<PlannedRun>& plan, const RunnerOptions& options,
                           const Store& store, Progress& progress) {
  std::vector<Row> rows(plan.size());
  std::vector<std::size_t> small, large;
  for (std::size_t i = 0; i < plan.size(); ++i) {
    progress.add(plan[i].arm + " seed " + std::to_string(plan[i].seed), plan[i].steps);
    if (auto row = store.find(plan[i].spec)) {
      rows[i] = std::move(*row);
      progress.found(i);
    } else {
      (plan[i].size == RunSize::small ? small : large).push_back(i);
    }
  }
  const int jobs = int(std::min(small.size(), std::size_t(options.threads)));
  make_open_runs(plan, small, jobs, options, store, progress, rows);
  make_open_runs(plan, large, int(std::min<std::size_t>(large.size(), 1)), options, store, progress,
                 rows);
  progress.done();
  return rows;
}

}  // namespace harness
