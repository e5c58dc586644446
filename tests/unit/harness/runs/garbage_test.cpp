#include "harness/runs/garbage.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "harness/base/files.hpp"
#include "libnorm/core/error.hpp"
#include "tests/unit/harness/runs/store_samples.hpp"

namespace harness {
namespace {

namespace fs = std::filesystem;
using libnorm::DataError;
using testing::HasSubstr;

std::vector<std::string> paths_of(const std::vector<StoredThing>& things, const fs::path& store) {
  std::vector<std::string> paths;
  for (const StoredThing& thing : things) {
    paths.push_back(thing.path.lexically_relative(store / "runs").string());
  }
  return paths;
}

/// A store with one of everything that may be in it.
class GarbageTest : public testing::Test {
 protected:
  GarbageTest() {
    finish_with_kept(store_.lock(good_), "kept");
    finish_with_kept(store_.lock(left_), "kept");
    scribble(store_.folder(left_) / "checkpoint.bin", std::string(1000, 'c'));
    scribble(store_.folder(left_) / ".row.json.aside", "{");
    store_.lock(open_).save_checkpoint(bytes_of("state"));
    scribble(store_.folder(open_) / "kept.safetensors", "by a run that was killed");
    finish_with_kept(store_.lock(old_), "kept");
    fs::create_directory(runs() / "0123456789abcdef");
    scribble(runs() / "0123456789abcdef/lock", "7");
    fs::create_directory(runs() / "notes");
    scribble(runs() / "notes/of mine", "keep this");
    scribble(runs() / ".probe.Ab12Cd", "");
    fs::create_directory(scratch_.path() / "cache");
    scribble(scratch_.path() / "cache/.corpus-0.bin.aside", "libnorm");
    scribble(scratch_.path() / "cache/corpus-1.bin", "libnorm");
  }

  fs::path runs() const { return scratch_.path() / "runs"; }
  std::string name(const Spec& spec) const { return store_.folder(spec).filename().string(); }
  std::vector<std::string> results_left() const {
    std::vector<std::string> left;
    for (const RunResult& result : store_.results())
      left.push_back(result.spec_sha256.substr(0, 16));
    return left;
  }
  std::vector<std::string> expected() const {
    return {"../cache/.corpus-0.bin.aside",
            ".probe.Ab12Cd",
            "0123456789abcdef",
            name(left_) + "/.row.json.aside",
            name(left_) + "/checkpoint.bin",
            name(open_) + "/kept.safetensors"};
  }

  const ScratchFolder scratch_;
  const Store store_{scratch_.path(), Access::writing};
  const Spec good_ = sample_spec(1), left_ = sample_spec(2), open_ = sample_spec(3);
  const Spec old_ = sample_spec(4).set("numerics", "0");
};

TEST_F(GarbageTest, IsNamedWithItsSizeAndNothingIsTouched) {
  const auto before = names_in(store_.folder(left_));
  const Garbage found = collect_garbage(scratch_.path(), Removal::nothing);
  EXPECT_THAT(paths_of(found.things, scratch_.path()),
              testing::UnorderedElementsAreArray(expected()));
  EXPECT_THAT(paths_of(found.old_runs, scratch_.path()), testing::ElementsAre(name(old_)));
  EXPECT_THAT(found.old_runs[0].what, HasSubstr("a finished run of numerics 0"));
  EXPECT_GT(found.old_runs[0].bytes, 1000u);
  EXPECT_TRUE(found.held.empty());
  EXPECT_TRUE(found.faults.empty());
  for (const StoredThing& thing : found.things) {
    EXPECT_TRUE(fs::exists(thing.path)) << thing.path;
    EXPECT_TRUE(thing.path.filename() != "checkpoint.bin" || thing.bytes == 1000u);
  }
  EXPECT_EQ(names_in(store_.folder(left_)), before);
}

TEST_F(GarbageTest, GoesAndAllElseStays) {
  const Garbage found = collect_garbage(scratch_.path(), Removal::things);
  EXPECT_THAT(paths_of(found.things, scratch_.path()),
              testing::UnorderedElementsAreArray(expected()));
  for (const StoredThing& thing : found.things) EXPECT_FALSE(fs::exists(thing.path)) << thing.path;
  EXPECT_THAT(results_left(), testing::UnorderedElementsAre(name(good_), name(left_), name(old_)));
  for (const RunResult& result : store_.results()) EXPECT_NO_THROW(store_.kept_file(result));
  EXPECT_EQ(store_.lock(open_).load_checkpoint(), bytes_of("state"));
  EXPECT_EQ(read_file(runs() / "notes/of mine"), "keep this");
  EXPECT_TRUE(fs::exists(scratch_.path() / "cache/corpus-1.bin"));
  const Garbage again = collect_garbage(scratch_.path(), Removal::things);
  EXPECT_TRUE(again.things.empty());
  EXPECT_EQ(again.old_runs.size(), 1u);

  EXPECT_EQ(collect_garbage(scratch_.path(), Removal::things_and_old_runs).old_runs.size(), 1u);
  EXPECT_FALSE(fs::exists(store_.folder(old_)));
  EXPECT_THAT(results_left(), testing::UnorderedElementsAre(name(good_), name(left_)));
}

/// A strange lock is named for what it is, and neither waited for nor followed.
TEST_F(GarbageTest, ALockThatIsNoFileIsNamed) {
  const fs::path lock = store_.folder(left_) / "lock";
  const std::vector<std::pair<std::string, std::function<void()>>> kinds = {
      {"a pipe", [&] { ASSERT_EQ(::mkfifo(lock.c_str(), 0600), 0); }},
      {"a folder", [&] { fs::create_directory(lock); }},
      {"a link", [&] { fs::create_symlink(scratch_.path() / "elsewhere", lock); }}};
  for (const auto& [what, make] : kinds) {
    fs::remove(lock);
    make();
    const std::string sentence = lock.string() + " is " + what + "; need a regular file";
    for (const Removal removal : {Removal::nothing, Removal::things}) {
      const Garbage found = collect_garbage(scratch_.path(), removal);
      EXPECT_THAT(found.faults, testing::ElementsAre(HasSubstr(sentence)));
    }
    EXPECT_THAT(message_of<DataError>([&] { store_.lock(left_); }), HasSubstr(sentence));
  }
}

/// What a run's result says that it has kept, and what is not whole, are named; nothing goes.
TEST_F(GarbageTest, AKeptStateThatIsMissingOrTornIsNamed) {
  const fs::path kept = store_.folder(left_) / "kept.safetensors";
  ASSERT_TRUE(fs::exists(kept));
  const auto size = fs::file_size(kept);
  for (const auto bytes : {size - 1, std::uintmax_t{1} << 40}) {
    fs::resize_file(kept, bytes);
    const Garbage torn = collect_garbage(scratch_.path(), Removal::nothing);
    EXPECT_THAT(torn.faults, testing::ElementsAre(HasSubstr(kept.string() + " is torn")));
    const RunResult result = *store_.find(left_);
    EXPECT_THAT(message_of<DataError>([&] { store_.kept_file(result); }), HasSubstr("is torn"));
  }
  fs::remove(kept);
  EXPECT_THAT(collect_garbage(scratch_.path(), Removal::things).faults,
              testing::ElementsAre(HasSubstr(kept.string() + " is missing")));
}

/// A result on a volume that is not there now is no missing result.
TEST_F(GarbageTest, OfARunWhoseResultIsALinkToNothingStays) {
  const fs::path folder = store_.folder(good_);
  fs::rename(folder / "row.json", scratch_.path() / "away");
  fs::create_symlink(scratch_.path() / "not mounted", folder / "row.json");
  const auto before = names_in(folder);
  const Garbage found = collect_garbage(scratch_.path(), Removal::things);
  EXPECT_THAT(found.faults, testing::ElementsAre(HasSubstr("row.json")));
  EXPECT_EQ(names_in(folder), before);
}

TEST_F(GarbageTest, OfAHeldRunIsLeftAlone) {
  const LockedRun held = store_.lock(left_);
  scribble(store_.folder(left_) / ".row.json.aside", "at work");
  for (const Removal removal : {Removal::nothing, Removal::things_and_old_runs}) {
    const Garbage found = collect_garbage(scratch_.path(), removal);
    EXPECT_THAT(found.held, testing::ElementsAre(store_.folder(left_)));
    EXPECT_TRUE(found.faults.empty());
    for (const auto& path : paths_of(found.things, scratch_.path())) {
      EXPECT_THAT(path, testing::Not(HasSubstr(name(left_))));
    }
  }
  EXPECT_EQ(names_in(held.folder()).size(), 6u);
}

TEST_F(GarbageTest, WhatIsDamagedIsNamedAndLeftAlone) {
  scribble(store_.folder(left_) / "row.json", "torn");
  fs::remove(store_.folder(good_) / "spec.txt");
  scribble(store_.folder(old_) / "my notes", "");
  const Garbage found = collect_garbage(scratch_.path(), Removal::things_and_old_runs);
  ASSERT_EQ(found.faults.size(), 3u);
  const std::string faults = found.faults[0] + found.faults[1] + found.faults[2];
  EXPECT_THAT(faults, HasSubstr((store_.folder(left_) / "row.json").string() + " is torn"));
  EXPECT_THAT(faults, HasSubstr(store_.folder(good_).string() + " has no spec.txt"));
  EXPECT_THAT(faults, HasSubstr("none of a run's (my notes)"));
  EXPECT_TRUE(fs::exists(store_.folder(left_) / "checkpoint.bin"));
  EXPECT_TRUE(fs::exists(store_.folder(good_) / "row.json"));
  EXPECT_TRUE(fs::exists(store_.folder(old_) / "row.json"));
  EXPECT_THROW(collect_garbage(scratch_.path() / "mistyped", Removal::things), DataError);
  EXPECT_FALSE(fs::exists(scratch_.path() / "mistyped"));
}

TEST_F(GarbageTest, KilledAtAnyMomentItLeavesASoundStore) {
  // The longest of removals: many old runs, so that a kill falls on it.
  for (int round = 0; round < 20; ++round) {
    for (std::uint64_t seed = 100; seed < 120; ++seed) {
      const Spec spec = sample_spec(seed).set("numerics", "0");
      if (!store_.find(spec)) finish_with_kept(store_.lock(spec), std::string(50000, 'k'));
    }
    Child child([&](const std::function<void()>& tell) {
      tell();
      collect_garbage(scratch_.path(), Removal::things_and_old_runs);
    });
    ASSERT_TRUE(child.wait_until_told());
    usleep(useconds_t(round) * 150);
    child.kill_now();
    for (const RunResult& result : store_.results()) EXPECT_NO_THROW(store_.kept_file(result));
    EXPECT_TRUE(collect_garbage(scratch_.path(), Removal::nothing).faults.empty());
  }
  collect_garbage(scratch_.path(), Removal::things_and_old_runs);
  EXPECT_THAT(results_left(), testing::UnorderedElementsAre(name(good_), name(left_)));
  EXPECT_EQ(names_in(runs()).size(), 4u) << "good, left, open and notes";
}

TEST_F(GarbageTest, DoesNotTakeTheFolderOfARunThatBegins) {
  Child child([&](const std::function<void()>& tell) {
    tell();
    while (true) collect_garbage(scratch_.path(), Removal::things);
  });
  ASSERT_TRUE(child.wait_until_told());
  const Spec spec = sample_spec(5);
  for (int i = 0; i < 300; ++i) {
    // What a process leaves that was killed before it wrote spec.txt.
    fs::create_directories(store_.folder(spec));
    try {
      const LockedRun run = store_.lock(spec);
      EXPECT_EQ(read_file(run.folder() / "spec.txt"), spec.canonical());
      fs::remove(run.folder() / "spec.txt");
    } catch (const DataError& error) {
      EXPECT_THAT(error.what(), HasSubstr("is held by another process")) << i;
    }
  }
}

}  // namespace
}  // namespace harness
