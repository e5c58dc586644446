#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstddef>
#include <filesystem>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "harness/base/files.hpp"
#include "harness/runs/run_store.hpp"
#include "libnorm/core/error.hpp"
#include "tests/unit/harness/runs/store_samples.hpp"

/// A store with several processes: locks, and what a killed one leaves.
namespace harness {
namespace {

namespace fs = std::filesystem;
using libnorm::DataError;
using testing::HasSubstr;

TEST(Lock, WritesToNothingThatALinkLeadsTo) {
  const ScratchFolder scratch;
  const Store store(scratch.path() / "store", Access::writing);
  const Spec spec = sample_spec(1);
  scribble(scratch.path() / "precious", "kept");
  fs::create_directories(store.folder(spec));
  fs::create_symlink(scratch.path() / "precious", store.folder(spec) / "lock");
  EXPECT_THROW(store.lock(spec), DataError);
  EXPECT_EQ(read_file(scratch.path() / "precious"), "kept");
}

TEST(Kill, BetweenWriteAndRenameKeepsTheOldFilesAndIsTidiedUp) {
  const ScratchFolder scratch;
  const Store store(scratch.path(), Access::writing);
  const Spec spec = sample_spec(1);
  store.lock(spec).save_checkpoint(bytes_of("first"));
  for (int i = 0; i < 2; ++i) scribble(aside_in(store.folder(spec)), "libnorm check");
  EXPECT_TRUE(store.results().empty());
  const LockedRun run = store.lock(spec);
  EXPECT_EQ(run.load_checkpoint(), bytes_of("first"));
  EXPECT_THAT(names_in(run.folder()),
              testing::UnorderedElementsAre("checkpoint.bin", "lock", "spec.txt"));
  run.finish(sample_result_of(spec));
  EXPECT_EQ(store.results().size(), 1u);
  EXPECT_THAT(names_in(run.folder()), testing::UnorderedElementsAre("row.json", "lock", "spec.txt"))
      << "nothing goes on from the checkpoint any more";
}

TEST(Kill, AtAnyMomentLeavesAWholeCheckpointAndAFreeLock) {
  const ScratchFolder scratch;
  const Store store(scratch.path(), Access::writing);
  const Spec spec = sample_spec(1);
  for (int round = 0; round < 10; ++round) {
    Child child([&](const std::function<void()>& tell) {
      const LockedRun run = store.lock(spec);
      for (char fill = 'a';; fill = fill == 'z' ? 'a' : static_cast<char>(fill + 1)) {
        run.save_checkpoint(bytes_of(std::string(200000, fill)));
        tell();
      }
    });
    for (int i = 0; i <= round; ++i) ASSERT_TRUE(child.wait_until_told());
    child.kill_now();
    const auto state = store.lock(spec).load_checkpoint();
    ASSERT_TRUE(state.has_value());
    ASSERT_EQ(state->size(), 200000u);
    EXPECT_EQ(*state, std::vector<std::byte>(200000, state->front()));
  }
}

TEST(Lock, KeepsAnotherProcessOutAndNamesIt) {
  const ScratchFolder scratch;
  const Store store(scratch.path(), Access::writing);
  Child child([&](const std::function<void()>& tell) {
    const LockedRun run = store.lock(sample_spec(1));
    tell();
    while (true) pause();
  });
  ASSERT_TRUE(child.wait_until_told());
  EXPECT_THAT(message_of<DataError>([&] { store.lock(sample_spec(1)); }),
              HasSubstr("is held by another process (pid " + std::to_string(child.pid()) + ")"));
  EXPECT_NO_THROW(store.lock(sample_spec(2)));
  EXPECT_TRUE(store.results().empty());
  child.kill_now();
  EXPECT_NO_THROW(store.lock(sample_spec(1)));
}

TEST(Lock, IsOfOneHolderWithinAProcessTooAndMovesWithIt) {
  const ScratchFolder scratch;
  const Store store(scratch.path(), Access::writing);
  {
    LockedRun run = store.lock(sample_spec(1));
    const LockedRun moved = std::move(run);
    EXPECT_THROW(store.lock(sample_spec(1)), DataError);
  }
  EXPECT_NO_THROW(store.lock(sample_spec(1)));
}

}  // namespace
}  // namespace harness
