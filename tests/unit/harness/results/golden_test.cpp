#include "harness/results/golden.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cmath>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "harness/base/files.hpp"
#include "harness/results/result_json.hpp"
#include "libnorm/core/error.hpp"
#include "tests/unit/harness/results/golden_folder.hpp"

namespace harness {
namespace {

namespace fs = std::filesystem;
using libnorm::DataError;
using libnorm::ValueError;
using nlohmann::json;
using testing::AllOf;
using testing::HasSubstr;

TEST_F(GoldenFolder, HoldsWhatWasBlessed) {
  EXPECT_FALSE(has_golden(path()));
  bless_two_arms();
  EXPECT_TRUE(has_golden(path()));
  const Golden golden = load_golden(path().string() + "/");
  std::vector<std::string> runs;
  for (const RunResult& result : golden.results)
    runs.push_back(result.arm + std::to_string(result.seed));
  EXPECT_THAT(runs, testing::ElementsAre("layernorm1", "none9", "none10"));
  EXPECT_EQ(golden.verdicts, json({{"e1.flatness", "CONTRADICTED"}}));
  ASSERT_EQ(golden.blessings.size(), 1u);
  EXPECT_EQ(golden.blessings[0].experiment, "e1");
  EXPECT_EQ(golden.blessings[0].because, "first results");
  ASSERT_NE(golden.find("associative_recall", "smoke", "none", 9), nullptr);
  EXPECT_EQ(golden.find("associative_recall", "smoke", "none", 9)->seed, 9u);
  EXPECT_EQ(golden.find("associative_recall", "paper", "none", 9), nullptr);
  EXPECT_EQ(golden.find("topics", "smoke", "none", 9), nullptr);
  EXPECT_EQ(golden.find("associative_recall", "smoke", "none", 11), nullptr);
  EXPECT_EQ(read_file(path() / "associative_recall/smoke/none.jsonl"),
            to_line(sample_result("none", 9)) + "\n" + to_line(sample_result("none", 10)) + "\n");
}

TEST_F(GoldenFolder, BlessingReplacesTheSameRunAndKeepsTheRest) {
  bless_two_arms();
  RunResult changed = sample_result("none", 9);
  changed.final_loss = 0.75;
  RunResult other_profile = sample_result("none", 9);
  other_profile.profile = "paper";
  bless(path(), {changed, other_profile, sample_result("none", 2)}, {{"e2", 1}}, "e2", "a fix");
  const Golden golden = load_golden(path());
  ASSERT_EQ(golden.results.size(), 5u);
  EXPECT_EQ(golden.results.front().profile, "paper");
  EXPECT_EQ(golden.find("associative_recall", "smoke", "none", 9)->final_loss, 0.75);
  EXPECT_EQ(golden.find("associative_recall", "smoke", "none", 10)->final_loss, 0.1);
  EXPECT_NE(golden.find("associative_recall", "smoke", "layernorm", 1), nullptr);
  EXPECT_EQ(golden.verdicts, json({{"e2", 1}}));
  ASSERT_EQ(golden.blessings.size(), 2u);
  EXPECT_EQ(golden.blessings[1].because, "a fix");
}

TEST_F(GoldenFolder, RunsOfTwoTasksDoNotMeet) {
  bless_two_arms();
  RunResult other = sample_result("none", 9);
  other.task = "ag_news";
  other.final_loss = 0.75;
  bless(path(), {other}, {}, "e4", "another task");
  const Golden golden = load_golden(path());
  ASSERT_EQ(golden.results.size(), 4u);
  EXPECT_EQ(golden.results.front().task, "ag_news");
  EXPECT_EQ(golden.find("ag_news", "smoke", "none", 9)->final_loss, 0.75);
  EXPECT_EQ(golden.find("associative_recall", "smoke", "none", 9)->final_loss, 0.1);
  EXPECT_EQ(read_file(path() / "ag_news/smoke/none.jsonl"), to_line(other) + "\n");
}

TEST_F(GoldenFolder, TheSameBlessingsGiveTheSameBytes) {
  bless_two_arms();
  const ScratchFolder other;
  bless(other.path(),
        {sample_result("layernorm", 1), sample_result("none", 9), sample_result("none", 10)},
        {{"e1.flatness", "CONTRADICTED"}}, "e1", "first results");
  for (const char* file :
       {"manifest.json", "verdicts.json", "associative_recall/smoke/none.jsonl"}) {
    EXPECT_EQ(read_file(path() / file), read_file(other.path() / file)) << file;
  }
}

TEST_F(GoldenFolder, AFlippedByteInAnyFileIsNoticedAndNamed) {
  bless_two_arms();
  for (const std::string file :
       {"manifest.json", "verdicts.json", "associative_recall/smoke/none.jsonl",
        "associative_recall/smoke/layernorm.jsonl"}) {
    const std::string whole = read_file(path() / file);
    for (std::size_t i = 0; i < whole.size(); i += 23) {
      std::string flipped = whole;
      flipped[i] = static_cast<char>(flipped[i] ^ 1);
      scribble(file, flipped);
      ASSERT_THAT(load_message(), AllOf(HasSubstr(file), HasSubstr("git checkout")))
          << "byte " << i;
    }
    for (const std::size_t size : {std::size_t{0}, whole.size() / 2, whole.size() - 1}) {
      scribble(file, whole.substr(0, size));
      ASSERT_THAT(load_message(), HasSubstr(file)) << "cut to " << size;
    }
    scribble(file, whole);
  }
  EXPECT_EQ(load_golden(path()).results.size(), 3u);
}

TEST_F(GoldenFolder, SaysBothHashesOfAFileThatDiffers) {
  bless_two_arms();
  const std::string before = sha256_hex(read_file(path() / "verdicts.json"));
  scribble("verdicts.json", "{}\n");
  EXPECT_THAT(load_message(), HasSubstr("verdicts.json differs from the manifest (sha256 " +
                                        sha256_hex("{}\n") + ", the manifest says " + before));
}

TEST_F(GoldenFolder, AMissingFileIsNamed) {
  EXPECT_THAT(load_message(), AllOf(HasSubstr("manifest.json"), HasSubstr("is missing")));
  for (const std::string file :
       {"manifest.json", "verdicts.json", "associative_recall/smoke/none.jsonl"}) {
    bless_two_arms();
    const std::string whole = read_file(path() / file);
    fs::remove(path() / file);
    EXPECT_THAT(load_message(), AllOf(HasSubstr(file), HasSubstr("is missing")));
    scribble(file, whole);
  }
}

TEST_F(GoldenFolder, AFileThatNobodyListedIsNamed) {
  bless_two_arms();
  for (const std::string file : {"associative_recall/smoke/sphere.jsonl", "notes.txt",
                                 "associative_recall/smoke/.none.jsonl.aside"}) {
    scribble(file, "");
    EXPECT_THAT(load_message(), HasSubstr(file + " is not in the manifest"));
    fs::remove(path() / file);
  }
  EXPECT_NO_THROW(load_golden(path()));
}

TEST_F(GoldenFolder, DamageIsNotBlessedByTheWay) {
  bless_two_arms();
  const std::string whole = read_file(path() / "associative_recall/smoke/none.jsonl");
  scribble("associative_recall/smoke/none.jsonl", whole.substr(0, whole.find('\n') + 1));
  const std::string manifest = read_file(path() / "manifest.json");
  const auto bless_again = [&] { bless(path(), {sample_result("none", 9)}, {}, "e1", "again"); };
  EXPECT_THROW(bless_again(), DataError);
  EXPECT_EQ(read_file(path() / "manifest.json"), manifest);
  fs::remove(path() / "manifest.json");
  EXPECT_THROW(bless_again(), DataError);
}

TEST_F(GoldenFolder, WhatIsNoFileOrTooLargeIsNotWaitedFor) {
  for (const std::string file : {"verdicts.json", "manifest.json"}) {
    bless_two_arms();
    const std::string whole = read_file(path() / file);
    fs::remove(path() / file);
    ASSERT_EQ(mkfifo((path() / file).c_str(), 0600), 0);
    EXPECT_THAT(load_message(), HasSubstr(file + " (it is a pipe); need a regular file"));
    fs::remove(path() / file);
    scribble(file, whole);
    fs::resize_file(path() / file, std::uintmax_t{1} << 40);
    EXPECT_THAT(load_message(), HasSubstr(file + " is too large (1099511627776 bytes)"));
    scribble(file, whole);
  }
}

TEST_F(GoldenFolder, RefusesWithoutAReasonAndLeavesTheFolderAsItWas) {
  EXPECT_THROW(bless(path(), {sample_result("none", 1)}, {}, "e1", ""), ValueError);
  EXPECT_THROW(bless(path(), {sample_result("none", 1)}, {}, "e1", " \n"), ValueError);
  EXPECT_THROW(bless(path(), {sample_result("none", 1)}, {}, "", "why"), ValueError);
  EXPECT_THROW(bless(path(), {sample_result("none", 1), sample_result("none", 1)}, {}, "e1", "why"),
               ValueError);
  EXPECT_THROW(bless(path(), {sample_result("../none", 1)}, {}, "e1", "why"), ValueError);
  EXPECT_THROW(bless(path(), {sample_result(std::string(90, '+'), 1)}, {}, "e1", "why"), ValueError)
      << "a file's name of 270 bytes and more";
  EXPECT_THROW(bless(path(), {sample_result("", 1)}, {}, "e1", "why"), ValueError);
  for (const std::string task : {"", "../up", "AG News", "reference", "figures"}) {
    RunResult named = sample_result("none", 1);
    named.task = task;
    EXPECT_THAT(message_of<ValueError>([&] { bless(path(), {named}, {}, "e1", "why"); }),
                HasSubstr("a result has the task \"" + task + "\""));
  }
  RunResult custom = sample_result("none", 1);
  custom.profile = "custom";
  EXPECT_THROW(bless(path(), {custom}, {}, "e1", "why"), ValueError);
  EXPECT_THROW(bless(path(), {sample_result("none", 1)}, {}, "e1", "\xff"), ValueError);
  EXPECT_THROW(bless(path(), {}, {{"effect", std::nan("")}}, "e1", "why"), ValueError);
  for (const std::string name : {"", "f1", "f1.png", "F 1.svg", "../f1.svg", "sub/f1.gp"}) {
    const auto derive = [&](const auto&) { return Derived{{}, {{name, "a picture"}}}; };
    EXPECT_THAT(message_of<ValueError>([&] { bless_derived(path(), {}, derive, "e1", "why"); }),
                HasSubstr("a figure has the name \"" + name + "\""));
  }
  EXPECT_FALSE(has_golden(path()));
}

TEST_F(GoldenFolder, HoldsFiguresThatFollowFromItsResults) {
  const auto derive = [](const std::vector<RunResult>& results) {
    Derived derived;
    if (results.size() > 1) derived.figures["f1.svg"] = std::to_string(results.size()) + " rows";
    return derived;
  };
  bless_derived(path(), {sample_result("none", 1), sample_result("none", 2)}, derive, "e1", "why");
  EXPECT_EQ(load_golden(path()).figures,
            (std::map<std::string, std::string>{{"f1.svg", "2 rows"}}));
  bless_derived(path(), {sample_result("none", 3)}, derive, "e1", "more");
  EXPECT_EQ(load_golden(path()).figures.at("f1.svg"), "3 rows");
  bless(path(), {}, {}, "e1", "without one");
  EXPECT_TRUE(load_golden(path()).figures.empty());
  EXPECT_FALSE(fs::exists(path() / "figures"));
  bless_derived(path(), {}, derive, "e1", "again");
  scribble("figures/f1.svg", "drawn by hand");
  EXPECT_THAT(load_message(), HasSubstr("figures/f1.svg differs from the manifest"));
  fs::remove(path() / "figures/f1.svg");
  EXPECT_THAT(load_message(), HasSubstr("figures/f1.svg is missing"));
}

TEST_F(GoldenFolder, ResultsInTheWrongPlaceAreNamedThoughTheHashesHold) {
  bless(path(), {sample_result("none", 1), sample_result("none", 2)}, {}, "e1", "why");
  const std::string one = to_line(sample_result("none", 1)) + "\n";
  const std::string two = to_line(sample_result("none", 2)) + "\n";
  for (const std::string& content : {two + one, one + one}) {
    scribble("associative_recall/smoke/none.jsonl", content);
    forge_manifest(path(), {"associative_recall/smoke/none.jsonl"});
    EXPECT_THAT(load_message(),
                HasSubstr("associative_recall/smoke/none.jsonl line 2 is out of order"));
  }
  scribble("associative_recall/smoke/none.jsonl", one + to_line(sample_result("sphere", 2)) + "\n");
  forge_manifest(path(), {"associative_recall/smoke/none.jsonl"});
  EXPECT_THAT(load_message(),
              HasSubstr("line 2 holds a result of associative_recall/smoke/sphere.jsonl"));
}

TEST_F(GoldenFolder, AResultOfAnotherTaskIsInTheWrongPlace) {
  RunResult other = sample_result("none", 9);
  other.task = "topics";
  scribble("verdicts.json", "{}\n");
  for (const std::string folder : {"associative_recall/smoke", "smoke"}) {
    const std::string file = folder + "/none.jsonl";
    fs::create_directories(path() / folder);
    scribble(file, to_line(other) + "\n");
    forge_manifest(path(), {file});
    EXPECT_THAT(load_message(),
                HasSubstr(file + " line 1 holds a result of topics/smoke/none.jsonl"));
    fs::remove(path() / file);
  }
}

const fs::path kCommitted = fs::path(LIBNORM_SOURCE_DIR) / "golden";
const std::vector<std::string> kCommittedArms = {"batchnorm", "layernorm", "manual_l2",
                                                 "none",      "sphere",    "none_matched"};

void expect_committed_runs(const Golden& golden) {
  for (const std::string& arm : kCommittedArms) {
    for (std::uint64_t seed = 0; seed < 10; ++seed) {
      EXPECT_NE(golden.find("associative_recall", "paper", arm, seed), nullptr) << arm << seed;
      if (seed >= 2) continue;
      EXPECT_NE(golden.find("associative_recall", "smoke", arm, seed), nullptr) << arm << seed;
    }
  }
}

TEST(CommittedGolden, Loads) {
  const Golden golden = load_golden(kCommitted);
  expect_committed_runs(golden);
  EXPECT_FALSE(golden.verdicts.empty());
}

TEST(CommittedGolden, StandsWhereItBelongsAfterTheNextBlessing) {
  const ScratchFolder scratch;
  fs::copy(kCommitted, scratch.path(), fs::copy_options::recursive);
  const Golden before = load_golden(scratch.path());
  bless(scratch.path(), {}, before.verdicts, "all", "a test");
  const Golden after = load_golden(scratch.path());
  expect_committed_runs(after);
  ASSERT_EQ(after.results.size(), before.results.size());
  for (std::size_t i = 0; i < after.results.size(); ++i) {
    EXPECT_EQ(to_line(after.results[i]), to_line(before.results[i]));
  }
  EXPECT_EQ(after.verdicts, before.verdicts);
  EXPECT_FALSE(fs::exists(scratch.path() / "paper"));
  EXPECT_FALSE(fs::exists(scratch.path() / "smoke"));
  EXPECT_TRUE(fs::exists(scratch.path() / "associative_recall/paper/none_matched.jsonl"));
  EXPECT_TRUE(fs::exists(scratch.path() / "reference/adam.json"));
}

}  // namespace
}  // namespace harness
