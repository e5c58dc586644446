#include "harness/golden.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cmath>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "harness/files.hpp"
#include "harness/row_json.hpp"
#include "libnorm/core/error.hpp"
#include "tests/unit/harness_samples.hpp"

namespace harness {
namespace {

namespace fs = std::filesystem;
using libnorm::DataError;
using libnorm::ValueError;
using nlohmann::json;
using testing::AllOf;
using testing::HasSubstr;

class GoldenFolder : public testing::Test {
 protected:
  GoldenFolder() {
    fs::create_directories(path() / "reference");
    scribble("reference/adam.json", "not ours");
  }
  const fs::path& path() const { return scratch_.path(); }
  void scribble(const fs::path& file, const std::string& content) const {
    harness::scribble(path() / file, content);
  }
  void bless_two_arms() const {
    bless(path(), {sample_row("none", 10), sample_row("none", 9), sample_row("layernorm", 1)},
          {{"e1.flatness", "CONTRADICTED"}}, "e1", "first results");
  }
  std::string load_message() const {
    return message_of<DataError>([&] { load_golden(path()); });
  }

 private:
  ScratchFolder scratch_;
};

TEST_F(GoldenFolder, HoldsWhatWasBlessed) {
  EXPECT_FALSE(has_golden(path()));
  bless_two_arms();
  EXPECT_TRUE(has_golden(path()));
  const Golden golden = load_golden(path().string() + "/");
  std::vector<std::string> runs;
  for (const Row& row : golden.rows) runs.push_back(row.arm + std::to_string(row.seed));
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
            to_line(sample_row("none", 9)) + "\n" + to_line(sample_row("none", 10)) + "\n");
}

TEST_F(GoldenFolder, BlessingReplacesTheSameRunAndKeepsTheRest) {
  bless_two_arms();
  Row changed = sample_row("none", 9);
  changed.final_loss = 0.75;
  Row other_profile = sample_row("none", 9);
  other_profile.profile = "paper";
  bless(path(), {changed, other_profile, sample_row("none", 2)}, {{"e2", 1}}, "e2", "a fix");
  const Golden golden = load_golden(path());
  ASSERT_EQ(golden.rows.size(), 5u);
  EXPECT_EQ(golden.rows.front().profile, "paper");
  EXPECT_EQ(golden.find("associative_recall", "smoke", "none", 9)->final_loss, 0.75);
  EXPECT_EQ(golden.find("associative_recall", "smoke", "none", 10)->final_loss, 0.1);
  EXPECT_NE(golden.find("associative_recall", "smoke", "layernorm", 1), nullptr);
  EXPECT_EQ(golden.verdicts, json({{"e2", 1}}));
  ASSERT_EQ(golden.blessings.size(), 2u);
  EXPECT_EQ(golden.blessings[1].because, "a fix");
}

TEST_F(GoldenFolder, RunsOfTwoTasksDoNotMeet) {
  bless_two_arms();
  Row other = sample_row("none", 9);
  other.task = "ag_news";
  other.final_loss = 0.75;
  bless(path(), {other}, {}, "e4", "another task");
  const Golden golden = load_golden(path());
  ASSERT_EQ(golden.rows.size(), 4u);
  EXPECT_EQ(golden.rows.front().task, "ag_news");
  EXPECT_EQ(golden.find("ag_news", "smoke", "none", 9)->final_loss, 0.75);
  EXPECT_EQ(golden.find("associative_recall", "smoke", "none", 9)->final_loss, 0.1);
  EXPECT_EQ(read_file(path() / "ag_news/smoke/none.jsonl"), to_line(other) + "\n");
}

TEST_F(GoldenFolder, TheSameBlessingsGiveTheSameBytes) {
  bless_two_arms();
  const ScratchFolder other;
  bless(other.path(), {sample_row("layernorm", 1), sample_row("none", 9), sample_row("none", 10)},
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
  EXPECT_EQ(load_golden(path()).rows.size(), 3u);
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
  const auto bless_again = [&] { bless(path(), {sample_row("none", 9)}, {}, "e1", "again"); };
  EXPECT_THROW(bless_again(), DataError);
  EXPECT_EQ(read_file(path() / "manifest.json"), manifest);
  fs::remove(path() / "manifest.json");
  EXPECT_THROW(bless_again(), DataError);
}

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
  /// One more run of `none`; the verdict is how many rows golden has then.
  void bless_one(std::uint64_t seed) const {
    bless_judged(
        path(), {sample_row("none", seed)},
        [](const std::vector<Row>& rows) {
          return json({{"rows", rows.size()}});
        },
        "e1", "why");
  }
  /// Loads; blessings, rows and verdicts must be of one time. Returns the number of rows.
  std::size_t load_whole() const {
    const Golden golden = load_golden(path());
    EXPECT_EQ(golden.blessings.size(), golden.rows.size());
    EXPECT_EQ(golden.verdicts, json({{"rows", golden.rows.size()}}));
    return golden.rows.size();
  }
  void expect_tidy() const {
    EXPECT_THAT(names_in(path()),
                testing::UnorderedElementsAre("associative_recall", "manifest.json", "reference",
                                              "verdicts.json"));
    EXPECT_THAT(names_in(path() / "associative_recall/smoke"), testing::ElementsAre("none.jsonl"));
  }
};

TEST_F(BusyGolden, KilledAtAnyMomentIsTheOldOneOrTheNewOne) {
  using Clock = std::chrono::steady_clock;
  bless_one(0);
  const auto begin = Clock::now();
  bless_one(1);
  const std::chrono::duration<double> once = Clock::now() - begin;
  std::size_t rows = load_whole();
  int old_ones = 0, new_ones = 0;
  for (std::uint64_t round = 0; round < 100; ++round) {
    const pid_t child = start([&] { bless_one(100 + round); });
    // In no order, so that the machine's moods do not fall on one part.
    std::this_thread::sleep_for(once * (1.5 * double(round * 37 % 100) / 100));
    kill(child, SIGKILL);
    wait_for(child);
    const std::size_t now = load_whole();
    ASSERT_TRUE(now == rows || now == rows + 1) << "round " << round;
    const Golden golden = load_golden(path());
    EXPECT_EQ(golden.find("associative_recall", "smoke", "none", 100 + round) != nullptr,
              now == rows + 1);
    ++(now == rows ? old_ones : new_ones);
    rows = now;
  }
  EXPECT_GT(old_ones, 0);
  EXPECT_GT(new_ones, 0);
  bless_one(1000);
  EXPECT_EQ(load_whole(), rows + 1);
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
  std::size_t rows = 1;
  while (rows < 21) {
    const std::size_t now = load_whole();
    ASSERT_GE(now, rows);
    rows = now;
    EXPECT_TRUE(has_golden(path()));
    if (waitpid(child, nullptr, WNOHANG) == child) break;
  }
  EXPECT_EQ(load_whole(), 21u);
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
  const auto bless_other = [&] {
    bless(path(), {sample_row("layernorm", 1)}, {{"rows", 2}}, "e1", "why");
  };
  EXPECT_THAT(message_of<DataError>(bless_other),
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
  EXPECT_THROW(bless(path(), {sample_row("none", 1)}, {}, "e1", ""), ValueError);
  EXPECT_THROW(bless(path(), {sample_row("none", 1)}, {}, "e1", " \n"), ValueError);
  EXPECT_THROW(bless(path(), {sample_row("none", 1)}, {}, "", "why"), ValueError);
  EXPECT_THROW(bless(path(), {sample_row("none", 1), sample_row("none", 1)}, {}, "e1", "why"),
               ValueError);
  EXPECT_THROW(bless(path(), {sample_row("../none", 1)}, {}, "e1", "why"), ValueError);
  EXPECT_THROW(bless(path(), {sample_row("", 1)}, {}, "e1", "why"), ValueError);
  for (const std::string task : {"", "../up", "AG News", "reference"}) {
    Row named = sample_row("none", 1);
    named.task = task;
    EXPECT_THAT(message_of<ValueError>([&] { bless(path(), {named}, {}, "e1", "why"); }),
                HasSubstr("a row has the task \"" + task + "\""));
  }
  Row custom = sample_row("none", 1);
  custom.profile = "custom";
  EXPECT_THROW(bless(path(), {custom}, {}, "e1", "why"), ValueError);
  EXPECT_THROW(bless(path(), {sample_row("none", 1)}, {}, "e1", "\xff"), ValueError);
  EXPECT_THROW(bless(path(), {}, {{"effect", std::nan("")}}, "e1", "why"), ValueError);
  EXPECT_FALSE(has_golden(path()));
}

/// Gives the folder the right hashes for what is in it, as a careless tool might.
void forge_manifest(const fs::path& path, const std::vector<std::string>& files) {
  json hashes = {{"verdicts.json", sha256_hex(read_file(path / "verdicts.json"))}};
  for (const std::string& file : files) hashes[file] = sha256_hex(read_file(path / file));
  const json manifest = {{"files", hashes}, {"blessings", json::array()}};
  write_atomically(path / "manifest.json", seal("manifest", manifest.dump()));
}

TEST_F(GoldenFolder, RowsInTheWrongPlaceAreNamedThoughTheHashesHold) {
  bless(path(), {sample_row("none", 1), sample_row("none", 2)}, {}, "e1", "why");
  const std::string one = to_line(sample_row("none", 1)) + "\n";
  const std::string two = to_line(sample_row("none", 2)) + "\n";
  for (const std::string& content : {two + one, one + one}) {
    scribble("associative_recall/smoke/none.jsonl", content);
    forge_manifest(path(), {"associative_recall/smoke/none.jsonl"});
    EXPECT_THAT(load_message(),
                HasSubstr("associative_recall/smoke/none.jsonl line 2 is out of order"));
  }
  scribble("associative_recall/smoke/none.jsonl", one + to_line(sample_row("sphere", 2)) + "\n");
  forge_manifest(path(), {"associative_recall/smoke/none.jsonl"});
  EXPECT_THAT(load_message(),
              HasSubstr("line 2 holds a row of associative_recall/smoke/sphere.jsonl"));
}

TEST_F(GoldenFolder, ARowOfAnotherTaskIsInTheWrongPlace) {
  Row other = sample_row("none", 9);
  other.task = "topics";
  scribble("verdicts.json", "{}\n");
  for (const std::string folder : {"associative_recall/smoke", "smoke"}) {
    const std::string file = folder + "/none.jsonl";
    fs::create_directories(path() / folder);
    scribble(file, to_line(other) + "\n");
    forge_manifest(path(), {file});
    EXPECT_THAT(load_message(), HasSubstr(file + " line 1 holds a row of topics/smoke/none.jsonl"));
    fs::remove(path() / file);
  }
}

/// Every file of golden, with its content, by its path.
std::map<std::string, std::string> contents_of(const fs::path& golden) {
  std::map<std::string, std::string> contents;
  for (const auto& entry : fs::recursive_directory_iterator(golden)) {
    if (!entry.is_regular_file()) continue;
    const std::string file = entry.path().lexically_relative(golden).generic_string();
    if (!file.starts_with("reference/")) contents[file] = read_file(entry.path());
  }
  return contents;
}

/// A golden as it was made before tasks had names: `<profile>/<arm>.jsonl`, rows without a task.
class OldGoldenFolder : public GoldenFolder {
 protected:
  OldGoldenFolder() {
    fs::create_directories(path() / "smoke");
    fs::create_directories(path() / "paper");
    scribble("smoke/layernorm.jsonl", old_line("smoke", "layernorm", 1));
    scribble("smoke/none.jsonl", old_line("smoke", "none", 9) + old_line("smoke", "none", 10));
    scribble("paper/none.jsonl", old_line("paper", "none", 0));
    scribble("verdicts.json", json({{"e1", 1}}).dump(2) + "\n");
    forge_manifest(path(), {"smoke/layernorm.jsonl", "smoke/none.jsonl", "paper/none.jsonl"});
    before_ = contents_of(path());
  }
  static std::string old_line(const std::string& profile, const std::string& arm,
                              std::uint64_t seed) {
    Row row = sample_row(arm, seed);
    row.profile = profile;
    json value = to_json(row);
    for (const char* key : {"task", "data", "epochs", "spectra"}) value.erase(key);
    return value.dump() + "\n";
  }
  void bless_again() const { bless(path(), {sample_row("none", 11)}, {{"e1", 1}}, "e1", "moved"); }

  /// Removes what golden says is to be removed, until it loads.
  void repair() const {
    for (int round = 0; round < 20; ++round) {
      std::string message;
      try {
        load_golden(path());
        return;
      } catch (const DataError& error) {
        message = error.what();
      }
      const std::size_t end = message.find(" is not in the manifest");
      ASSERT_NE(end, std::string::npos) << message;
      ASSERT_TRUE(fs::remove(path() / message.substr(8, end - 8))) << message;  // after "golden: "
    }
    FAIL() << "it never loads";
  }

  std::map<std::string, std::string> before_;
};

TEST_F(OldGoldenFolder, Loads) {
  const Golden golden = load_golden(path());
  ASSERT_EQ(golden.rows.size(), 4u);
  EXPECT_EQ(golden.rows.front().profile, "paper");
  ASSERT_NE(golden.find("associative_recall", "smoke", "none", 10), nullptr);
  EXPECT_EQ(golden.find("associative_recall", "smoke", "none", 10)->task, "associative_recall");
  EXPECT_NE(golden.find("associative_recall", "paper", "none", 0), nullptr);
}

TEST_F(OldGoldenFolder, IsHeldToItsManifestAsEver) {
  for (const auto& [file, content] : before_) {
    scribble(file, content + " ");
    EXPECT_THAT(load_message(), HasSubstr(file));
    fs::remove(path() / file);
    EXPECT_THAT(load_message(), AllOf(HasSubstr(file), HasSubstr("is missing")));
    scribble(file, content);
  }
  scribble("smoke/sphere.jsonl", old_line("smoke", "sphere", 0));
  EXPECT_THAT(load_message(), HasSubstr("smoke/sphere.jsonl is not in the manifest"));
}

TEST_F(OldGoldenFolder, IsMovedByTheNextBlessing) {
  bless_again();
  std::vector<std::string> files;
  for (const auto& item : contents_of(path())) files.push_back(item.first);
  EXPECT_THAT(files, testing::ElementsAre("associative_recall/paper/none.jsonl",
                                          "associative_recall/smoke/layernorm.jsonl",
                                          "associative_recall/smoke/none.jsonl", "manifest.json",
                                          "verdicts.json"));
  EXPECT_THAT(names_in(path()), testing::UnorderedElementsAre("associative_recall", "reference",
                                                              "manifest.json", "verdicts.json"));
  EXPECT_EQ(read_file(path() / "reference/adam.json"), "not ours");
  const Golden golden = load_golden(path());
  EXPECT_EQ(golden.rows.size(), 5u);
  EXPECT_NE(golden.find("associative_recall", "smoke", "none", 11), nullptr);
  Row moved = sample_row("none", 9);
  moved.data.clear();
  moved.epochs.clear();
  moved.spectra.clear();
  EXPECT_EQ(to_line(*golden.find("associative_recall", "smoke", "none", 9)), to_line(moved));
}

TEST_F(OldGoldenFolder, AMoveCutShortIsEndedByTheNextBlessing) {
  // A folder in the way of a file of golden stops a blessing just there.
  for (const std::string file :
       {"associative_recall/paper/none.jsonl", "associative_recall/smoke/none.jsonl"}) {
    SCOPED_TRACE(file);
    fs::create_directories(path() / file);
    EXPECT_THROW(bless_again(), DataError);
    EXPECT_EQ(load_golden(path()).rows.size(), 5u);
    fs::remove(path() / file);
    bless_again();
    EXPECT_EQ(contents_of(path()).count("unfinished_bless.json"), 0u);
    EXPECT_EQ(contents_of(path()).count("smoke/none.jsonl"), 0u);
    EXPECT_EQ(load_golden(path()).rows.size(), 5u);
    fs::remove_all(path() / "associative_recall");
    for (const auto& [old_file, content] : before_) {
      fs::create_directories((path() / old_file).parent_path());
      scribble(old_file, content);
    }
  }
}

TEST_F(OldGoldenFolder, AMoveCutShortWhileItRemovesIsNoticedAndCanBeEnded) {
  bless_again();
  const auto after = contents_of(path());
  for (const std::string file : {"smoke/none.jsonl", "smoke/layernorm.jsonl", "paper/none.jsonl"}) {
    fs::create_directories((path() / file).parent_path());
    scribble(file, before_.at(file));
    EXPECT_THAT(load_message(), AllOf(HasSubstr(file), HasSubstr("left by a bless cut short")));
    EXPECT_THROW(bless_again(), DataError);
  }
  repair();
  EXPECT_EQ(contents_of(path()), after);
  EXPECT_NO_THROW(bless_again());  // beside the folders that are left, empty
}

TEST_F(OldGoldenFolder, ARunInBothPlacesIsNamed) {
  fs::create_directories(path() / "associative_recall/paper");
  Row row = sample_row("none", 0);
  row.profile = "paper";
  scribble("associative_recall/paper/none.jsonl", to_line(row) + "\n");
  forge_manifest(path(), {"smoke/layernorm.jsonl", "smoke/none.jsonl", "paper/none.jsonl",
                          "associative_recall/paper/none.jsonl"});
  EXPECT_THAT(load_message(),
              HasSubstr("associative_recall/paper/none.jsonl holds a run that paper/none.jsonl "
                        "holds too (associative_recall/paper/none seed 0)"));
}

const fs::path kCommitted = fs::path(__FILE__).parent_path() / "../../golden";
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
  ASSERT_EQ(after.rows.size(), before.rows.size());
  for (std::size_t i = 0; i < after.rows.size(); ++i) {
    EXPECT_EQ(to_line(after.rows[i]), to_line(before.rows[i]));
  }
  EXPECT_EQ(after.verdicts, before.verdicts);
  EXPECT_FALSE(fs::exists(scratch.path() / "paper"));
  EXPECT_FALSE(fs::exists(scratch.path() / "smoke"));
  EXPECT_TRUE(fs::exists(scratch.path() / "associative_recall/paper/none_matched.jsonl"));
  EXPECT_TRUE(fs::exists(scratch.path() / "reference/adam.json"));
}

}  // namespace
}  // namespace harness
