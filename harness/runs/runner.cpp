#include "harness/runs/runner.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <exception>
#include <mutex>
#include <optional>
#include <set>
#include <thread>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "harness/base/memory.hpp"
#include "harness/base/output.hpp"
#include "harness/base/threads.hpp"
#include "harness/results/environment.hpp"
#include "harness/runs/checkpoint.hpp"
#include "harness/runs/kept_state.hpp"
#include "libnorm/core/launch.hpp"

namespace harness {
namespace {

using Clock = std::chrono::steady_clock;

/// Seconds between checkpoints: a kill loses at most the steps of this time.
constexpr double kCheckpointEvery = 10, kLargeCheckpointEvery = 120;
/// A measurement can be interrupted, so training that took longer than this is saved before it.
constexpr double kWorthKeeping = 1;
/// How often to look whether other processes still hold their runs.
constexpr std::chrono::milliseconds kLookEvery{250};

bool is_checkpoint_due(const PlannedRun& planned, const TrainingRun& run,
                       const RunnerOptions& options, double seconds) {
  const bool large = planned.size == RunSize::large && !run.at_landmark();
  return seconds >=
         options.checkpoint_every.value_or(large ? kLargeCheckpointEvery : kCheckpointEvery);
}

/// What concurrent runs share.
struct WorkerState {
  RunnerOptions options;
  std::atomic<int> runs = 0;
  std::atomic<bool> stop = false;

  /// Threads for each of the runs at work now.
  int share() const { return std::max(1, options.threads / std::max(1, runs.load())); }
};

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

/// A run, and how long it has been worked on, by this process and earlier ones.
struct RunClock {
  TrainingRun& run;
  const LockedRun& held;
  double before = 0;
  Clock::time_point start = Clock::now();

  double seconds() const { return before + seconds_since(start); }

  /// Saves the run's state, followed by the seconds.
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

/// Trains to the end. If it is stopped, it saves a checkpoint first.
void train(const PlannedRun& planned, const WorkerState& worker_state, const RunClock& clock,
           std::size_t index, Progress& progress) {
  TrainingRun& run = clock.run;
  // Set at the end of the first step. Before that there is nothing to lose, and one step of a large
  // model takes long.
  std::optional<Unsaved> unsaved;
  auto saved = Clock::now();
  const auto step = [&] {
    check_stop();
    if (worker_state.stop) throw Interrupted("another run failed");
    run.step();
    if (!unsaved) unsaved.emplace();
    progress.step(index, run.steps_done(), run.last_loss());
    if (is_checkpoint_due(planned, run, worker_state.options, seconds_since(saved))) {
      clock.save();
      saved = Clock::now();
    }
  };
  try {
    // Between two steps, the run takes over threads that other runs no longer use.
    while (!run.finished()) {
      const int share = worker_state.share();
      libnorm::with_threads(share, [&] {
        while (!run.finished() && share == worker_state.share()) step();
      });
    }
    if (seconds_since(saved) > kWorthKeeping) clock.save();
    unsaved.reset();
    check_stop();  // For a signal in the last step; a later one ends the process.
  } catch (const Interrupted&) {
    const Unsaved until_saved;
    clock.save();
    throw Interrupted(
        fmt::format("stopped at step {} of {}, seed {}; the same command resumes from there",
                    run.steps_done(), planned.arm, planned.seed));
  }
}

Due due_of(const RunnerOptions& options, const RunResult& result) {
  return options.due ? options.due(result) : Due{};
}

/// A run's result, and how it came about.
struct MadeRun {
  RunResult result;
  Made made = Made::found;
};

/// Whether what a run has kept is enough for a measure.
bool keeps_enough(const Store& store, const RunResult& result, Measure::Of of) {
  if (of == Measure::Of::course || !store.has_kept(result)) return false;
  return of == Measure::Of::final_weights || result.kept->what == Keep::state;
}

/// Measures a finished run again, and stores its result.
MadeRun measure_again(const PlannedRun& planned, const WorkerState& worker_state,
                      const Store& store, const LockedRun& held, const RunResult& result,
                      const Due& due, std::size_t index, Progress& progress) {
  const std::unique_ptr<TrainingRun> run = planned.make();
  const bool from_kept = keeps_enough(store, result, due.of);
  MadeRun made{result, from_kept ? Made::measured : Made::measured_by_training};
  if (from_kept) {
    progress.start(index, planned.steps);
    const bool has_state = result.kept->what == Keep::state;
    load_kept(store.kept_file(result), result, run->model(), has_state ? &run->adam() : nullptr);
  } else {
    run->expect(due.measures);
    RunClock clock{*run, held};
    if (const auto state = held.load_checkpoint()) clock.restore(*state);
    progress.start(index, run->steps_done());
    train(planned, worker_state, clock, index, progress);
    RunResult fresh;
    libnorm::with_threads(worker_state.share(), [&] { fresh = run->result(result.profile); });
    if (fresh.weights_sha256 != result.weights_sha256 ||
        fresh.losses_sha256 != result.losses_sha256) {
      return {result, Made::trained_to_others};
    }
  }
  libnorm::with_threads(worker_state.share(), [&] { run->measure(due.measures, made.result); });
  held.finish(made.result);
  progress.measured(index);
  return made;
}

MadeRun make_run(const PlannedRun& planned, const WorkerState& worker_state, const Store& store,
                 const LockedRun& held, std::size_t index, Progress& progress) {
  const libnorm::DeviceScope scope(worker_state.options.device);
  const libnorm::GemmScope products(planned.gemm);
  if (auto result = store.find(planned.spec)) {
    const Due due = due_of(worker_state.options, *result);
    if (!due.measures.empty()) {
      return measure_again(planned, worker_state, store, held, *result, due, index, progress);
    }
    progress.found(index);  // Another process was quicker.
    return {*result, Made::found};
  }
  const std::unique_ptr<TrainingRun> made = planned.make();
  RunClock clock{*made, held};
  if (const auto state = held.load_checkpoint()) clock.restore(*state);
  progress.start(index, made->steps_done());
  train(planned, worker_state, clock, index, progress);
  RunResult result;
  libnorm::with_threads(worker_state.share(), [&] { result = made->result(planned.profile); });
  result.seconds = clock.seconds();
  result.environment = environment(worker_state.options.threads);
  const Keep keep = worker_state.options.keep.value_or(default_keep(made->model()));
  if (keep != Keep::none) {
    const std::string hash =
        held.keep([&](const auto& file) { write_kept(file, keep, made->model(), made->adam()); });
    result.kept = Kept{keep, hash};
  }
  held.finish(result);
  progress.finish(index, result);
  return {result, Made::trained};
}

/// Ends the process at once, in the middle of runs that have nothing to lose yet: waiting until
/// they have made a large model would take a while.
[[noreturn]] void leave(const std::exception_ptr& failure, Progress& progress) {
  progress.done();
  try {
    if (failure) std::rethrow_exception(failure);
    complain("norm-harness: stopped; the same command resumes from there");
  } catch (const std::exception& error) {
    complain_text("norm-harness: ", error.what());
  }
  std::_Exit(130);
}

/// Makes the runs of a plan, several at once.
class Maker {
 public:
  Maker(const std::vector<PlannedRun>& plan, const RunnerOptions& options, const Store& store,
        Progress& progress, std::vector<MadeRun>& runs)
      : plan_(plan), options_(options), store_(store), progress_(progress), runs_(runs) {}

  /// Makes the runs of `open` that no other process holds, and returns the others.
  std::vector<std::size_t> make_free(const std::vector<std::size_t>& open) const {
    std::vector<std::size_t> small, large;
    for (const std::size_t i : open) {
      (plan_[i].size == RunSize::small ? small : large).push_back(i);
    }
    std::vector<std::size_t> held = make_free(small, jobs_for(small));
    const auto more = make_free(large, int(std::min<std::size_t>(large.size(), 1)));
    held.insert(held.end(), more.begin(), more.end());
    return held;
  }

  /// Waits for runs that other processes hold. If a process releases one unfinished, it is made
  /// here.
  void wait_for(std::vector<std::size_t> held) const {
    while (!held.empty()) {
      std::set<std::string> holders;
      for (const std::size_t i : held) holders.insert(store_.holder(plan_[i].spec));
      progress_.wait(fmt::format("waits for {} {} that another process holds (pid {})", held.size(),
                                 held.size() == 1 ? "run" : "runs", fmt::join(holders, ", ")));
      std::this_thread::sleep_for(kLookEvery);
      check_stop();
      std::erase_if(held, [&](std::size_t i) {
        auto result = store_.find(plan_[i].spec);
        if (!result || !due_of(options_, *result).measures.empty()) return false;
        runs_[i] = {*std::move(result), Made::found};
        progress_.found(i);
        return true;
      });
      held = make_free(held);
    }
  }

 private:
  /// How many runs to make at once: as many as there are threads and memory for.
  int jobs_for(const std::vector<std::size_t>& runs) const {
    double need = 1;
    for (const std::size_t i : runs) need = std::max(need, plan_[i].bytes);
    const double fit = std::clamp(free_memory() / need, 1.0, double(options_.threads));
    return std::min(int(fit), int(runs.size()));
  }

  std::vector<std::size_t> make_free(const std::vector<std::size_t>& open, int jobs) const {
    WorkerState worker_state;
    worker_state.options = options_;
    worker_state.runs = jobs;
    std::atomic<std::size_t> next = 0;
    std::vector<std::size_t> held;
    std::exception_ptr failure;
    std::mutex mutex;
    const auto work = [&] {
      try {
        for (std::size_t k = next++; k < open.size(); k = next++) {
          check_stop();
          const std::size_t i = open[k];
          if (const auto run = store_.try_lock(plan_[i].spec)) {
            runs_[i] = make_run(plan_[i], worker_state, store_, *run, i, progress_);
          } else {
            const std::lock_guard lock(mutex);
            held.push_back(i);
          }
        }
      } catch (...) {
        const std::lock_guard lock(mutex);
        if (!failure) failure = std::current_exception();
        worker_state.stop = true;
      }
      if (--worker_state.runs > 0 && stop_requested() && !Unsaved::any()) {
        const std::lock_guard lock(mutex);
        leave(failure, progress_);
      }
    };
    if (jobs > 0) {
      const auto others = start_threads(jobs - 1, work);
      worker_state.runs -= jobs - 1 - int(others.size());
      work();
    }
    if (failure) {
      progress_.done();
      std::rethrow_exception(failure);
    }
    return held;
  }

  const std::vector<PlannedRun>& plan_;
  const RunnerOptions& options_;
  const Store& store_;
  Progress& progress_;
  std::vector<MadeRun>& runs_;
};

}  // namespace

MadeRuns make_runs(const std::vector<PlannedRun>& plan, const RunnerOptions& options,
                   const Store& store, Progress& progress) {
  std::vector<MadeRun> runs(plan.size());
  std::vector<std::size_t> open;
  for (std::size_t i = 0; i < plan.size(); ++i) {
    progress.add(plan[i].arm + " seed " + std::to_string(plan[i].seed), plan[i].steps);
    auto result = store.find(plan[i].spec);
    if (result && due_of(options, *result).measures.empty()) {
      runs[i].result = std::move(*result);
      progress.found(i);
    } else {
      open.push_back(i);
    }
  }
  const Maker maker(plan, options, store, progress, runs);
  std::vector<std::size_t> held = maker.make_free(open);
  if (options.others == Others::wait_for) {
    maker.wait_for(std::exchange(held, {}));
  }
  progress.done();
  MadeRuns made;
  made.left = held.size();
  for (std::size_t i = 0; i < runs.size(); ++i) {
    if (std::find(held.begin(), held.end(), i) != held.end()) continue;
    made.results.push_back(std::move(runs[i].result));
    made.made.push_back(runs[i].made);
  }
  return made;
}

}  // namespace harness
