#include <gtest/gtest.h>

#include <cmath>
#include <optional>

#include "harness/results/derived_numbers.hpp"

namespace {

using harness::number_of;
using harness::RunResult;

RunResult sample() {
  RunResult result;
  result.final_loss = 0.5;
  result.metrics = {{"slice_range.published", 2}, {"effective_rank", 3}};
  result.slices["published"] = {{-0.5, -0.1, 0.1, 0.5}, {3, 1.5, 1.25, 2}};
  result.slices["filter"] = {{-1, -0.5, 0, 0.5, 1}, {9, 2, 1, 1.5, 4}};
  result.singular_values = {2, 1, 1, 0};
  result.spectra["layer3.no_padding_centred"] = {2, 1, 1, 0, 0};
  result.metrics["layer3.no_padding_centred.participation_ratio"] = 3;
  result.epochs["layer3.no_padding_centred.participation_ratio"] = {4, 3};
  result.epochs["training_loss"] = {1.2, 0.8, 0.4};
  result.epochs["training_accuracy"] = {0.5, 0.75, 1};
  result.epochs["held_out_accuracy"] = {0.5, 0.5, 0.625};
  result.curve_stride = 50;
  result.loss_curve = {8, 4, 2, 1};
  return result;
}

TEST(DerivedNumbers, OfSlicesStopAtTheRadiusAndTakeTheHeightFromTheMiddle) {
  const RunResult result = sample();
  EXPECT_EQ(number_of(result, "slice_range.published"), 2.0) << "stored";
  EXPECT_EQ(number_of(result, "slice_range.published.to_0.5"), 1.75);
  EXPECT_EQ(number_of(result, "slice_range.published.to_0.1"), 0.25);
  EXPECT_EQ(number_of(result, "slice_range.published.per_loss"), 4.0);
  EXPECT_EQ(number_of(result, "slice_rise.filter.to_0.5"), 1.0);
  EXPECT_EQ(number_of(result, "slice_rise.filter.to_1"), 8.0);
  // It reaches 0.5 only; has no loss at 0; has one point within 0.05; is not there.
  for (const char* name :
       {"slice_range.published.to_0.6", "slice_rise.published.to_0.5", "slice_range.filter.to_0.05",
        "slice_range.other.to_0.5", "slice_range.published.to_", "slice_range.published.to_x",
        "slice_rise.published.per_loss", "slice_range.filter.per_loss"}) {
    EXPECT_EQ(number_of(result, name), std::nullopt) << name;
  }
}

TEST(DerivedNumbers, OfSpectraTakeTheirChannels) {
  const RunResult result = sample();
  const std::string layer = "layer3.no_padding_centred.";
  EXPECT_EQ(number_of(result, "effective_rank_share"), 0.75);
  EXPECT_EQ(number_of(result, layer + "participation_ratio_share"), 0.6);
  EXPECT_EQ(number_of(result, layer + "iso_score"), 0.5);
  EXPECT_EQ(number_of(result, layer + "iso_score.at_epoch_1"), 0.75);
  EXPECT_EQ(number_of(result, layer + "participation_ratio_share.at_epoch_2"), 0.6);
  EXPECT_EQ(number_of(result, layer + "participation_ratio.at_epoch_1"), 4.0);
  for (const std::string name :
       {layer + "iso_score.at_epoch_3", layer + "iso_score.at_epoch_0",
        layer + "iso_score.at_epoch_1.5", layer + "stable_rank_share",
        std::string("layer3.iso_score"), std::string("stable_rank_share"), std::string()}) {
    EXPECT_EQ(number_of(result, name), std::nullopt) << name;
  }
}

TEST(DerivedNumbers, OfTheCourseOfTraining) {
  const RunResult result = sample();
  EXPECT_EQ(number_of(result, "generalization_gap"), 0.375);
  EXPECT_EQ(number_of(result, "generalization_gap.at_loss_0.8"), 0.25);
  // A quarter of the way from (0.8, 0.25) to (0.4, 0.375).
  EXPECT_NEAR(*number_of(result, "generalization_gap.at_loss_0.7"), 0.28125, 1e-15);
  EXPECT_EQ(number_of(result, "training_accuracy.at_epoch_2"), 0.75);
  EXPECT_EQ(number_of(result, "loss.at_step_100"), 6.0);
  EXPECT_EQ(number_of(result, "loss.at_step_200"), 1.5);
  // Never so low; in the first epoch; between points; too early; too late.
  for (const char* name :
       {"generalization_gap.at_loss_0.3", "generalization_gap.at_loss_1.3", "loss.at_step_120",
        "loss.at_step_50", "loss.at_step_250", "final_loss.at_step_100"}) {
    EXPECT_EQ(number_of(result, name), std::nullopt) << name;
  }
  RunResult other = result;
  other.epochs.clear();
  other.curve_stride = 30;
  EXPECT_EQ(number_of(other, "generalization_gap"), std::nullopt);
  EXPECT_EQ(number_of(other, "loss.at_step_120"), std::nullopt);
}

}  // namespace
