#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "harness/results/golden_files.hpp"
#include "tests/unit/harness/results/golden_folder.hpp"

/// Golden that several processes write and read, and that a bless leaves half done.

namespace harness {
namespace {

namespace fs = std::filesystem;
using libnorm::DataError;
using nlohmann::json;
using testing::AllOf;
using testing::HasSubstr;

/// Runs a body in a process of its own; it exits with 0 unless the body throws.
pid_t start(const std::function<void()>& body) {
  const pid_t pid = fork();
  if (pid != 0) return pid;
  try {
    body();
  } catch (...) {
    _exit(1);
  }
  _exit(0);
}

int wait_for(pid_t pid) {
  int status = 0;
  EXPECT_EQ(waitpid(pid, &status, 0), pid);
  return status;
}

class BusyGolden : public GoldenFolder {
 protected:
  /// One more run; verdicts and figure are how many results golden has then.
  void bless_one(std::uint64_t seed, const std::string& arm = "none") const {
    bless_derived(
        path(), {sample_result(arm, seed)},
        [](const std::vector<RunResult>& results) {
          return Derived{json({{"rows", results.size()}}),
                         {{"f1.svg", std::to_string(results.size())}}};
        },
        "e1", "why");
  }
  /// Loads; blessings, results and verdicts must be of one time. Returns the number of results.
  std::size_t load_whole() const {
    const Golden golden = load_golden(path());
    EXPECT_EQ(golden.blessings.size(), golden.results.size());
    EXPECT_EQ(golden.verdicts, json({{"rows", golden.results.size()}}));
    EXPECT_EQ(golden.figures.at("f1.svg"), std::to_string(golden.results.size()));
    return golden.results.size();
  }
  void expect_tidy() const {
    EXPECT_THAT(names_in(path()),
                testing::UnorderedElementsAre("associative_recall", "figures", "manifest.json",
                                              "reference", "verdicts.json"));
    EXPECT_THAT(names_in(path() / "associative_recall/smoke"), testing::ElementsAre("none.jsonl"));
  }
};

TEST_F(BusyGolden, KilledAtAnyMomentIsTheOldOneOrTheNewOne) {
  using Clock = std::chrono::steady_clock;
  bless_one(0);
  const auto begin = Clock::now();
  bless_one(1);
  const std::chrono::duration<double> once = Clock::now() - begin;
  std::size_t results = load_whole();
  int old_ones = 0, new_ones = 0;
  for (std::uint64_t round = 0; round < 100; ++round) {
    const pid_t child = start([&] { bless_one(100 + round); });
    // In no order, so that the machine's moods do not fall on one part.
    std::this_thread::sleep_for(once * (1.5 * double(round * 37 % 100) / 100));
    kill(child, SIGKILL);
    wait_for(child);
    const std::size_t now = load_whole();
    ASSERT_TRUE(now == results || now == results + 1) << "round " << round;
    const Golden golden = load_golden(path());
    EXPECT_EQ(golden.find("associative_recall", "smoke", "none", 100 + round) != nullptr,
              now == results + 1);
    ++(now == results ? old_ones : new_ones);
    results = now;
  }
  EXPECT_GT(old_ones, 0);
  EXPECT_GT(new_ones, 0);
  bless_one(1000);
  EXPECT_EQ(load_whole(), results + 1);
  expect_tidy();
}

TEST_F(BusyGolden, BlessingsAtOnceAreAllKept) {
  std::vector<pid_t> children;
  for (std::uint64_t seed = 0; seed < 8; ++seed) {
    children.push_back(start([this, seed] { bless_one(seed); }));
  }
  for (const pid_t child : children) EXPECT_EQ(wait_for(child), 0);
  EXPECT_EQ(load_whole(), 8u);
  expect_tidy();
}

TEST_F(BusyGolden, WhoLoadsMeanwhileFindsItWhole) {
  bless_one(0);
  const pid_t child = start([this] {
    for (std::uint64_t seed = 1; seed <= 20; ++seed) bless_one(seed);
  });
  std::size_t results = 1;
  while (results < 21) {
    const std::size_t now = load_whole();
    ASSERT_GE(now, results);
    results = now;
    EXPECT_TRUE(has_golden(path()));
    if (waitpid(child, nullptr, WNOHANG) == child) break;
  }
  EXPECT_EQ(load_whole(), 21u);
}

TEST_F(BusyGolden, WhoWritesWaitsForWhoReads) {
  bless_one(0);
  const auto migrate = [this] {
    const auto hash_of = [](const RunResult& row) { return row.spec_sha256; };
    EXPECT_THROW(migrate_golden(path(), hash_of, "why"), DataError) << "it is of today's format";
  };
  const std::vector<std::function<void()>> writers = {migrate, [this] { bless_one(1); }};
  for (std::size_t i = 0; i < writers.size(); ++i) {
    const fs::path begun = path() / "reference" / ("begun" + std::to_string(i));
    const fs::path done = path() / "reference" / ("done" + std::to_string(i));
    const pid_t reader = start([&] {
      const GoldenLock lock(path(), GoldenUse::read);
      scribble(begun, "");
      std::this_thread::sleep_for(std::chrono::milliseconds(300));
      scribble(done, "");
    });
    while (!fs::exists(begun)) std::this_thread::yield();
    writers[i]();
    EXPECT_TRUE(fs::exists(done));
    EXPECT_EQ(wait_for(reader), 0);
  }
}

TEST_F(BusyGolden, AFullDiskLeavesTheOldOne) {
  bless_one(0);
  {
    const FileSizeLimit limit(1000);
    EXPECT_THAT(message_of<DataError>([&] { bless_one(1); }), HasSubstr("File too large"));
  }
  EXPECT_EQ(load_whole(), 1u);
  expect_tidy();
}

TEST_F(BusyGolden, WhatCannotBePutInItsPlaceIsGoldenAllTheSame) {
  bless_one(0);
  // A folder in the way of a file of golden.
  fs::create_directories(path() / "associative_recall/smoke/layernorm.jsonl");
  EXPECT_THAT(message_of<DataError>([&] { bless_one(1, "layernorm"); }),
              AllOf(HasSubstr("layernorm.jsonl (it is a folder)"),
                    HasSubstr("the next bless puts it in its place")));
  EXPECT_EQ(load_whole(), 2u);
  EXPECT_THROW(bless_one(2), DataError);
  EXPECT_EQ(load_whole(), 2u);
  fs::remove(path() / "associative_recall/smoke/layernorm.jsonl");
  bless_one(2);
  EXPECT_EQ(load_whole(), 3u);
  EXPECT_NE(load_golden(path()).find("associative_recall", "smoke", "layernorm", 1), nullptr);
  EXPECT_FALSE(fs::exists(path() / "unfinished_bless.json"));
}

TEST_F(BusyGolden, AnUnfinishedBlessThatIsNoneIsNamedAndWritesNothing) {
  bless_one(0);
  const auto plant = [&](const std::string& content) {
    scribble("unfinished_bless.json", content);
    EXPECT_THROW(bless_one(1), DataError);
    return load_message();
  };
  EXPECT_THAT(plant("{}"), HasSubstr("unfinished_bless.json is torn or edited"));
  for (const std::string name :
       {"../stray", "/tmp/stray", "smoke/../../stray.jsonl", "a.jsonl", "reference/adam.json",
        "reference/adam.jsonl", "a/b/c/d.jsonl", "", "A/b.jsonl"}) {
    const json files = {{"files", {{name, "planted"}}}, {"removed", json::array()}};
    EXPECT_THAT(plant(seal("bless", files.dump())), HasSubstr("names a file that golden has not"));
    const json removed = {{"files", json::object()}, {"removed", {name}}};
    EXPECT_THAT(plant(seal("bless", removed.dump())),
                HasSubstr("names a file that golden has not"));
  }
  EXPECT_FALSE(fs::exists(path().parent_path() / "stray"));
  EXPECT_EQ(read_file(path() / "reference/adam.json"), "not ours");
  fs::remove(path() / "unfinished_bless.json");
  EXPECT_EQ(load_whole(), 1u);
}

}  // namespace
}  // namespace harness
