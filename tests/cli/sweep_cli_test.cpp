#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <chrono>
#include <csignal>
#include <string>
#include <thread>

#include "harness/base/files.hpp"
#include "harness/results/result_json.hpp"
#include "harness/runs/run_store.hpp"
#include "tests/cli/process.hpp"
#include "tests/unit/harness/runs/store_samples.hpp"

/// Sweeps: plan, run --plan, status, merge.
namespace {

using cli::run;
using cli::weights;
using testing::HasSubstr;
namespace fs = std::filesystem;

constexpr const char* kPlan =
    "plan e1,e2 --profile smoke --seeds 2 --steps 40 --output p --store s --golden " GOLDEN;
constexpr const char* kWhole =
    "run e1,e2 --profile smoke --seeds 2 --steps 40 --quiet --store whole --golden " GOLDEN;
constexpr const char* kSweep = "run --plan p --quiet ";
/// A run that takes long enough to be stopped.
constexpr const char* kLongPlan =
    "plan e1 --profile smoke --arms layernorm --output p --store s --steps 10000";

nlohmann::json status_of(const cli::Scratch& scratch, const std::string& more = "") {
  return nlohmann::json::parse(run(scratch.path(), "status p --json " + more).out);
}

bool trains(const fs::path& store) {
  const harness::Store opened(store, harness::Access::reading);
  for (int i = 0; i < 2000; ++i) {
    for (const auto& entry : fs::directory_iterator(opened.runs())) {
      if (entry.is_directory() && !opened.checkpoint_of(entry.path()).empty()) return true;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return false;
}

TEST(Sweep, ShardsOfAPlanInTwoStoresMergeToWhatOneProcessMakes) {
  const cli::Scratch scratch;
  ASSERT_EQ(run(scratch.path(), kWhole).code, 0);
  const auto plan = run(scratch.path(), kPlan);
  ASSERT_EQ(plan.code, 0) << plan.err;
  EXPECT_THAT(plan.out, HasSubstr("8 runs, of which 0 are stored already"));
  EXPECT_FALSE(fs::exists(scratch / "s")) << "nothing starts";
  EXPECT_EQ(run(scratch.path(), "status p").code, 4);
  for (const char* part : {"1/2 --store a", "2/2 --store b"}) {
    const auto shard = run(scratch.path(), kSweep + std::string("--shard ") + part);
    ASSERT_EQ(shard.code, 0) << shard.err;
  }
  const auto half = run(scratch.path(), "status p --store a");
  EXPECT_EQ(half.code, 4);
  EXPECT_THAT(half.out, HasSubstr("4 of 8 runs are done, 0 running, 0 failed, 4 missing."));
  const auto merged = run(scratch.path(), "merge a b --into s");
  EXPECT_EQ(merged.code, 0) << merged.err;
  EXPECT_THAT(merged.out, HasSubstr("8 results added, 0 were there already"));
  EXPECT_EQ(run(scratch.path(), "status p").code, 0);
  EXPECT_EQ(weights(scratch / "s"), weights(scratch / "whole"));
  EXPECT_THAT(run(scratch.path(), "merge b whole --into s").out,
              HasSubstr("0 results added, 12 were there already and are equal;"));
  for (const harness::RunResult& result :
       harness::Store(scratch / "s", harness::Access::reading).results()) {
    EXPECT_NO_THROW(harness::Store(scratch / "s", harness::Access::reading).kept_file(result))
        << "what runs keep is merged too";
  }
}

TEST(Sweep, TwoResultsThatDifferInABitAreBothKeptAndNamed) {
  const cli::Scratch scratch;
  ASSERT_EQ(run(scratch.path(), kPlan).code, 0);
  ASSERT_EQ(run(scratch.path(), kSweep + std::string("--store a")).code, 0);
  fs::copy(scratch / "a", scratch / "b", fs::copy_options::recursive);
  const harness::Store store(scratch / "b", harness::Access::writing);
  harness::RunResult result = store.results()[0];
  const std::string weights = result.weights_sha256;
  result.weights_sha256[10] = result.weights_sha256[10] == '0' ? '1' : '0';
  const harness::Spec spec = harness::Spec::parse(result.spec, "spec");
  store.lock(spec).finish(result);
  ASSERT_EQ(run(scratch.path(), "merge a --into c").code, 0);
  const auto merged = run(scratch.path(), "merge b --into c");
  EXPECT_EQ(merged.code, 1);
  EXPECT_THAT(merged.err, HasSubstr(result.arm + " seed " + std::to_string(result.seed)));
  EXPECT_THAT(merged.err, HasSubstr("weights_sha256"));
  EXPECT_THAT(merged.err, HasSubstr(result.environment.cpu));
  EXPECT_THAT(merged.out, HasSubstr("7 were there already"));
  const harness::Store both(scratch / "c", harness::Access::reading);
  EXPECT_EQ(both.find(spec)->weights_sha256, weights);
  int kept = 0;
  for (const auto& entry : fs::directory_iterator(scratch / "c" / "conflicts")) {
    kept += entry.path().extension() == ".json" &&
            cli::read(entry.path()).find(result.weights_sha256) != std::string::npos;
  }
  EXPECT_EQ(kept, 1);
  EXPECT_EQ(run(scratch.path(), "status p --store c").code, 1);
  EXPECT_EQ(run(scratch.path(), "merge c --into c").code, 2);
  EXPECT_EQ(run(scratch.path(), "merge nowhere --into c").code, 3);
}

TEST(Sweep, AFailureIsNotedAndTheOthersAreMade) {
  const cli::Scratch scratch;
  ASSERT_EQ(run(scratch.path(), kPlan).code, 0);
  // A damaged checkpoint of one of the runs.
  const auto plan = status_of(scratch);
  const fs::path folder = scratch / "s" / "runs" / std::string(plan["runs"][3]["folder"]);
  fs::create_directories(folder);
  cli::write(folder / "checkpoint.bin", "no checkpoint");
  const auto first = run(scratch.path(), kSweep);
  EXPECT_EQ(first.code, 1) << first.err;
  EXPECT_THAT(first.err, HasSubstr("1 run has failed"));
  const auto told = run(scratch.path(), "status p");
  EXPECT_EQ(told.code, 1);
  EXPECT_THAT(told.out, HasSubstr("7 of 8 runs are done, 0 running, 1 failed, 0 missing."));
  EXPECT_THAT(told.out, HasSubstr("checkpoint.bin is torn, edited or of another version"));
  const auto failed = status_of(scratch)["runs"][3];
  EXPECT_EQ(failed["state"], "failed");
  EXPECT_NE(failed["node"], "");
  fs::remove(folder / "checkpoint.bin");
  EXPECT_EQ(run(scratch.path(), kSweep).code, 1) << "it is not made again unasked";
  EXPECT_EQ(run(scratch.path(), kSweep + std::string("--retry-failed")).code, 0);
  EXPECT_EQ(run(scratch.path(), "status p").code, 0);
  EXPECT_FALSE(fs::exists(folder / "failed.json"));
}

TEST(Sweep, SchedulersSignalsSaveTheRunsAndLeaveWithFour) {
  const cli::Scratch whole;
  ASSERT_EQ(
      run(whole.path(), "run e1 --profile smoke --arms layernorm --steps 10000 --quiet --store w")
          .code,
      0);
  for (const auto& [signal, locks] :
       {std::pair(SIGTERM, " --locks flock"), {SIGUSR1, " --locks lease:1000"}}) {
    const cli::Scratch scratch;
    ASSERT_EQ(run(scratch.path(), kLongPlan).code, 0);
    const std::string task = kSweep + std::string("--checkpoint-every 0.1 --threads 1");
    const pid_t pid = cli::start(scratch.path(), task + locks);
    ASSERT_TRUE(cli::appears(scratch / "s" / "runs"));
    ASSERT_TRUE(trains(scratch / "s"));
    EXPECT_EQ(status_of(scratch)["running"], 1);
    kill(pid, signal);
    EXPECT_EQ(cli::wait_for(pid), 4) << signal;
    const auto status = status_of(scratch);
    EXPECT_EQ(status["running"], 0) << "it is released";
    EXPECT_EQ(status["runs"][0]["has_checkpoint"], true);
    const auto next =
        run(scratch.path(), "run --plan p --threads 2 --no-wait" + std::string(locks));
    EXPECT_EQ(next.code, 0) << next.err;
    EXPECT_THAT(next.out, HasSubstr("resumes at step"));
    EXPECT_EQ(weights(scratch / "s"), weights(whole / "w"));
  }
}

TEST(Sweep, EndsBeforeItsTimeAndBeginsNothingThatItCouldNotSave) {
  const cli::Scratch scratch;
  ASSERT_EQ(run(scratch.path(), std::string(kLongPlan) + "0").code, 0);
  const auto none = run(scratch.path(), kSweep + std::string("--until 1"));
  EXPECT_EQ(none.code, 4) << none.err;
  EXPECT_EQ(status_of(scratch)["runs"][0]["has_checkpoint"], false);
  const auto start = std::chrono::steady_clock::now();
  const auto some = run(scratch.path(), kSweep + std::string("--threads 1 --until 0:04"));
  const double seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  EXPECT_EQ(some.code, 4) << some.err;
  EXPECT_LT(seconds, 4);
  EXPECT_EQ(status_of(scratch)["runs"][0]["has_checkpoint"], true);
  for (const char* time : {"soon", "1:", ":3", "", "-5", "1:2-3"}) {
    EXPECT_EQ(run(scratch.path(), kSweep + std::string("--until '") + time + "'").code, 2) << time;
  }
}

TEST(Sweep, APlanThatIsDamagedOrOfOtherRunsIsRefused) {
  const cli::Scratch scratch;
  ASSERT_EQ(run(scratch.path(), kPlan).code, 0);
  for (const char* option :
       {"--arms none", "--seeds 3", "--profile paper", "--steps 3", "--dense"}) {
    const auto refused = run(scratch.path(), kSweep + std::string(option));
    EXPECT_EQ(refused.code, 2) << option;
    EXPECT_THAT(refused.err, HasSubstr("the plan decides it"));
  }
  for (const char* option : {"--until 5", "--retry-failed"}) {
    EXPECT_EQ(run(scratch.path(), "run e1 " + std::string(option)).code, 2) << option;
  }
  std::string text = cli::read(scratch / "p");
  text[text.find("layernorm") + 1] = 'b';
  cli::write(scratch / "p", text);
  for (const char* command : {"run --plan p", "status p"}) {
    const auto refused = run(scratch.path(), command);
    EXPECT_EQ(refused.code, 3) << command;
    EXPECT_THAT(refused.err, HasSubstr("is damaged, edited or not a plan"));
  }
  EXPECT_EQ(run(scratch.path(), "plan e1").code, 2);
  EXPECT_EQ(run(scratch.path(), "status").code, 2);
  EXPECT_EQ(run(scratch.path(), "merge s").code, 2);
}

TEST(Sweep, AFullDiskEndsTheTaskAndLosesNothing) {
  const cli::Scratch scratch;
  ASSERT_EQ(run(scratch.path(), kPlan).code, 0);
  ASSERT_EQ(run(scratch.path(), kSweep + std::string("--shard 1/4")).code, 0);
  const auto full = run(scratch.path(), kSweep + std::string("--threads 1"), "ulimit -f 8;");
  EXPECT_EQ(full.code, 3) << full.err;
  EXPECT_THAT(full.err, HasSubstr("cannot write"));
  const auto status = status_of(scratch);
  EXPECT_EQ(status["done"], 2);
  EXPECT_EQ(status["failed"], 0) << "it is not the runs' fault";
  EXPECT_EQ(run(scratch.path(), kSweep).code, 0);
}

}  // namespace
