#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <thread>

#include "libnorm/core/rng.hpp"
#include "tests/cli/other_texts.hpp"
#include "tests/cli/process.hpp"

/// Experiment 4 on the command line: its data, and runs that are cut short.
namespace {

using cli::run;
using cli::write_data;
using testing::HasSubstr;
namespace fs = std::filesystem;

/// A few seconds of generated texts, with a checkpoint at every step.
constexpr const char* kLong =
    "run e4 --profile smoke --arms layernorm --epochs 60 --threads 1 --checkpoint-every 0 --store "
    "s";

std::string weights(const fs::path& directory) {
  const auto shown = run(directory, "show --json --store s");
  const auto results = nlohmann::json::parse(shown.out);
  EXPECT_EQ(results.size(), 1u);
  return results[0]["weights_sha256"];
}

TEST(EncoderCli, ARunKilledAtTwentyMomentsGoesOnToTheSameBits) {
  const cli::Scratch whole, cut;
  const auto start = std::chrono::steady_clock::now();
  ASSERT_EQ(run(whole.path(), kLong).code, 0);
  const std::chrono::duration<double, std::milli> length = std::chrono::steady_clock::now() - start;
  const std::string expected = weights(whole.path());
  const libnorm::Random random(1, libnorm::Purpose::test, 20);
  int kills = 0;
  for (std::uint64_t i = 0; i < 20; ++i) {
    const pid_t pid = cli::start(cut.path(), kLong);
    // The moments lie anywhere from the start to an eighth of the run, so that it lasts for all.
    const double wait = random.uniform(i) * length.count() / 8;
    std::this_thread::sleep_for(std::chrono::duration<double, std::milli>(wait));
    kill(pid, SIGKILL);
    const int code = cli::wait_for(pid);
    if (code == 0) break;
    EXPECT_EQ(code, 128 + SIGKILL);
    ++kills;
  }
  EXPECT_GE(kills, 8) << "the run ended before it was killed often";
  const auto last = run(cut.path(), kLong);
  ASSERT_EQ(last.code, 0) << last.err;
  EXPECT_EQ(weights(cut.path()), expected);
}

TEST(EncoderCli, AFullDiskIsNamedAndTheLastCheckpointIsWhole) {
  const cli::Scratch scratch, whole;
  ASSERT_EQ(run(whole.path(), kLong).code, 0);
  const pid_t pid = cli::start(scratch.path(), kLong);
  std::this_thread::sleep_for(std::chrono::milliseconds(400));
  kill(pid, SIGINT);
  ASSERT_EQ(cli::wait_for(pid), 130);
  // Room for small files alone: the next checkpoint does not fit.
  const auto full = run(scratch.path(), kLong, "ulimit -f 4; ");
  EXPECT_EQ(full.code, 3) << full.err;
  EXPECT_THAT(full.err, HasSubstr("checkpoint.bin"));
  EXPECT_EQ(std::count(full.err.begin(), full.err.end(), '\n'), 1) << full.err;
  const auto last = run(scratch.path(), kLong);
  ASSERT_EQ(last.code, 0) << last.err;
  EXPECT_EQ(weights(scratch.path()), weights(whole.path()));
}

TEST(EncoderCli, EveryInstructionSetAndThreadCountHasGoldensBits) {
  for (const char* isa : {"scalar", "avx2", "avx512"}) {
    for (const char* threads : {"1", "2", "8"}) {
      const cli::Scratch scratch;
      const auto outcome = run(scratch.path(),
                               std::string("run e4 --profile smoke --arms layernorm,manual_l2 "
                                           "--quiet --check --store s --threads ") +
                                   threads,
                               std::string("export LIBNORM_ISA=") + isa + "; ");
      if (outcome.err.find("not supported by this machine") != std::string::npos) continue;
      EXPECT_EQ(outcome.code, 0) << isa << ", " << threads << " threads: " << outcome.err
                                 << outcome.out;
    }
  }
}

TEST(EncoderCli, ShardsTogetherMakeThePlan) {
  const cli::Scratch scratch;
  for (const char* part : {"1/3", "2/3", "3/3"}) {
    const auto outcome = run(scratch.path(), std::string("run e4 --profile smoke --seeds 2 "
                                                         "--quiet --store s --shard ") +
                                                 part);
    EXPECT_EQ(outcome.code, 0) << outcome.err;
  }
  const auto shown = nlohmann::json::parse(run(scratch.path(), "show --json --store s").out);
  EXPECT_EQ(shown.size(), 8u);
  for (const char* part : {"0/3", "4/3", "1", "a/b", "1/0", "1/2x"}) {
    const auto outcome = run(scratch.path(), std::string("run e4 --profile smoke --shard ") + part);
    EXPECT_EQ(outcome.code, 2) << part;
    EXPECT_THAT(outcome.err, HasSubstr("need i/n")) << part;
  }
}

TEST(EncoderCli, GeneratedTextsNeverPassForAgNews) {
  const cli::Scratch scratch;
  // No data anywhere: the quick profile trains on generated texts, and says so.
  const auto outcome = run(scratch.path(),
                           "run e4 --profile quick --arms none --rows 64 --test-rows 8 --epochs 1 "
                           "--channels 8 --hidden 8 --blocks 1 --quiet --store s",
                           "unset LIBNORM_DATA; ");
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  if (outcome.out.find("AG News. Train:") != std::string::npos) {
    GTEST_SKIP() << "not checked: the checkout has data of its own";
  }
  EXPECT_THAT(outcome.out, HasSubstr("NOT AG News"));
  const auto result = nlohmann::json::parse(run(scratch.path(), "show --json --store s").out)[0];
  EXPECT_EQ(result["task"], "topics");
}

TEST(EncoderCli, OtherTextsAreRefusedUnlessAskedFor) {
  const cli::Scratch scratch;
  write_data(scratch / "d");
  const std::string small =
      "run e4 --arms none --epochs 1 --channels 8 --hidden 8 --blocks 1 --quiet --store s --data d";
  const auto refused = run(scratch.path(), small + " --profile subset");
  EXPECT_EQ(refused.code, 3);
  EXPECT_THAT(refused.err, HasSubstr("train.csv"));
  EXPECT_THAT(refused.err, HasSubstr("sha256"));
  const auto taken = run(scratch.path(), small + " --profile subset --any-data");
  EXPECT_EQ(taken.code, 0) << taken.err;
  EXPECT_THAT(taken.out, HasSubstr("custom run"));
}

struct BrokenData {
  const char* what;
  const char* file;
  const char* content;
  const char* sentence;
};

class BrokenDataTest : public testing::TestWithParam<BrokenData> {};

TEST_P(BrokenDataTest, EndsWithThreeAndOneClearSentence) {
  const cli::Scratch scratch;
  write_data(scratch / "d");
  const fs::path file = scratch / "d" / GetParam().file;
  if (GetParam().content == nullptr) {
    fs::remove(file);
  } else {
    cli::write(file, GetParam().content);
  }
  const auto outcome = run(scratch.path(),
                           "run e4 --profile subset --arms none --epochs 1 --channels 8 --hidden 8 "
                           "--blocks 1 --store s --data d --any-data");
  EXPECT_EQ(outcome.code, 3) << outcome.err;
  EXPECT_THAT(outcome.err, HasSubstr(GetParam().sentence));
  EXPECT_EQ(std::count(outcome.err.begin(), outcome.err.end(), '\n'), 1) << outcome.err;
}

INSTANTIATE_TEST_SUITE_P(
    EncoderCli, BrokenDataTest,
    testing::Values(BrokenData{"missing", "ag_news/test.csv", nullptr, "ag_news/test.csv"},
                    BrokenData{"empty", "ag_news/train.csv", "", "train.csv"},
                    BrokenData{"truncated", "ag_news/train.csv",
                               "\"1\",\"red\",\"blue\"\n\"2\",\"re", "line 2"},
                    BrokenData{"label", "ag_news/train.csv",
                               "\"1\",\"a\",\"b\"\n\"5\",\"a\",\"b\"\n", "line 2"},
                    BrokenData{"vocabulary", "wordpiece/vocab.txt", "[PAD]\n[UNK]\n[CLS]\n",
                               "[SEP]"}),
    [](const auto& broken) { return std::string(broken.param.what); });

}  // namespace
