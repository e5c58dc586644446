#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "harness/base/files.hpp"
#include "harness/base/node.hpp"
#include "harness/runs/lease.hpp"
#include "harness/runs/run_store.hpp"
#include "libnorm/core/error.hpp"
#include "tests/unit/harness/runs/store_samples.hpp"

/// Locks between nodes, where the file system has none: leases.
namespace harness {
namespace {

namespace fs = std::filesystem;
using libnorm::DataError;
using testing::HasSubstr;

/// Seconds after which a silent lease is taken over, in most tests.
constexpr double kSilent = 0.6;
const Locks kLeases{true, kSilent};

void pause_for(double seconds) {
  std::this_thread::sleep_for(std::chrono::duration<double>(seconds));
}

/// Tries to take a run, as a task that waits for it does, for at most so many seconds.
std::optional<LockedRun> take_within(const Store& store, const Spec& spec, double seconds) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::duration<double>(seconds);
  while (std::chrono::steady_clock::now() < end) {
    if (auto run = store.try_lock(spec)) return run;
    pause_for(0.02);
  }
  return std::nullopt;
}

/// A lease of another machine on a run, as its holder would have left it.
fs::path plant_lease(const fs::path& folder, std::size_t number) {
  const std::string token = "0123456789abcde" + std::to_string(number);
  fs::create_directories(folder / ("attempt-" + token));
  scribble(folder / ("attempt-" + token) / "beat", "1");
  scribble(folder / ("lease." + std::to_string(number)),
           token + "\nanother-boot 1 1 1\n1\nn7\n12_3\n");
  return folder / ("attempt-" + token);
}

void set_time(const fs::path& file, std::chrono::minutes shift) {
  fs::last_write_time(file, fs::file_time_type::clock::now() + shift);
}

TEST(Lease, KeepsOthersOutUntilItIsReleased) {
  const ScratchFolder scratch;
  const Store one(scratch.path(), Access::writing, kLeases), other(scratch.path(), Access::writing);
  EXPECT_TRUE(other.locks().leases) << "the store says how it is locked";
  EXPECT_EQ(other.locks().seconds, kSilent);
  const Spec spec = sample_spec(1);
  {
    const LockedRun run = one.lock(spec);
    EXPECT_FALSE(other.try_lock(spec));
    EXPECT_FALSE(one.try_lock(spec));
    EXPECT_EQ(other.holder(spec), std::to_string(getpid()));
    const auto holder = other.holder_of(other.folder(spec));
    ASSERT_TRUE(holder);
    EXPECT_EQ(holder->node, node_name());
    run.save_checkpoint(bytes_of("half"));
    pause_for(2 * kSilent);
    EXPECT_FALSE(other.try_lock(spec)) << "its holder is alive";
    EXPECT_FALSE(run.is_lost());
  }
  EXPECT_FALSE(other.holder_of(other.folder(spec)));
  const LockedRun run = other.lock(spec);
  EXPECT_EQ(run.load_checkpoint(), bytes_of("half")) << "of the attempt before";
  run.save_checkpoint(bytes_of("more"));
  finish_with_kept(run, "weights");
  EXPECT_EQ(read_file(one.kept_file(*one.find(spec))), kept_text("weights"));
}

TEST(Lease, LeavesNothingOfItselfInAFinishedRun) {
  const ScratchFolder scratch;
  const Store store(scratch.path(), Access::writing, kLeases);
  const Spec spec = sample_spec(1);
  for (int i = 0; i < 3; ++i) store.lock(spec).save_checkpoint(bytes_of("half"));
  finish_with_kept(store.lock(spec), "weights");
  EXPECT_THAT(names_in(store.folder(spec)),
              testing::UnorderedElementsAre("row.json", "kept.safetensors", "spec.txt", "lock"));
}

TEST(Lease, AStoreHasOneKindOfLocks) {
  const ScratchFolder scratch;
  const Store store(scratch.path(), Access::writing, kLeases);
  try {
    const Store other(scratch.path(), Access::writing, Locks{false});
    FAIL() << "two kinds of locks do not see each other";
  } catch (const DataError& error) {
    EXPECT_THAT(error.what(), HasSubstr("its runs are locked otherwise"));
  }
  scribble(scratch.path() / "locks", "lease -1\n");
  EXPECT_THROW(Store(scratch.path(), Access::writing), DataError);
}

TEST(Lease, OfAnotherNodeHoldsWhileItShowsSignsWhateverItsClockSays) {
  for (const int minutes : {-7, 0, 7}) {
    const ScratchFolder scratch;
    const Store store(scratch.path(), Access::writing, kLeases);
    const Spec spec = sample_spec(1);
    const fs::path attempt = plant_lease(store.folder(spec), 3);
    const auto end = std::chrono::steady_clock::now() + std::chrono::duration<double>(3 * kSilent);
    for (int beat = 2; std::chrono::steady_clock::now() < end; ++beat) {
      scribble(attempt / "beat", std::to_string(beat));
      set_time(attempt / "beat", std::chrono::minutes(minutes));
      ASSERT_FALSE(store.try_lock(spec)) << minutes << " min, beat " << beat;
      pause_for(kSilent / 5);
    }
    EXPECT_EQ(store.holder_of(store.folder(spec))->node, "n7");
    EXPECT_EQ(store.holder_of(store.folder(spec))->job, "12_3");
    // Its last sign stays where it is: the node is dead.
    const auto run = take_within(store, spec, 3 * kSilent);
    ASSERT_TRUE(run) << minutes;
    EXPECT_TRUE(fs::exists(store.folder(spec) / "lease.4"));
  }
}

TEST(Lease, ACheckpointIsASignOfLife) {
  const ScratchFolder scratch;
  const Store store(scratch.path(), Access::writing, kLeases);
  const Spec spec = sample_spec(1);
  const fs::path attempt = plant_lease(store.folder(spec), 1);
  for (int i = 0; i < 10; ++i) {
    write_atomically(attempt / "checkpoint.bin", "state " + std::to_string(i));
    ASSERT_FALSE(store.try_lock(spec));
    pause_for(kSilent / 3);
  }
}

TEST(Lease, OfAProcessThatEndedHereIsFreeAtOnce) {
  const ScratchFolder scratch;
  const Store store(scratch.path(), Access::writing, Locks{true, 1000});
  const Spec spec = sample_spec(1);
  Child child([&](const std::function<void()>& tell) {
    const LockedRun run = store.lock(spec);
    run.save_checkpoint(bytes_of("half"));
    tell();
    while (true) pause();
  });
  ASSERT_TRUE(child.wait_until_told());
  EXPECT_FALSE(store.try_lock(spec));
  child.kill_now();
  const auto run = store.try_lock(spec);
  ASSERT_TRUE(run) << "nobody waits 1000 s for a process that is known to be gone";
  EXPECT_EQ(run->load_checkpoint(), bytes_of("half"));
}

/// A process that was stopped, lost its run, and wakes up: it tells what it found by its exit.
class Sleeper {
 public:
  Sleeper(const Store& store, const Spec& spec, const std::function<void(const LockedRun&)>& wake)
      : child_([&](const std::function<void()>& tell) {
          const LockedRun run = store.lock(spec);
          run.save_checkpoint(bytes_of("its"));
          tell();
          raise(SIGSTOP);
          wake(run);
          tell();
        }) {
    EXPECT_TRUE(child_.wait_until_told());
    waitpid(child_.pid(), nullptr, WUNTRACED);
  }
  /// Wakes it. Returns: whether it came to the end of what it does then.
  bool wake() {
    kill(child_.pid(), SIGCONT);
    return child_.wait_until_told();
  }

 private:
  Child child_;
};

TEST(Lease, WhoWakesAfterItWasTakenCannotWriteIntoTheRun) {
  const ScratchFolder scratch;
  const Store store(scratch.path(), Access::writing, kLeases);
  const Spec spec = sample_spec(1);
  Sleeper sleeper(store, spec, [&](const LockedRun& run) {
    if (!run.is_lost()) _exit(4);
    try {
      run.save_checkpoint(bytes_of("late"));
      _exit(5);
    } catch (const LeaseLost&) {
    }
  });
  const auto run = take_within(store, spec, 4 * kSilent);
  ASSERT_TRUE(run);
  EXPECT_EQ(run->load_checkpoint(), bytes_of("its"));
  run->save_checkpoint(bytes_of("mine"));
  EXPECT_TRUE(sleeper.wake()) << "it is told that it has lost the run";
  EXPECT_FALSE(run->is_lost());
  EXPECT_EQ(run->load_checkpoint(), bytes_of("mine"));
}

TEST(Lease, ALateEqualResultIsDropped) {
  const ScratchFolder scratch;
  const Store store(scratch.path(), Access::writing, kLeases);
  const Spec spec = sample_spec(1);
  Sleeper sleeper(store, spec, [&](const LockedRun& run) {
    RunResult late = sample_result_of(spec);
    late.seconds += 100;
    run.finish(late);
  });
  finish_with_kept(*take_within(store, spec, 4 * kSilent), "weights");
  const std::string row = read_file(store.folder(spec) / "row.json");
  EXPECT_TRUE(sleeper.wake());
  EXPECT_EQ(read_file(store.folder(spec) / "row.json"), row);
  EXPECT_FALSE(fs::exists(scratch.path() / "conflicts"));
  EXPECT_EQ(read_file(store.kept_file(*store.find(spec))), kept_text("weights"));
}

TEST(Lease, ALateResultIsAcceptedWhereThereIsNoneYet) {
  const ScratchFolder scratch;
  const Store store(scratch.path(), Access::writing, kLeases);
  const Spec spec = sample_spec(1);
  Sleeper sleeper(store, spec, [&](const LockedRun& run) { run.finish(sample_result_of(spec)); });
  {
    const auto run = take_within(store, spec, 4 * kSilent);
    ASSERT_TRUE(run);
    EXPECT_TRUE(sleeper.wake());
    EXPECT_TRUE(store.find(spec)) << "its work was not for nothing";
    run->finish(sample_result_of(spec));
  }
  EXPECT_EQ(store.results().size(), 1u);
}

TEST(Lease, ALateResultThatDiffersIsAFindingAndBothAreKept) {
  const ScratchFolder scratch;
  const Store store(scratch.path(), Access::writing, kLeases);
  const Spec spec = sample_spec(1);
  Sleeper sleeper(store, spec, [&](const LockedRun& run) {
    RunResult other = sample_result_of(spec);
    other.weights_sha256[5] = other.weights_sha256[5] == 'a' ? 'b' : 'a';
    try {
      run.finish(other);
      _exit(4);
    } catch (const DataError& error) {
      const std::string text = error.what();
      if (text.find("weights_sha256") == std::string::npos) _exit(5);
      if (text.find(node_name()) == std::string::npos) _exit(6);
    }
  });
  take_within(store, spec, 4 * kSilent)->finish(sample_result_of(spec));
  EXPECT_TRUE(sleeper.wake());
  EXPECT_EQ(store.find(spec)->weights_sha256, sample_result_of(spec).weights_sha256);
  EXPECT_EQ(names_in(scratch.path() / "conflicts").size(), 1u);
}

// Whoever finishes a run removes all attempts, also that of a process that is about to claim it.
TEST(Lease, AnAttemptThatIsRemovedWhileItClaimsIsNoFailure) {
  const ScratchFolder scratch;
  const Store store(scratch.path(), Access::writing, kLeases);
  const Spec spec = sample_spec(1);
  const fs::path folder = store.folder(spec);
  fs::create_directory(folder);
  const Child remover([&](const auto&) {
    while (true) {
      for (const std::string& name : names_in(folder)) {
        if (name.starts_with("attempt-")) remove_attempt(folder / name);
      }
    }
  });
  int taken = 0;
  for (int i = 0; i < 300; ++i) {
    ASSERT_NO_THROW(taken += store.try_lock(spec) ? 1 : 0) << "try " << i;
  }
  EXPECT_LT(taken, 300) << "no attempt was removed";
}

TEST(Lease, WhatWasKeptIsFoundWhereItsMakerWasKilledBeforeItMovedIt) {
  const ScratchFolder scratch;
  const Store store(scratch.path(), Access::writing, kLeases);
  const Spec spec = sample_spec(1);
  const RunResult result = finish_with_kept(store.lock(spec), "weights");
  const fs::path attempt = plant_lease(store.folder(spec), 1);
  fs::rename(store.folder(spec) / "kept.safetensors", attempt / "kept.safetensors");
  scribble(attempt / "released", "");
  EXPECT_EQ(read_file(store.kept_file(result)), kept_text("weights"));
  store.lock(spec);
  EXPECT_EQ(read_file(store.folder(spec) / "kept.safetensors"), kept_text("weights"));
}

/// A worker of the test below: takes runs until all are finished. A run has kSteps steps. Each step
/// writes a line with the run and the attempt into the log of all, and a checkpoint.
constexpr int kSteps = 6, kRuns = 8;
void work(const Store& store, const fs::path& log) {
  for (bool all = false; !all;) {
    all = true;
    for (std::uint64_t seed = 1; seed <= kRuns; ++seed) {
      const Spec spec = sample_spec(seed);
      if (store.find(spec)) continue;
      all = false;
      const auto run = store.try_lock(spec);
      if (!run || store.find(spec)) continue;
      const auto state = run->load_checkpoint();
      for (std::size_t step = state ? state->size() : 0; step < kSteps; ++step) {
        const std::string line = std::to_string(seed) + " " + std::to_string(getpid()) + " " +
                                 std::to_string(step) + "\n";
        const Descriptor file(::open(log.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC));
        if (::write(file.get(), line.data(), line.size()) < 0) _exit(7);
        pause_for(0.01);
        run->save_checkpoint(std::vector<std::byte>(step + 1));
      }
      run->finish(sample_result_of(spec));
    }
    pause_for(0.01);
  }
}

TEST(Lease, FiftyRandomKillsLoseNoRunAndTrainNoneTwiceAtOnce) {
  std::uint32_t random = 12345;
  const auto draw = [&](std::uint32_t below) {
    random = random * 1664525u + 1013904223u;
    return (random >> 8) % below;
  };
  int kills = 0;
  for (int round = 0; kills < 50; ++round) {
    ASSERT_LT(round, 200) << "the workers end before they are killed";
    const ScratchFolder scratch;
    const fs::path log = scratch.path() / "log";
    scribble(log, "");
    // Long enough for a busy machine: whoever is killed here is known to be dead at once.
    const Store store(scratch.path() / "store", Access::writing, Locks{true, 10});
    std::vector<std::unique_ptr<Child>> workers(4);
    const auto start = [&](auto& worker) {
      worker = std::make_unique<Child>([&](const auto& tell) {
        work(store, log);
        tell();
      });
    };
    for (auto& worker : workers) start(worker);
    while (kills < 50 && store.results().size() < kRuns) {
      pause_for(0.005 * (1 + draw(6)));
      start(workers[draw(4)]);  // ends the one that was there
      ++kills;
    }
    for (auto& worker : workers)
      EXPECT_TRUE(worker->wait_until_told()) << "it does all that is left";
    ASSERT_EQ(store.results().size(), std::size_t(kRuns)) << "0 lost";
    // Of each run, the lines of one process stand together, and no step is left out.
    std::map<int, std::vector<std::pair<int, int>>> steps;
    std::ifstream lines(log);
    for (int run = 0, process = 0, step = 0; lines >> run >> process >> step;) {
      steps[run].push_back({process, step});
    }
    ASSERT_EQ(steps.size(), std::size_t(kRuns));
    for (const auto& [run, all] : steps) {
      std::set<int> over;
      for (std::size_t i = 1; i < all.size(); ++i) {
        const bool same = all[i].first == all[i - 1].first;
        if (!same) over.insert(all[i - 1].first);
        EXPECT_FALSE(over.count(all[i].first)) << "run " << run << " was trained twice at once";
        const int next = all[i - 1].second + 1;
        EXPECT_TRUE(all[i].second == next || (!same && all[i].second == next - 1)) << run;
      }
      EXPECT_EQ(all.back().second, kSteps - 1);
    }
  }
}

}  // namespace
}  // namespace harness
