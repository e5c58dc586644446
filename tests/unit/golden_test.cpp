#include "harness/golden.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "harness/row_json.hpp"
#include "harness/store.hpp"
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
  ASSERT_NE(golden.find("smoke", "none", 9), nullptr);
  EXPECT_EQ(golden.find("smoke", "none", 9)->seed, 9u);
  EXPECT_EQ(golden.find("paper", "none", 9), nullptr);
  EXPECT_EQ(golden.find("smoke", "none", 11), nullptr);
  EXPECT_EQ(read_file(path() / "smoke/none.jsonl"),
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
  EXPECT_EQ(golden.find("smoke", "none", 9)->final_loss, 0.75);
  EXPECT_EQ(golden.find("smoke", "none", 10)->final_loss, 0.1);
  EXPECT_NE(golden.find("smoke", "layernorm", 1), nullptr);
  EXPECT_EQ(golden.verdicts, json({{"e2", 1}}));
  ASSERT_EQ(golden.blessings.size(), 2u);
  EXPECT_EQ(golden.blessings[1].because, "a fix");
}

TEST_F(GoldenFolder, TheSameBlessingsGiveTheSameBytes) {
  bless_two_arms();
  const ScratchFolder other;
  bless(other.path(), {sample_row("layernorm", 1), sample_row("none", 9), sample_row("none", 10)},
        {{"e1.flatness", "CONTRADICTED"}}, "e1", "first results");
  for (const char* file : {"manifest.json", "verdicts.json", "smoke/none.jsonl"}) {
    EXPECT_EQ(read_file(path() / file), read_file(other.path() / file)) << file;
  }
}

TEST_F(GoldenFolder, AFlippedByteInAnyFileIsNoticedAndNamed) {
  bless_two_arms();
  for (const std::string file :
       {"manifest.json", "verdicts.json", "smoke/none.jsonl", "smoke/layernorm.jsonl"}) {
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
  for (const std::string file : {"manifest.json", "verdicts.json", "smoke/none.jsonl"}) {
    bless_two_arms();
    const std::string whole = read_file(path() / file);
    fs::remove(path() / file);
    EXPECT_THAT(load_message(), AllOf(HasSubstr(file), HasSubstr("is missing")));
    scribble(file, whole);
  }
}

TEST_F(GoldenFolder, AFileThatNobodyListedIsNamed) {
  bless_two_arms();
  for (const std::string file : {"smoke/sphere.jsonl", "notes.txt", "smoke/.none.jsonl.aside"}) {
    scribble(file, "");
    EXPECT_THAT(load_message(), HasSubstr(file + " is not in the manifest"));
    fs::remove(path() / file);
  }
  EXPECT_NO_THROW(load_golden(path()));
}

TEST_F(GoldenFolder, DamageIsNotBlessedByTheWay) {
  bless_two_arms();
  const std::string whole = read_file(path() / "smoke/none.jsonl");
  scribble("smoke/none.jsonl", whole.substr(0, whole.find('\n') + 1));
  const std::string manifest = read_file(path() / "manifest.json");
  const auto bless_again = [&] { bless(path(), {sample_row("none", 9)}, {}, "e1", "again"); };
  EXPECT_THROW(bless_again(), DataError);
  EXPECT_EQ(read_file(path() / "manifest.json"), manifest);
  fs::remove(path() / "manifest.json");
  EXPECT_THROW(bless_again(), DataError);
}

TEST_F(GoldenFolder, ABlessingCutShortDoesNotLoad) {
  bless_two_arms();
  const std::string before = read_file(path() / "manifest.json");
  bless(path(), {sample_row("batchnorm", 1)}, {}, "e2", "one more arm");
  scribble("manifest.json", before);  // as if killed before the manifest was written
  EXPECT_THROW(load_golden(path()), DataError);
}

TEST_F(GoldenFolder, RefusesWithoutAReasonAndLeavesTheFolderAsItWas) {
  EXPECT_THROW(bless(path(), {sample_row("none", 1)}, {}, "e1", ""), ValueError);
  EXPECT_THROW(bless(path(), {sample_row("none", 1)}, {}, "e1", " \n"), ValueError);
  EXPECT_THROW(bless(path(), {sample_row("none", 1)}, {}, "", "why"), ValueError);
  EXPECT_THROW(bless(path(), {sample_row("none", 1), sample_row("none", 1)}, {}, "e1", "why"),
               ValueError);
  EXPECT_THROW(bless(path(), {sample_row("../none", 1)}, {}, "e1", "why"), ValueError);
  EXPECT_THROW(bless(path(), {sample_row("", 1)}, {}, "e1", "why"), ValueError);
  Row custom = sample_row("none", 1);
  custom.profile = "custom";
  EXPECT_THROW(bless(path(), {custom}, {}, "e1", "why"), ValueError);
  EXPECT_THROW(bless(path(), {sample_row("none", 1)}, {}, "e1", "\xff"), ValueError);
  EXPECT_THROW(bless(path(), {}, {{"effect", std::nan("")}}, "e1", "why"), ValueError);
  EXPECT_FALSE(has_golden(path()));
}

/// Gives the folder the right hashes for what is in it, as a careless tool might.
void forge_manifest(const fs::path& path, const std::string& file) {
  const json files = {{file, sha256_hex(read_file(path / file))},
                      {"verdicts.json", sha256_hex(read_file(path / "verdicts.json"))}};
  write_atomically(path / "manifest.json",
                   seal("manifest", json({{"files", files}, {"blessings", json::array()}}).dump()));
}

TEST_F(GoldenFolder, RowsInTheWrongPlaceAreNamedThoughTheHashesHold) {
  bless(path(), {sample_row("none", 1), sample_row("none", 2)}, {}, "e1", "why");
  const std::string one = to_line(sample_row("none", 1)) + "\n";
  const std::string two = to_line(sample_row("none", 2)) + "\n";
  for (const std::string& content : {two + one, one + one}) {
    scribble("smoke/none.jsonl", content);
    forge_manifest(path(), "smoke/none.jsonl");
    EXPECT_THAT(load_message(), HasSubstr("smoke/none.jsonl line 2 is out of order"));
  }
  scribble("smoke/none.jsonl", one + to_line(sample_row("sphere", 2)) + "\n");
  forge_manifest(path(), "smoke/none.jsonl");
  EXPECT_THAT(load_message(), HasSubstr("line 2 holds a row of smoke/sphere.jsonl"));
}

}  // namespace
}  // namespace harness
