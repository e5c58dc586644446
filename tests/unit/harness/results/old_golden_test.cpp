#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>

#include "harness/results/result_json.hpp"
#include "tests/unit/harness/results/golden_folder.hpp"

namespace harness {
namespace {

namespace fs = std::filesystem;
using libnorm::DataError;
using nlohmann::json;
using testing::HasSubstr;

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

/// A golden of format 1, as it was made before tasks had names: `<profile>/<arm>.jsonl`, results
/// without a task, and without measures.
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
    RunResult result = sample_result(arm, seed);
    result.profile = profile;
    json value = to_json(result);
    for (const char* key : {"task", "data", "epochs", "spectra", "measures"}) value.erase(key);
    return value.dump() + "\n";
  }
  Migration migrate() const {
    return migrate_golden(
        path(), [](const RunResult& result) { return result.spec_sha256; }, "moved");
  }
  void bless_again() const {
    bless(path(), {sample_result("none", 11)}, {{"e1", 1}}, "e1", "more");
  }

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
  ASSERT_EQ(golden.results.size(), 4u);
  EXPECT_EQ(golden.results.front().profile, "paper");
  ASSERT_NE(golden.find("associative_recall", "smoke", "none", 10), nullptr);
  EXPECT_EQ(golden.find("associative_recall", "smoke", "none", 10)->task, "associative_recall");
  EXPECT_NE(golden.find("associative_recall", "paper", "none", 0), nullptr);
  EXPECT_EQ(golden.format, 1);
  EXPECT_EQ(golden.results.front().measures,
            (std::map<std::string, int>{{"slices", 1}, {"spectrum", 1}}));
}

TEST_F(OldGoldenFolder, IsNotBlessedByTheWay) {
  EXPECT_THAT(message_of<DataError>([&] { bless_again(); }),
              HasSubstr("golden is of format 1; `norm-harness bless --migrate` brings it to 2"));
  EXPECT_EQ(contents_of(path()), before_);
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

TEST_F(OldGoldenFolder, IsMovedByItsMigration) {
  const Migration done = migrate();
  EXPECT_EQ(done.results, 4u);
  EXPECT_EQ(done.hashes, 0u);
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
  EXPECT_EQ(golden.results.size(), 4u);
  EXPECT_EQ(golden.format, 2);
  RunResult moved = sample_result("none", 9);
  moved.data.clear();
  moved.epochs.clear();
  moved.spectra.clear();
  moved.measures = {{"slices", 1}, {"spectrum", 1}};
  EXPECT_EQ(to_line(*golden.find("associative_recall", "smoke", "none", 9)), to_line(moved));
}

TEST_F(OldGoldenFolder, AnUnfinishedBlessOfItsTimeIsEndedByItsMigration) {
  const json change = {{"files", before_}, {"removed", {"smoke/sphere.jsonl"}}};
  scribble("smoke/sphere.jsonl", old_line("smoke", "sphere", 0));
  scribble("unfinished_bless.json", seal("bless", change.dump()));
  migrate();
  EXPECT_EQ(load_golden(path()).results.size(), 4u);
}

TEST_F(OldGoldenFolder, AMoveCutShortIsEndedByTheNextBlessing) {
  // A folder in the way of a file of golden stops it just there.
  for (const std::string file :
       {"associative_recall/paper/none.jsonl", "associative_recall/smoke/none.jsonl"}) {
    SCOPED_TRACE(file);
    fs::create_directories(path() / file);
    EXPECT_THROW(migrate(), DataError);
    EXPECT_EQ(load_golden(path()).results.size(), 4u);
    EXPECT_EQ(load_golden(path()).format, 2);
    fs::remove(path() / file);
    bless_again();
    EXPECT_EQ(contents_of(path()).count("unfinished_bless.json"), 0u);
    EXPECT_EQ(contents_of(path()).count("smoke/none.jsonl"), 0u);
    EXPECT_EQ(load_golden(path()).results.size(), 5u);
    fs::remove_all(path() / "associative_recall");
    for (const auto& [old_file, content] : before_) {
      fs::create_directories((path() / old_file).parent_path());
      scribble(old_file, content);
    }
  }
}

TEST_F(OldGoldenFolder, AMoveCutShortWhileItRemovesIsNoticedAndCanBeEnded) {
  migrate();
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
  RunResult result = sample_result("none", 0);
  result.profile = "paper";
  scribble("associative_recall/paper/none.jsonl", to_line(result) + "\n");
  forge_manifest(path(), {"smoke/layernorm.jsonl", "smoke/none.jsonl", "paper/none.jsonl",
                          "associative_recall/paper/none.jsonl"});
  EXPECT_THAT(load_message(),
              HasSubstr("associative_recall/paper/none.jsonl holds a run that paper/none.jsonl "
                        "holds too (associative_recall/paper/none seed 0)"));
}

}  // namespace
}  // namespace harness
