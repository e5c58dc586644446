// What norm-harness does where others want something of it: signals, and processes on the same
// runs.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <csignal>
#include <thread>
#include <utility>

#include "harness/runs/run_store.hpp"
#include "tests/cli/process.hpp"

namespace {

using cli::run;
using cli::shell;
using cli::weights;
using testing::HasSubstr;
namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

/// Thousands of short steps.
constexpr const char* kLong =
    "run e1 --profile smoke --arms layernorm --threads 1 --steps 10000 --checkpoint-every 0.05 "
    "--store s";
/// A loaded machine does in this time what an idle one does in a tenth of it.
constexpr double kSoon = 4;

void pause(int milliseconds) {
  std::this_thread::sleep_for(std::chrono::milliseconds(milliseconds));
}

/// Waits until a run of a store has a checkpoint, and so trains; for at most 20 seconds.
bool trains(const fs::path& store) {
  for (int i = 0; i < 2000; ++i, pause(10)) {
    std::error_code not_yet;
    for (const auto& entry : fs::directory_iterator(store / "runs", not_yet)) {
      if (fs::exists(entry.path() / "checkpoint.bin")) return true;
    }
  }
  return false;
}

/// Sends a signal and waits; returns exit code and seconds.
std::pair<int, double> stopped(pid_t pid, int signal) {
  const auto start = Clock::now();
  kill(pid, signal);
  const int code = cli::wait_for(pid);
  return {code, std::chrono::duration<double>(Clock::now() - start).count()};
}

TEST(OtherProcesses, ShareAPlanAndBothEndWithAllOfIt) {
  const cli::Scratch scratch;
  const std::string plan =
      "run e1,e2 --profile smoke --seeds 3 --threads 2 --steps 400 --store s --golden " GOLDEN;
  const auto both = shell(scratch.path(), "$H " + plan + " >a 2>&1 & $H " + plan +
                                              " >b 2>&1; echo $?; wait $!; echo $?");
  EXPECT_EQ(both.out, "0\n0\n") << cli::read(scratch / "a") << cli::read(scratch / "b");
  EXPECT_EQ(weights(scratch / "s").size(), 12u);
  const std::string a = cli::read(scratch / "a"), b = cli::read(scratch / "b");
  for (const harness::RunResult& result :
       harness::Store(scratch / "s", harness::Access::reading).results()) {
    const std::string name = result.arm + " seed " + std::to_string(result.seed) + ": 400 steps in";
    const bool here = a.find(name) != std::string::npos, there = b.find(name) != std::string::npos;
    EXPECT_NE(here, there) << name << " once";
  }
}

TEST(OtherProcesses, ARunThatAnotherHoldsIsLeftOrWaitedForOrTakenOver) {
  const cli::Scratch scratch, whole;
  const std::string both =
      "run e1 --profile smoke --arms layernorm,none --threads 1 --steps 10000 --store s ";
  const pid_t holder = cli::start(scratch.path(), kLong);
  ASSERT_TRUE(trains(scratch / "s"));
  kill(holder, SIGSTOP);
  const auto left = run(scratch.path(), both + "--no-wait");
  EXPECT_EQ(left.code, 4) << left.err;
  EXPECT_THAT(left.err, HasSubstr("another process holds 1 of the 2 runs"));
  EXPECT_EQ(weights(scratch / "s").size(), 1u) << "the free one is made";

  const fs::path told = scratch / "told";
  const pid_t waiting = cli::start(scratch.path(), both, "", told);
  const std::string sentence =
      "waits for 1 run that another process holds (pid " + std::to_string(holder) + ")";
  for (int i = 0; i < 2000; ++i, pause(10)) {
    if (fs::exists(told) && cli::read(told).find(sentence) != std::string::npos) break;
  }
  EXPECT_THAT(cli::read(told), HasSubstr(sentence));
  EXPECT_EQ(stopped(holder, SIGKILL).first, 128 + SIGKILL);
  EXPECT_EQ(cli::wait_for(waiting), 0) << cli::read(told);
  EXPECT_THAT(cli::read(told), HasSubstr("layernorm seed 0: resumes at step"));
  ASSERT_EQ(run(whole.path(), both).code, 0);
  EXPECT_EQ(weights(scratch / "s"), weights(whole / "s"));
}

TEST(OtherProcesses, WhoWaitsEndsAtASignal) {
  const cli::Scratch scratch;
  const pid_t holder = cli::start(scratch.path(), kLong);
  ASSERT_TRUE(trains(scratch / "s"));
  kill(holder, SIGSTOP);
  const pid_t waiting = cli::start(scratch.path(), kLong);
  pause(500);
  const auto [code, seconds] = stopped(waiting, SIGTERM);
  EXPECT_EQ(code, 130);
  EXPECT_LT(seconds, kSoon);
  stopped(holder, SIGKILL);
}

TEST(Signals, AskForACheckpoint) {
  for (const int signal : {SIGHUP, SIGTERM, SIGINT}) {
    const cli::Scratch scratch;
    const pid_t pid = cli::start(scratch.path(), kLong, "", scratch / "told");
    ASSERT_TRUE(trains(scratch / "s"));
    const auto [code, seconds] = stopped(pid, signal);
    EXPECT_EQ(code, 130) << signal;
    EXPECT_LT(seconds, kSoon);
    EXPECT_THAT(cli::read(scratch / "told"), HasSubstr("norm-harness: stopped at step")) << signal;
  }
}

TEST(Signals, ThatComeTogetherAreOne) {
  const cli::Scratch scratch;
  const pid_t pid = cli::start(scratch.path(), kLong, "", scratch / "told");
  ASSERT_TRUE(trains(scratch / "s"));
  kill(pid, SIGTERM);
  kill(pid, SIGHUP);
  EXPECT_EQ(stopped(pid, SIGINT).first, 130);
  EXPECT_THAT(cli::read(scratch / "told"), HasSubstr("norm-harness: stopped at step"));
}

TEST(Signals, ThatTheParentIgnoredStayIgnored) {
  for (const auto& [name, signal] : {std::pair("HUP", SIGHUP), std::pair("INT", SIGINT)}) {
    const cli::Scratch scratch;
    const pid_t pid = cli::start(scratch.path(), kLong, "trap '' " + std::string(name) + "; ");
    ASSERT_TRUE(trains(scratch / "s"));
    kill(pid, signal);
    EXPECT_EQ(cli::wait_for(pid), 0) << name;
    EXPECT_EQ(weights(scratch / "s").size(), 1u);
  }
}

TEST(Signals, EndAtOnceWhatHasNothingToLose) {
  const std::string one = "run e1 --profile smoke --arms none --threads 2 --store s ";
  // Its model is made for seconds; its slices are measured for many.
  for (const std::string& slow : {one + "--blocks 4000", one + "--dense --steps 1 --batch 10000"}) {
    const cli::Scratch scratch;
    const pid_t pid = cli::start(scratch.path(), slow);
    ASSERT_TRUE(cli::appears(scratch / "s/runs"));
    pause(1500);
    const auto [code, seconds] = stopped(pid, SIGTERM);
    EXPECT_EQ(code, 130) << slow;
    EXPECT_LT(seconds, kSoon) << slow;
  }
}

TEST(Signals, DoNotWaitForARunThatIsMadeBesideOneThatIsSaved) {
  const cli::Scratch scratch;
  // One trains; the other makes its texts for many seconds.
  const pid_t pid =
      cli::start(scratch.path(),
                 "run e1,e4 --profile smoke --arms layernorm --threads 2 --steps "
                 "4000000 --rows 400000 --length 1000 --checkpoint-every 0.05 --store s",
                 "", scratch / "told");
  ASSERT_TRUE(trains(scratch / "s"));
  const auto [code, seconds] = stopped(pid, SIGTERM);
  EXPECT_EQ(code, 130);
  EXPECT_LT(seconds, kSoon);
  EXPECT_THAT(cli::read(scratch / "told"), HasSubstr("norm-harness: stopped at step"));
}

TEST(Signals, CutAnEpochsTestsShortAndLoseNothing) {
  const std::string slow =
      "run e4 --profile smoke --arms layernorm --threads 1 --epochs 2 --rows 40 --test-rows 8000 "
      "--store s";
  const cli::Scratch whole, cut;
  const auto start = Clock::now();
  ASSERT_EQ(run(whole.path(), slow).code, 0);
  const double all = std::chrono::duration<double>(Clock::now() - start).count();
  int stops = 0;
  for (int i = 0; i < 4; ++i) {
    const pid_t pid = cli::start(cut.path(), slow);
    ASSERT_TRUE(cli::appears(cut / "s/runs"));
    pause(int(400 * all));
    const auto [code, seconds] = stopped(pid, SIGTERM);
    if (code == 0) break;
    ++stops;
    EXPECT_EQ(code, 130);
    EXPECT_LT(seconds, kSoon);
  }
  EXPECT_GE(stops, 1);
  ASSERT_EQ(run(cut.path(), slow).code, 0);
  const auto a = harness::Store(cut / "s", harness::Access::reading).results(),
             b = harness::Store(whole / "s", harness::Access::reading).results();
  ASSERT_EQ(a.size(), 1u);
  EXPECT_EQ(a[0].weights_sha256, b[0].weights_sha256);
  EXPECT_EQ(a[0].epochs, b[0].epochs);
  EXPECT_EQ(a[0].spectra, b[0].spectra);
}

}  // namespace
