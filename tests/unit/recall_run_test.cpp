#include "harness/experiments/recall_run.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <sstream>

#include "harness/runner.hpp"
#include "tests/unit/harness_samples.hpp"

namespace {

using harness::RecallRun;
using testing::HasSubstr;

harness::RecallOptions small() {
  harness::RecallOptions o = harness::find_recall_profile("smoke").options;
  o.steps = 12;
  return o;
}

harness::Row train(RecallRun& run) {
  while (!run.finished()) run.step();
  return run.row("custom");
}

class EveryArm : public testing::TestWithParam<harness::RecallArm> {};

TEST_P(EveryArm, GoesOnFromAnyStepWithTheSameBits) {
  RecallRun whole(small(), GetParam(), 3);
  const harness::Row expected = train(whole);
  for (const int steps : {0, 1, 7, 12}) {
    RecallRun first(small(), GetParam(), 3);
    for (int i = 0; i < steps; ++i) first.step();
    RecallRun second(small(), GetParam(), 3);
    second.restore(first.state());
    EXPECT_EQ(second.steps_done(), steps);
    const harness::Row row = train(second);
    EXPECT_EQ(row.weights_sha256, expected.weights_sha256) << steps;
    EXPECT_EQ(row.losses_sha256, expected.losses_sha256) << steps;
    EXPECT_EQ(row.metrics, expected.metrics) << steps;
  }
}

TEST_P(EveryArm, DenseTrainingIsTheSameButForRounding) {
  auto options = small();
  RecallRun shortcut(options, GetParam(), 1);
  options.path = libnorm::Path::dense;
  RecallRun dense(options, GetParam(), 1);
  const auto a = train(shortcut), b = train(dense);
  EXPECT_NE(a.spec_sha256, b.spec_sha256);
  // A dozen steps of Adam at this rate move weights by 1e-3; single-precision rounding of the
  // gradients moves that by parts in a thousand at the worst.
  for (std::size_t i = 0; i < a.loss_curve.size(); ++i) {
    EXPECT_NEAR(a.loss_curve[i], b.loss_curve[i], 1e-4 * a.loss_curve[i]);
  }
  EXPECT_NEAR(a.metrics.at("effective_rank"), b.metrics.at("effective_rank"), 1e-2);
}

TEST_P(EveryArm, RowHoldsWhatClaimsAndFiguresNeed) {
  RecallRun run(small(), GetParam(), 0);
  const harness::Row row = train(run);
  EXPECT_EQ(row.arm, GetParam().name);
  EXPECT_EQ(row.steps, 12);
  EXPECT_EQ(row.loss_curve.size(), 12u);
  EXPECT_EQ(row.singular_values.size(), 40u);
  EXPECT_EQ(row.slices.at("published_e1").loss.size(), 50u);
  EXPECT_EQ(row.slices.at("published").loss.size(), 40u);
  EXPECT_EQ(row.slices.at("accumulated").loss.size(), 40u);
  EXPECT_EQ(row.slices.at("filter_normalized").loss.size(), 41u);
  // The middle of the filter-normalized slices is the trained model itself; the accumulated walk
  // starts and ends near where the slice does.
  const auto& filter = row.slices.at("filter_normalized");
  EXPECT_EQ(filter.alpha[20], 0);
  EXPECT_GE(row.metrics.at("slice_max.filter_normalized"), filter.loss[20]);
  EXPECT_EQ(row.slices.at("accumulated").loss[0], row.slices.at("published").loss[0]);
  for (const char* name :
       {"effective_rank", "participation_ratio", "stable_rank", "condition_number",
        "slice_range.published", "slice_range.accumulated"}) {
    EXPECT_TRUE(std::isfinite(row.metrics.at(name))) << name;
  }
}

INSTANTIATE_TEST_SUITE_P(RecallRun, EveryArm, testing::ValuesIn(harness::recall_arms()),
                         [](const auto& arm) { return std::string(arm.param.name); });

TEST(RecallRun, RefusesAStateOfAnotherModel) {
  RecallRun run(small(), harness::find_recall_arm("layernorm"), 0);
  run.step();
  auto state = run.state();
  auto other = small();
  other.channels = 48;
  RecallRun wider(other, harness::find_recall_arm("layernorm"), 0);
  EXPECT_THROW(wider.restore(state), libnorm::DataError);
  state.push_back({});
  EXPECT_THROW(run.restore(state), libnorm::DataError);
  EXPECT_THROW(run.restore({}), libnorm::DataError);
}

TEST(RecallRun, EndsAtALossThatIsNotFinite) {
  auto options = small();
  options.learning_rate_none = 1e30;
  RecallRun run(options, harness::find_recall_arm("none"), 0);
  const harness::Row row = train(run);
  EXPECT_GE(row.diverged_at, 1);
  EXPECT_EQ(row.diverged_at, row.steps - 1);
  EXPECT_TRUE(row.slices.empty());
}

TEST(RecallSpec, TellsArmsSeedsRatesAndPathsApart) {
  const auto options = small();
  const auto& none = harness::find_recall_arm("none");
  const auto spec = harness::recall_spec(options, none, 1);
  auto other = options;
  other.learning_rate = 1;
  EXPECT_EQ(harness::recall_spec(other, none, 1), spec) << "not this arm's learning rate";
  other.learning_rate_none = 1;
  EXPECT_NE(harness::recall_spec(other, none, 1), spec);
  EXPECT_NE(harness::recall_spec(options, none, 2), spec);
  EXPECT_NE(harness::recall_spec(options, harness::find_recall_arm("none_matched"), 1), spec);
  other = options;
  other.path = libnorm::Path::dense;
  EXPECT_NE(harness::recall_spec(other, none, 1), spec);
}

TEST(Runner, TrainsWhatIsMissingOnceAndSaysSo) {
  const harness::ScratchFolder folder;
  const harness::Store store(folder.path());
  harness::Request request;
  request.profile = "smoke";
  request.arms = {"layernorm", "sphere", "none"};
  request.seeds = {0, 1};
  request.numbers["steps"] = 12;
  const auto plan = harness::recall_study().plan(request);
  ASSERT_EQ(plan.size(), 6u);
  std::ostringstream first, second;
  harness::Progress told(first, harness::Progress::Style::lines);
  const auto rows =
      harness::make_runs(plan, {.threads = 3, .checkpoint_every = {}}, store, told).rows;
  ASSERT_EQ(rows.size(), 6u);
  EXPECT_EQ(rows[4].arm, "sphere");
  EXPECT_EQ(rows[4].profile, "custom");
  EXPECT_EQ(rows[4].seed, 1u);
  EXPECT_THAT(first.str(), HasSubstr("sphere seed 1: 12 steps in"));
  harness::Progress again(second, harness::Progress::Style::lines);
  const auto stored =
      harness::make_runs(plan, {.threads = 1, .checkpoint_every = {}}, store, again).rows;
  EXPECT_EQ(stored[4].weights_sha256, rows[4].weights_sha256);
  EXPECT_THAT(second.str(), HasSubstr("sphere seed 1: stored already"));
}

TEST(RecallStudy, NumbersThatCannotBeCountedOrHeldAreRefusedBeforeAnythingIsMade) {
  harness::Request request;
  request.profile = "smoke";
  request.arms = {"none"};
  request.seeds = {0};
  EXPECT_LT(harness::recall_study().plan(request)[0].bytes, 1e7);
  request.profile = "paper";
  // Weights, gradient and moments alone are 4.8 MB.
  EXPECT_GT(harness::recall_study().plan(request)[0].bytes, 5e6);
  EXPECT_LT(harness::recall_study().plan(request)[0].bytes, 5e7);
  const auto why = [&] {
    try {
      harness::recall_study().plan(request);
    } catch (const libnorm::ValueError& error) {
      return std::string(error.what());
    }
    return std::string("nothing");
  };
  request.numbers = {{"channels", 64}, {"blocks", 1e9}};
  EXPECT_THAT(why(),
              testing::MatchesRegex("--blocks: too large \\(1000000000; a run takes [0-9.]+ TB "
                                    ".* the [0-9.]+ [kMGTP]B that are free"));
  for (const char* name : {"channels", "hidden", "blocks", "steps"}) {
    request.numbers = {{name, 1e15}};
    EXPECT_THAT(why(), HasSubstr("--" + std::string(name) + ": too large")) << name;
    request.numbers = {{name, 1e19}};
    EXPECT_THAT(why(), HasSubstr("--" + std::string(name) + ": larger than can be counted"));
  }
  for (const char* name : {"entities", "attributes", "batch", "rank"}) {
    request.numbers = {{name, 9e15}};
    EXPECT_THAT(why(), HasSubstr("AssociativeRecall: impossible sizes")) << name;
  }
}

}  // namespace
