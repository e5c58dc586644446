#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <optional>
#include <string>

#include "harness/base/files.hpp"
#include "harness/results/result_json.hpp"
#include "harness/runs/garbage.hpp"
#include "harness/runs/run_store.hpp"
#include "libnorm/core/error.hpp"
#include "tests/unit/harness/runs/store_samples.hpp"

namespace harness {
namespace {

namespace fs = std::filesystem;
using libnorm::DataError;
using testing::HasSubstr;

/// A store with a run of the time when measures were part of a spec.
class OldStore : public testing::Test {
 protected:
  OldStore() {
    fs::create_directories(old_);
    scribble(old_ / "spec.txt", spec_.old_canonical());
  }
  void finish_then() const {
    RunResult result = sample_result_of(spec_);
    result.spec_sha256 = spec_.old_sha256();
    result.kept = Kept{Keep::weights, sha256_hex(kept_text("weights"))};
    scribble(old_ / "row.json", seal("row", to_line(result)));
    scribble(old_ / "kept.safetensors", kept_text("weights"));
  }
  void checkpoint_then(const std::string& hash) const {
    const std::string head = "libnorm checkpoint 1\n" + hash + " 5\n";
    scribble(old_ / "checkpoint.bin", head + sha256_hex(head + "state") + "state");
  }

  const Spec spec_ = sample_spec(1);
  const ScratchFolder scratch_;
  const Store store_{scratch_.path(), Access::writing};
  const fs::path old_ = scratch_.path() / "runs" / spec_.old_sha256().substr(0, 16);
};

TEST_F(OldStore, ItsRunsAreFoundWhereTheyStand) {
  EXPECT_EQ(store_.find(spec_), std::nullopt);
  EXPECT_EQ(store_.folder(spec_), old_) << "a run that had begun goes on there";
  finish_then();
  const auto result = store_.find(spec_);
  ASSERT_TRUE(result.has_value());
  EXPECT_EQ(result->spec_sha256, spec_.sha256());
  EXPECT_EQ(result->spec, spec_.canonical());
  ASSERT_EQ(store_.results().size(), 1u);
  EXPECT_EQ(to_line(store_.results()[0]), to_line(*result));
  EXPECT_EQ(store_.folder(*result), old_);
  EXPECT_EQ(store_.kept_file(*result), old_ / "kept.safetensors");
  EXPECT_EQ(store_.find(sample_spec(2)), std::nullopt);
  EXPECT_TRUE(collect_garbage(scratch_.path(), Removal::things).things.empty());
  EXPECT_EQ(store_.kept_file(*result), old_ / "kept.safetensors");
}

TEST_F(OldStore, ItsRunsGoOnFromTheirCheckpoints) {
  checkpoint_then(spec_.old_sha256());
  {
    const LockedRun run = store_.lock(spec_);
    EXPECT_EQ(run.folder(), old_);
    EXPECT_EQ(run.load_checkpoint(), bytes_of("state"));
    run.save_checkpoint(bytes_of("later"));
    EXPECT_EQ(run.load_checkpoint(), bytes_of("later"));
    run.finish(sample_result_of(spec_));
  }
  EXPECT_EQ(read_file(old_ / "spec.txt"), spec_.old_canonical());
  EXPECT_EQ(store_.find(spec_)->weights_sha256, sample_result_of(spec_).weights_sha256);
  EXPECT_EQ(names_in(scratch_.path() / "runs").size(), 1u);
  checkpoint_then(sample_spec(2).old_sha256());
  EXPECT_THAT(message_of<DataError>([&] { store_.lock(spec_).load_checkpoint(); }),
              HasSubstr("another run"));
}

TEST_F(OldStore, OfARunInBothFoldersTheFinishedOneCounts) {
  const fs::path now = scratch_.path() / "runs" / spec_.sha256().substr(0, 16);
  fs::create_directories(now);
  scribble(now / "spec.txt", spec_.canonical());
  EXPECT_EQ(store_.folder(spec_), now);
  finish_then();
  EXPECT_EQ(store_.folder(spec_), old_);
  RunResult result = sample_result_of(spec_);
  result.final_loss = 0.75;
  scribble(now / "row.json", seal("row", to_line(result)));
  EXPECT_EQ(store_.find(spec_)->final_loss, 0.75);
  ASSERT_EQ(store_.results().size(), 1u);
  EXPECT_EQ(store_.results()[0].final_loss, 0.75);
  collect_garbage(scratch_.path(), Removal::things);
  EXPECT_TRUE(is_there(old_ / "row.json"));
  EXPECT_TRUE(is_there(old_ / "kept.safetensors")) << "what an old result names is no garbage";
}

TEST_F(OldStore, ItsDamageIsNoticed) {
  finish_then();
  for_each_damage(old_ / "spec.txt", 1, [&] {
    EXPECT_THROW(store_.results(), DataError);
    EXPECT_THROW(store_.find(spec_), DataError);
    EXPECT_THROW(store_.lock(spec_), DataError);
  });
  RunResult other = sample_result_of(spec_);
  other.spec_sha256 = sample_spec(2).old_sha256();
  scribble(old_ / "row.json", seal("row", to_line(other)));
  EXPECT_THAT(message_of<DataError>([&] { store_.find(spec_); }), HasSubstr("another run"));
}

}  // namespace
}  // namespace harness
