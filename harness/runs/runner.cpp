#include "harness/runs/runner.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <exception>
#include <limits>
#include <mutex>
#include <optional>
#include <set>
#include <thread>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "harness/base/files.hpp"
#include "harness/base/memory.hpp"
#include "harness/base/output.hpp"
#include "harness/base/threads.hpp"
#include "harness/base/writing.hpp"
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
/// How often to look whether other processes still hold their runs; with leases, whose signs of
/// life lie on a shared file system, it is less often.
constexpr double kLookEvery = 0.25, kLooksAtLease = 50;
/// In a sweep, so many seconds lie between a run's checkpoints at least.
constexpr double kSweepCheckpointEvery = 60;
/// Of a task's time, so many seconds are left for writing, and more for large models.
constexpr double kReserve = 2, kBytesASecond = 5e7;

bool is_checkpoint_due(const PlannedRun& planned, const TrainingRun& run,
                       const RunnerOptions& options, double seconds) {
  const bool large = planned.size == RunSize::large && !run.at_landmark();
  const double least = options.sweep ? kSweepCheckpointEvery : 0;
  return seconds >= options.checkpoint_every.value_or(
                        std::max(least, large ? kLargeCheckpointEvery : kCheckpointEvery));
}

/// Whether a step of so many seconds and a checkpoint after it end before the task has to.
bool is_time_for(const PlannedRun& planned, const RunnerOptions& options, double step) {
  if (!options.sweep || !options.sweep->until) return true;
  const double need = kReserve + 2 * step + planned.bytes / kBytesASecond;
  return Clock::now() + std::chrono::duration<double>(need) < *options.sweep->until;
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
  double longest = 0;
  const auto step = [&] {
    check_stop();
    if (worker_state.stop) throw Interrupted("another run failed");
    if (clock.held.is_lost()) throw LeaseLost("another process has taken the run over");
    if (!is_time_for(planned, worker_state.options, longest)) throw Interrupted("no time is left");
    const auto begun = Clock::now();
    run.step();
    longest = std::max(longest, seconds_since(begun));
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
  end_by_stop();
}

/// Makes the runs of a plan, several at once.
class Maker {
 public:
  Maker(const std::vector<PlannedRun>& plan, const RunnerOptions& options, const Store& store,
        Progress& progress, std::vector<MadeRun>& runs)
      : plan_(plan), options_(options), store_(store), progress_(progress), runs_(runs) {}

  /// Makes the runs of `open` that no other process holds, and returns the others.
  std::vector<std::size_t> make_free(const std::vector<std::size_t>& open) {
    std::vector<std::size_t> small, large;
    for (const std::size_t i : open) {
      (plan_[i].size == RunSize::small ? small : large).push_back(i);
    }
    const bool small_first = !options_.sweep;
    std::vector<std::size_t> held;
    for (const bool is_small : {small_first, !small_first}) {
      const auto more = is_small ? make_free(small, jobs_for(small))
                                 : make_free(large, int(std::min<std::size_t>(large.size(), 1)));
      held.insert(held.end(), more.begin(), more.end());
    }
    return held;
  }

  /// Waits for runs that other processes hold, for at most so many seconds. If a process releases
  /// one unfinished, it is made here. Returns: those that are still held.
  std::vector<std::size_t> wait_for(std::vector<std::size_t> held, double most) {
    const auto start = Clock::now();
    const double every = store_.locks().leases
                             ? std::max(kLookEvery, store_.locks().seconds / kLooksAtLease)
                             : kLookEvery;
    while (!held.empty() && seconds_since(start) < most) {
      std::set<std::string> holders;
      for (const std::size_t i : held) holders.insert(store_.holder(plan_[i].spec));
      progress_.wait(fmt::format("waits for {} {} that another process holds (pid {})", held.size(),
                                 held.size() == 1 ? "run" : "runs", fmt::join(holders, ", ")));
      std::this_thread::sleep_for(std::chrono::duration<double>(every));
      check_stop();
      if (!is_time_for(plan_[held[0]], options_, 0)) break;
      std::erase_if(held, [&](std::size_t i) {
        auto result = store_.find(plan_[i].spec);
        if (!result || !due_of(options_, *result).measures.empty()) return false;
        runs_[i] = {*std::move(result), Made::found};
        progress_.found(i);
        return true;
      });
      held = make_free(held);
    }
    return held;
  }

  /// The runs that failed, in the order in which they did.
  const std::vector<FailedRun>& failed() const { return failed_; }

 private:
  /// Makes a run that is locked. In a sweep a failure is noted. Returns: false if another process
  /// has taken the run over.
  bool make_locked(std::size_t i, const LockedRun& run, const WorkerState& worker_state) {
    const auto make = [&] {
      runs_[i] = make_run(plan_[i], worker_state, store_, run, i, progress_);
    };
    if (!options_.sweep) {
      make();
      return true;
    }
    if (!options_.sweep->retry_failed) {
      if (const auto before = store_.failure_of(run.folder())) {
        note_failure(i, before->message);
        return true;
      }
    }
    try {
      make();
    } catch (const LeaseLost&) {
      return false;
    } catch (const Interrupted&) {
      throw;
    } catch (const WriteError&) {
      throw;  // The store is full or gone: no other run would fare better.
    } catch (const std::exception& error) {
      run.record_failure(error.what());
      note_failure(i, error.what());
    }
    return true;
  }

  void note_failure(std::size_t i, const std::string& message) {
    const std::lock_guard lock(failed_mutex_);
    failed_.push_back({i, message});
    progress_.fail(i, message);
  }

  bool has_time(std::size_t i) const {
    const bool is_known = options_.sweep && options_.sweep->step_seconds;
    return is_time_for(plan_[i], options_, is_known ? options_.sweep->step_seconds(plan_[i]) : 0);
  }

  /// How many runs to make at once: as many as there are threads and memory for.
  int jobs_for(const std::vector<std::size_t>& runs) const {
    double need = 1;
    for (const std::size_t i : runs) need = std::max(need, plan_[i].bytes);
    const double fit = std::clamp(free_memory() / need, 1.0, double(options_.threads));
    return std::min(int(fit), int(runs.size()));
  }

  std::vector<std::size_t> make_free(const std::vector<std::size_t>& open, int jobs) {
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
          bool is_made = false;
          if (has_time(i)) {
            const auto run = store_.try_lock(plan_[i].spec);
            is_made = run && make_locked(i, *run, worker_state);
          }
          if (!is_made) {
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
  std::mutex failed_mutex_;
  std::vector<FailedRun> failed_;
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
  Maker maker(plan, options, store, progress, runs);
  std::vector<std::size_t> held = maker.make_free(open);
  if (options.others == Others::wait_for) {
    held = maker.wait_for(std::move(held), std::numeric_limits<double>::infinity());
  } else if (options.sweep && store.locks().leases) {
    // Only who watches a lease for a while can tell that its holder is dead.
    held = maker.wait_for(std::move(held), 1.2 * store.locks().seconds);
  }
  progress.done();
  MadeRuns made;
  made.left = held.size();
  made.failed = maker.failed();
  std::set<std::size_t> without(held.begin(), held.end());
  for (const FailedRun& failed : made.failed) without.insert(failed.index);
  for (std::size_t i = 0; i < runs.size(); ++i) {
    if (without.count(i) > 0) continue;
    made.results.push_back(std::move(runs[i].result));
    made.made.push_back(runs[i].made);
  }
  return made;
}

}  // namespace harness
