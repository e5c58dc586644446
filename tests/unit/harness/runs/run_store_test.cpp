#include "harness/runs/run_store.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "harness/base/files.hpp"
#include "harness/results/result_json.hpp"
#include "libnorm/core/error.hpp"
#include "tests/unit/harness/runs/store_samples.hpp"

namespace harness {
namespace {

namespace fs = std::filesystem;
using libnorm::DataError;
using libnorm::ValueError;
using testing::AllOf;
using testing::HasSubstr;

TEST(Store, SaysWhenItCannotBeWrittenTo) {
  const ScratchFolder scratch;
  scribble(scratch.path() / "file", "");
  EXPECT_THAT(message_of<DataError>(
                  [&] { Store store(scratch.path() / "file" / "store", Access::writing); }),
              AllOf(HasSubstr((scratch.path() / "file").string()), HasSubstr("Not a directory")));
  // A folder that is there and takes no files, not even from the root user.
  fs::create_directory_symlink("/proc/self/fdinfo", scratch.path() / "runs");
  EXPECT_THAT(message_of<DataError>([&] { Store store(scratch.path(), Access::writing); }),
              HasSubstr("cannot write to"));
}

TEST(Store, ForReadingHasToBeThereAndIsNotChanged) {
  const ScratchFolder scratch;
  const auto refusal = [](const fs::path& directory) {
    return message_of<DataError>([&] { Store store(directory, Access::reading); });
  };
  EXPECT_THAT(refusal(scratch.path() / "mistyped"),
              AllOf(HasSubstr("no such folder (" + (scratch.path() / "mistyped").string() + ")"),
                    HasSubstr("norm-harness run")));
  EXPECT_THAT(refusal(scratch.path()), HasSubstr("has no folder `runs`"));
  scribble(scratch.path() / "file", "");
  EXPECT_THAT(refusal(scratch.path() / "file"), HasSubstr("has no folder `runs`"));
  EXPECT_THAT(names_in(scratch.path()), testing::ElementsAre("file")) << "nothing is made";

  const Spec spec = sample_spec(1);
  Store(scratch.path() / "s", Access::writing).lock(spec).finish(sample_result_of(spec));
  const auto changed = fs::last_write_time(scratch.path() / "s/runs");
  const Store store(scratch.path() / "s", Access::reading);
  EXPECT_EQ(store.results().size(), 1u);
  EXPECT_TRUE(store.find(spec).has_value());
  EXPECT_EQ(fs::last_write_time(scratch.path() / "s/runs"), changed);
  EXPECT_THROW(store.lock(spec), ValueError);
  // A folder that takes no files, not even from the root user.
  fs::create_directory(scratch.path() / "p");
  fs::create_directory_symlink("/proc/self/fdinfo", scratch.path() / "p/runs");
  EXPECT_TRUE(Store(scratch.path() / "p", Access::reading).results().empty());
}

TEST(Store, FindsARunOnlyAfterItFinished) {
  const ScratchFolder scratch;
  const Store store(scratch.path() / "deep" / "store", Access::writing);
  const Spec spec = sample_spec(1);
  EXPECT_EQ(store.find(spec), std::nullopt);
  const LockedRun run = store.lock(spec);
  EXPECT_EQ(store.find(spec), std::nullopt);
  EXPECT_TRUE(store.results().empty());
  EXPECT_EQ(run.folder(), scratch.path() / "deep/store/runs" / spec.sha256().substr(0, 16));
  EXPECT_EQ(read_file(run.folder() / "spec.txt"), spec.canonical());
  run.finish(sample_result_of(spec));
  ASSERT_TRUE(store.find(spec).has_value());
  EXPECT_EQ(store.find(spec)->weights_sha256, sample_result_of(spec).weights_sha256);
  EXPECT_EQ(store.find(sample_spec(2)), std::nullopt);
}

TEST(Store, ListsResultsInOrderAndPassesOverUnfinishedRuns) {
  const ScratchFolder scratch;
  const Store store(scratch.path(), Access::writing);
  for (const std::uint64_t seed : {3, 1, 20, 2}) {
    const LockedRun run = store.lock(sample_spec(seed));
    if (seed != 20) run.finish(sample_result_of(sample_spec(seed)));
  }
  fs::create_directory(scratch.path() / "runs" / "0123456789abcdef");  // killed before spec.txt
  std::vector<std::uint64_t> seeds;
  for (const RunResult& result : store.results()) seeds.push_back(result.seed);
  EXPECT_THAT(seeds, testing::ElementsAre(1, 2, 3));
}

TEST(Store, OrdersResultsByTaskProfileArmSeedAndSpec) {
  const ScratchFolder scratch;
  const Store store(scratch.path(), Access::writing);
  std::vector<std::string> expected;
  std::uint64_t variant = 0;
  for (const std::string task : {"ag_news", "associative_recall"}) {
    for (const std::string profile : {"paper", "smoke"}) {
      for (const std::string arm : {"layernorm", "none"}) {
        for (const std::uint64_t seed : {2, 10}) {
          std::vector<std::string> hashes;
          for (int i = 0; i < 2; ++i) {
            const Spec spec =
                sample_spec(seed).set("task", task).set("arm", arm).set("variant", variant++);
            RunResult result = sample_result(arm, seed);
            result.task = task;
            result.profile = profile;
            result.spec_sha256 = spec.sha256();
            store.lock(spec).finish(result);
            hashes.push_back(spec.sha256());
          }
          std::sort(hashes.begin(), hashes.end());
          expected.insert(expected.end(), hashes.begin(), hashes.end());
        }
      }
    }
  }
  std::vector<std::string> hashes;
  for (const RunResult& result : store.results()) hashes.push_back(result.spec_sha256);
  EXPECT_EQ(hashes, expected);
}

TEST(Store, RefusesTheResultOfAnotherSpec) {
  const ScratchFolder scratch;
  const Store store(scratch.path(), Access::writing);
  const LockedRun run = store.lock(sample_spec(1));
  EXPECT_THROW(run.finish(sample_result_of(sample_spec(2))), ValueError);
  EXPECT_EQ(store.find(sample_spec(1)), std::nullopt);
}

TEST(Store, NoDamageToAResultGoesUnnoticed) {
  const ScratchFolder scratch;
  const Store store(scratch.path(), Access::writing);
  const Spec spec = sample_spec(1);
  store.lock(spec).finish(sample_result_of(spec));
  const fs::path path = store.folder(spec) / "row.json";
  const auto named = AllOf(HasSubstr(path.string()), HasSubstr("torn or edited"),
                           HasSubstr("delete the folder " + store.folder(spec).string()));
  for_each_damage(path, 31, [&] {
    EXPECT_THAT(message_of<DataError>([&] { store.results(); }), named);
    EXPECT_THAT(message_of<DataError>([&] { store.find(spec); }), named);
  });
  EXPECT_EQ(store.results().size(), 1u);
}

TEST(Store, NoDamageToASpecGoesUnnoticed) {
  const ScratchFolder scratch;
  const Store store(scratch.path(), Access::writing);
  const Spec spec = sample_spec(1);
  store.lock(spec).finish(sample_result_of(spec));
  const fs::path path = store.folder(spec) / "spec.txt";
  const auto named = AllOf(HasSubstr(path.string()), HasSubstr("delete the folder"));
  for_each_damage(path, 1, [&] {
    EXPECT_THAT(message_of<DataError>([&] { store.results(); }), named);
    EXPECT_THAT(message_of<DataError>([&] { store.lock(spec); }), named);
  });
  fs::remove(path);
  EXPECT_THAT(message_of<DataError>([&] { store.results(); }), HasSubstr("is missing"));
  EXPECT_THAT(message_of<DataError>([&] { store.lock(spec); }), HasSubstr("is missing"));
}

TEST(Store, AResultInAnotherRunsFolderIsNoticed) {
  const ScratchFolder scratch;
  const Store store(scratch.path(), Access::writing);
  store.lock(sample_spec(1)).finish(sample_result_of(sample_spec(1)));
  store.lock(sample_spec(2));
  fs::copy(store.folder(sample_spec(1)) / "row.json", store.folder(sample_spec(2)));
  EXPECT_THAT(message_of<DataError>([&] { store.results(); }),
              HasSubstr("the result of another run"));
  fs::remove_all(store.folder(sample_spec(2)));
  fs::rename(store.folder(sample_spec(1)), scratch.path() / "runs" / "renamed");
  EXPECT_THAT(message_of<DataError>([&] { store.results(); }), HasSubstr("does not belong"));
}

TEST(Store, AResultOfAnotherVersionIsNamed) {
  const ScratchFolder scratch;
  const Store store(scratch.path(), Access::writing);
  store.lock(sample_spec(1));
  scribble(store.folder(sample_spec(1)) / "row.json", seal("row", "{}"));
  EXPECT_THAT(message_of<DataError>([&] { store.results(); }),
              AllOf(HasSubstr("row.json"), HasSubstr("the key profile is missing"),
                    HasSubstr("delete the folder")));
}

TEST(Store, AResultThatSaysOtherwiseThanItsSpecIsNamed) {
  const ScratchFolder scratch;
  const Store store(scratch.path(), Access::writing);
  const Spec spec = sample_spec(1).set("task", "associative_recall").set("steps", 4);
  const LockedRun run = store.lock(spec);
  const RunResult good = sample_result_of(spec);
  const auto refuse = [&](const std::function<void(RunResult&)>& change, const std::string& text) {
    RunResult result = good;
    change(result);
    EXPECT_THAT(message_of<ValueError>([&] { run.finish(result); }), HasSubstr(text));
    scribble(run.folder() / "row.json", seal("row", to_line(result)));
    EXPECT_THAT(message_of<DataError>([&] { store.results(); }),
                AllOf(HasSubstr("row.json"), HasSubstr(text)));
    EXPECT_THROW(store.find(spec), DataError);
  };
  refuse([](RunResult& result) { result.arm = "none"; },
         "has the arm none where the spec says layernorm");
  refuse([](RunResult& result) { result.task = "topics"; },
         "has the task topics where the spec says");
  refuse([](RunResult& result) { result.seed = 2; }, "has the seed 2 where the spec says 1");
  refuse([](RunResult& result) { result.steps = 3; }, "has the steps 3 where the spec says 4");
  refuse([](RunResult& result) { result.steps = 5, result.diverged_at = 4; }, "has the steps 5");
  RunResult diverged = good;
  diverged.steps = 3;
  diverged.diverged_at = 2;
  run.finish(diverged);
  EXPECT_EQ(store.results().size(), 1u);
  run.finish(good);
  EXPECT_EQ(store.results().size(), 1u);
}

TEST(Store, WhatIsNoFileOrTooLargeIsNotWaitedFor) {
  const ScratchFolder scratch;
  const Store store(scratch.path(), Access::writing);
  const Spec spec = sample_spec(1);
  store.lock(spec).finish(sample_result_of(spec));
  store.lock(spec).save_checkpoint(bytes_of("state"));
  for (const char* name : {"row.json", "spec.txt", "checkpoint.bin"}) {
    const fs::path path = store.folder(spec) / name;
    const auto read = [&] {
      return message_of<DataError>([&] {
        const LockedRun run = store.lock(spec);
        store.results();
        run.load_checkpoint();
      });
    };
    const std::string whole = read_file(path);
    fs::remove(path);
    ASSERT_EQ(mkfifo(path.c_str(), 0600), 0);
    EXPECT_THAT(read(), HasSubstr(path.string() + " (it is a pipe)"));
    fs::remove(path);
    scribble(path, whole);
    fs::resize_file(path, std::uintmax_t{1} << 40);
    EXPECT_THAT(read(), AllOf(HasSubstr(name), HasSubstr("1099511627")));
    scribble(path, whole);
  }
  EXPECT_EQ(store.results().size(), 1u);
}

TEST(Checkpoint, LargerThanMemoryIsRefusedThoughItsHeadSaysSo) {
  const ScratchFolder scratch;
  const Store store(scratch.path(), Access::writing);
  const LockedRun run = store.lock(sample_spec(1));
  const std::string head = "libnorm checkpoint 1\n" + sample_spec(1).sha256() + " 1099511627776\n";
  const fs::path path = run.folder() / "checkpoint.bin";
  scribble(path, head);
  fs::resize_file(path, head.size() + 64 + (std::uintmax_t{1} << 40));
  EXPECT_THAT(message_of<DataError>([&] { run.load_checkpoint(); }), HasSubstr("is too large"));
}

TEST(Checkpoint, ComesBackAndReplacesTheOneBefore) {
  const ScratchFolder scratch;
  const Store store(scratch.path(), Access::writing);
  const LockedRun run = store.lock(sample_spec(1));
  EXPECT_EQ(run.load_checkpoint(), std::nullopt);
  for (const std::string& state :
       {std::string("a\0\n\xff", 4), std::string(), std::string(300000, 'z')}) {
    run.save_checkpoint(bytes_of(state));
    EXPECT_EQ(run.load_checkpoint(), bytes_of(state));
  }
}

TEST(Checkpoint, NoDamageGoesUnnoticed) {
  const ScratchFolder scratch;
  const Store store(scratch.path(), Access::writing);
  const LockedRun run = store.lock(sample_spec(1));
  run.save_checkpoint(bytes_of("weights and moments"));
  for_each_damage(run.folder() / "checkpoint.bin", 3, [&] {
    EXPECT_THAT(message_of<DataError>([&] { run.load_checkpoint(); }),
                AllOf(HasSubstr("checkpoint.bin"), HasSubstr("torn"),
                      HasSubstr("delete the folder " + run.folder().string())));
  });
  EXPECT_EQ(run.load_checkpoint(), bytes_of("weights and moments"));
}

TEST(Checkpoint, OfAnotherRunIsRefused) {
  const ScratchFolder scratch;
  const Store store(scratch.path(), Access::writing);
  store.lock(sample_spec(1)).save_checkpoint(bytes_of("state"));
  const LockedRun run = store.lock(sample_spec(2));
  fs::copy(store.folder(sample_spec(1)) / "checkpoint.bin", run.folder());
  EXPECT_THAT(message_of<DataError>([&] { run.load_checkpoint(); }), HasSubstr("another run"));
}

TEST(Checkpoint, AFullDiskKeepsTheOneBefore) {
  const ScratchFolder scratch;
  const Store store(scratch.path(), Access::writing);
  const LockedRun run = store.lock(sample_spec(1));
  run.save_checkpoint(bytes_of("first"));
  {
    const FileSizeLimit limit(100);
    EXPECT_THROW(run.save_checkpoint(bytes_of(std::string(5000, 'x'))), DataError);
  }
  EXPECT_EQ(run.load_checkpoint(), bytes_of("first"));
}

TEST(KeptFile, ComesBackAndNoDamageGoesUnnoticed) {
  const ScratchFolder scratch;
  const Store store(scratch.path(), Access::writing);
  const LockedRun run = store.lock(sample_spec(1));
  const RunResult result = finish_with_kept(run, "weights and moments");
  const fs::path path = run.folder() / "kept.safetensors";
  EXPECT_EQ(result.kept->sha256, sha256_hex(kept_text("weights and moments")));
  EXPECT_EQ(store.kept_file(result), path);
  EXPECT_TRUE(store.has_kept(result));
  for_each_damage(path, 1, [&] {
    EXPECT_THAT(message_of<DataError>([&] { store.kept_file(result); }),
                AllOf(HasSubstr(path.string()), HasSubstr("torn or edited"),
                      HasSubstr("delete the folder " + run.folder().string())));
    EXPECT_EQ(store.results().size(), 1u) << "the result alone is sound";
  });
  fs::remove(path);
  EXPECT_FALSE(store.has_kept(result));
  EXPECT_THAT(message_of<DataError>([&] { store.kept_file(result); }),
              AllOf(HasSubstr(path.string()), HasSubstr("is missing")));
  fs::create_directory(path);
  EXPECT_THROW(store.kept_file(result), DataError);
  EXPECT_EQ(store.find(sample_spec(1))->kept, result.kept);
  RunResult none = result;
  none.kept.reset();
  EXPECT_THAT(message_of<DataError>([&] { store.kept_file(none); }),
              AllOf(HasSubstr("has kept no weights"), HasSubstr("--keep weights")));
}

TEST(KeptFile, AWriterThatFailsLeavesTheOneBefore) {
  const ScratchFolder scratch;
  const Store store(scratch.path(), Access::writing);
  const LockedRun run = store.lock(sample_spec(1));
  const RunResult result = finish_with_kept(run, "first");
  EXPECT_THROW(run.keep([](const fs::path& file) {
    scribble(file, "half");
    throw DataError("a full disk");
  }),
               DataError);
  EXPECT_THROW(run.keep([](const fs::path&) {}), DataError) << "nothing was written";
  EXPECT_EQ(store.kept_file(result), run.folder() / "kept.safetensors");
  EXPECT_EQ(names_in(run.folder()).size(), 4u);
}

}  // namespace
}  // namespace harness
