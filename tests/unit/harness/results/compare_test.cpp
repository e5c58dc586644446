#include "harness/results/compare.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "harness/results/spec.hpp"
#include "libnorm/core/error.hpp"
#include "libnorm/metrics/activations/activation_spectrum.hpp"
#include "tests/unit/harness/results/result_samples.hpp"

namespace harness {
namespace {

using testing::AllOf;
using testing::HasSubstr;

constexpr double kInfinity = std::numeric_limits<double>::infinity();

RunResult golden_result() { return sample_result("layernorm", 3); }

std::vector<Difference> compare_changed(const std::function<void(RunResult&)>& change) {
  RunResult fresh = golden_result();
  change(fresh);
  return compare(fresh, golden_result());
}

/// The one difference that a change makes: what differs, and by whose fault.
void expect_one(const std::string& what, Cause cause,
                const std::function<void(RunResult&)>& change) {
  SCOPED_TRACE(what);
  const auto differences = compare_changed(change);
  ASSERT_EQ(differences.size(), 1u);
  EXPECT_EQ(differences[0].what, what);
  EXPECT_EQ(differences[0].cause, cause) << differences[0].message;
  const char* const says = cause == Cause::kPlatformDrift
                               ? "different bits, same numbers within 1e-3 (platform drift)"
                               : "different result";
  EXPECT_THAT(differences[0].message,
              AllOf(HasSubstr("golden: associative_recall/smoke/layernorm seed 3: " + what),
                    HasSubstr(says)));
}

TEST(Compare, TheSameResultDoesNotDiffer) {
  EXPECT_TRUE(compare(golden_result(), golden_result()).empty());
  EXPECT_TRUE(compare_changed([](RunResult& result) {
                result.seconds = 99;
                result.environment = {};
              }).empty());
}

TEST(Compare, WhatIsKeptIsNoResult) {
  EXPECT_TRUE(compare_changed([](RunResult& result) { result.kept.reset(); }).empty());
  EXPECT_TRUE(
      compare_changed([](RunResult& result) { result.kept->what = Keep::weights; }).empty());
}

TEST(Compare, HeldOutTextsAreComparedWhereBothResultsHaveThem) {
  EXPECT_TRUE(compare_changed([](RunResult& result) { result.held_out_correct.clear(); }).empty());
  RunResult old = golden_result();
  old.held_out_correct.clear();
  EXPECT_TRUE(compare(golden_result(), old).empty());
  expect_one("held_out_correct", Cause::kPlatformDrift,
             [](RunResult& result) { result.held_out_correct[3].flip(); });
  const auto fewer = compare_changed([](RunResult& result) { result.held_out_correct.pop_back(); });
  ASSERT_EQ(fewer.size(), 1u);
  EXPECT_THAT(fewer[0].message, HasSubstr("got 4 of 9 right, expected 5 of 10 right; the first "
                                          "that differs is text 9"));
}

TEST(Compare, NanEqualsNan) {
  RunResult result = golden_result();
  result.final_loss = std::nan("");
  result.loss_curve[1] = std::nan("");
  result.metrics["effective_rank"] = std::nan("");
  result.singular_values = {std::nan(""), std::nan(""), std::nan("")};
  result.epochs["training_loss"][1] = std::nan("");
  result.epochs["layer3.no_padding.effective_rank"][1] = std::nan("");
  result.spectra["layer3.published"] = {std::nan(""), std::nan("")};
  EXPECT_TRUE(compare(result, result).empty());
}

TEST(Compare, ExactValuesTakeNoToleranceAtAll) {
  const auto nudge = [](double& value) { value = std::nextafter(value, kInfinity); };
  const auto drift = Cause::kPlatformDrift;
  expect_one("final_loss", drift, [&](RunResult& result) { nudge(result.final_loss); });
  expect_one("loss_curve[1]", drift, [&](RunResult& result) { nudge(result.loss_curve[1]); });
  expect_one("slices.published.loss[2]", drift,
             [&](RunResult& result) { nudge(result.slices["published"].loss[2]); });
  expect_one("slices.published.alpha[0]", drift,
             [&](RunResult& result) { nudge(result.slices["published"].alpha[0]); });
  expect_one("slices.published.alpha[1]", drift,
             [&](RunResult& result) { result.slices["published"].alpha[1] = -0.0; });
  expect_one("epochs.training_loss[1]", drift,
             [&](RunResult& result) { nudge(result.epochs["training_loss"][1]); });
}

TEST(Compare, LossesAndAccuraciesAmongMetricsAreExactToo) {
  for (const std::string name : {"training_loss", "training_accuracy", "held_out_accuracy"}) {
    RunResult golden = golden_result();
    golden.metrics[name] = 0.25;
    golden.epochs[name] = {0.125, 0.5, 0.25};
    RunResult fresh = golden;
    EXPECT_TRUE(compare(fresh, golden).empty());
    fresh.metrics[name] = std::nextafter(0.25, 1);
    fresh.epochs[name][1] = std::nextafter(0.5, 1);
    fresh.epochs[name][2] = fresh.metrics[name];
    const auto differences = compare(fresh, golden);
    ASSERT_EQ(differences.size(), 2u) << name;
    EXPECT_EQ(differences[0].what, "metrics." + name);
    EXPECT_EQ(differences[1].what, "epochs." + name + "[1]");
    EXPECT_THAT(differences[1].message, HasSubstr("2 of 3 differ"));
  }
}

TEST(Compare, SolverValuesAgreeToTheirTolerance) {
  EXPECT_TRUE(compare_changed([](RunResult& result) {
                result.metrics["effective_rank"] *= 1 + 5e-10;
                result.metrics["condition_number"] *= 1 + 1e-6;  // 3e-11 of the largest value
                result.singular_values[0] *= 1 + 5e-10;
                result.singular_values[2] += 5e-10 * 700;
              }).empty());
  const auto drift = Cause::kPlatformDrift;
  expect_one("metrics.effective_rank", drift,
             [](RunResult& result) { result.metrics["effective_rank"] *= 1 + 2e-9; });
  expect_one("metrics.condition_number", drift,
             [](RunResult& result) { result.metrics["condition_number"] *= 1 + 1e-3; });
  expect_one("singular_values[2]", drift,
             [](RunResult& result) { result.singular_values[2] += 2e-9 * 700; });
}

TEST(Compare, EpochsAndSpectraAgreeToTheSolversTolerance) {
  const std::string rank = "layer3.no_padding.effective_rank";
  const std::string condition = "layer3.no_padding.condition_number";
  EXPECT_TRUE(compare_changed([&](RunResult& result) {
                result.epochs[rank][1] *= 1 + 5e-10;
                result.epochs[condition][1] *= 1 + 1e-6;  // 3e-11 of the largest value
                result.spectra["layer3.no_padding"][0] *= 1 + 5e-10;
                result.spectra["layer3.no_padding"][2] += 5e-10 * 500;
                result.spectra["layer3.published"][1] += 5e-10 * 4;
              }).empty());
  const auto drift = Cause::kPlatformDrift;
  expect_one("epochs." + rank + "[1]", drift,
             [&](RunResult& result) { result.epochs[rank][1] *= 1 + 2e-9; });
  expect_one("epochs." + condition + "[0]", drift,
             [&](RunResult& result) { result.epochs[condition][0] *= 1 + 1e-3; });
  expect_one("spectra.layer3.no_padding[2]", drift,
             [](RunResult& result) { result.spectra["layer3.no_padding"][2] += 2e-9 * 500; });
  // Each spectrum by its own largest: 4, not 700 or 500.
  expect_one("spectra.layer3.published[1]", drift,
             [](RunResult& result) { result.spectra["layer3.published"][1] += 2e-9 * 4; });
}

TEST(Compare, AMetricIsKnownByTheLastPartOfItsName) {
  const auto differs = [](const std::string& name, double factor) {
    RunResult golden = golden_result();
    golden.metrics[name] = 1e5;
    RunResult fresh = golden;
    fresh.metrics[name] *= factor;
    return !compare(fresh, golden).empty();
  };
  EXPECT_FALSE(differs("layer3.no_padding_centred.condition_number", 1 + 1e-6));
  EXPECT_TRUE(differs("layer3.no_padding_centred.condition_number", 1 + 1e-3));
  EXPECT_TRUE(differs("layer3.no_padding_centred.decay_exponent", 1 + 1e-6));
  EXPECT_FALSE(differs("layer3.no_padding_centred.decay_exponent", 1 + 5e-10));
  EXPECT_TRUE(differs("condition_number.effective_rank", 1 + 1e-6));
}

TEST(Compare, AnotherDataSetIsAnotherResultThoughTheNumbersAgree) {
  expect_one("data", Cause::kDifferentResult, [](RunResult& result) { result.data = "made up"; });
  expect_one("data", Cause::kDifferentResult, [](RunResult& result) { result.data.clear(); });
  const auto differences = compare_changed([](RunResult& result) {
    result.data = "made up";
    result.spec_sha256 = sha256_hex("other");
    result.final_loss = 7;
  });
  ASSERT_EQ(differences.size(), 2u);  // why the spec is another, and that it is
  EXPECT_THAT(differences[0].message,
              HasSubstr("(got \"made up\", expected \"AG News, 4 rows, sha256 12ab\")"));
  EXPECT_EQ(differences[1].what, "spec_sha256");
}

TEST(Compare, TellsDriftFromAnotherResultByTheNumbers) {
  const auto drift = Cause::kPlatformDrift;
  const auto other = Cause::kDifferentResult;
  expect_one("final_loss", drift, [](RunResult& result) { result.final_loss *= 1 + 9e-4; });
  expect_one("final_loss", other, [](RunResult& result) { result.final_loss *= 1 + 2e-3; });
  expect_one("final_loss", other, [](RunResult& result) { result.final_loss = std::nan(""); });
  expect_one("loss_curve[0]", other, [](RunResult& result) {
    result.loss_curve[0] *= 1 + 1e-12;
    result.loss_curve[1] = kInfinity;
  });
  expect_one("metrics.effective_rank", other,
             [](RunResult& result) { result.metrics["effective_rank"] = 68; });
  expect_one("singular_values[1]", other, [](RunResult& result) { result.singular_values[1] = 5; });
  expect_one("epochs.training_loss[0]", other, [](RunResult& result) {
    result.epochs["training_loss"] = {1.6, 1.0 / 7.0, 0.125};
  });
  expect_one("spectra.layer3.published[1]", other,
             [](RunResult& result) { result.spectra["layer3.published"][1] = 0.6; });
  expect_one("steps", other, [](RunResult& result) { result.steps = 5; });
  expect_one("diverged_at", other, [](RunResult& result) { result.diverged_at = 2; });
  expect_one("curve_stride", other, [](RunResult& result) { result.curve_stride = 1; });
}

/// A result holds the spectra that such a metric is made of.
TEST(Compare, AMetricThatGoldenDoesNotKnowYetIsNoDifference) {
  EXPECT_TRUE(compare_changed([](RunResult& result) {
                for (const auto& metric : libnorm::activation_metrics()) {
                  const std::string name(metric.name);
                  result.metrics.try_emplace(name, 1);
                  result.metrics.try_emplace("layer3.no_padding." + name, 1);
                  result.epochs.try_emplace("layer3.no_padding." + name, 3, 1.0);
                }
              }).empty());
}

TEST(Compare, WhatIsThereOnOneSideOnlyIsAnotherResult) {
  const auto other = Cause::kDifferentResult;
  expect_one("metrics.effective_rank", other,
             [](RunResult& result) { result.metrics.erase("effective_rank"); });
  expect_one("metrics.slice_range.published", other,
             [](RunResult& result) { result.metrics["slice_range.published"] = 1; });
  expect_one("slices.published", other, [](RunResult& result) { result.slices.clear(); });
  expect_one("slices.accumulated", other,
             [](RunResult& result) { result.slices["accumulated"] = {}; });
  expect_one("loss_curve", other, [](RunResult& result) { result.loss_curve.pop_back(); });
  expect_one("singular_values", other, [](RunResult& result) { result.singular_values.clear(); });
  expect_one("epochs.training_loss", other,
             [](RunResult& result) { result.epochs.erase("training_loss"); });
  expect_one("epochs.seconds", other, [](RunResult& result) {
    result.epochs["seconds"] = {1, 2, 3};
  });
  expect_one("epochs.training_loss", other,
             [](RunResult& result) { result.epochs["training_loss"].pop_back(); });
  expect_one("spectra.layer3.published", other,
             [](RunResult& result) { result.spectra.erase("layer3.published"); });
  expect_one("spectra.layer9", other, [](RunResult& result) { result.spectra["layer9"] = {1}; });
  expect_one("spectra.layer3.published", other,
             [](RunResult& result) { result.spectra["layer3.published"].push_back(0); });
}

TEST(Compare, AHashIsAsFarOffAsTheNumbersOfItsResult) {
  const std::string hash = sha256_hex("other");
  expect_one("weights_sha256", Cause::kPlatformDrift,
             [&](RunResult& result) { result.weights_sha256 = hash; });
  expect_one("losses_sha256", Cause::kPlatformDrift,
             [&](RunResult& result) { result.losses_sha256 = hash; });
  const auto differences = compare_changed([&](RunResult& result) {
    result.weights_sha256 = hash;
    result.final_loss = 7;
  });
  ASSERT_EQ(differences.size(), 2u);
  for (const Difference& each : differences) EXPECT_EQ(each.cause, Cause::kDifferentResult);
}

TEST(Compare, AHashTellsExpectedGotAndBothEnvironments) {
  const auto differences = compare_changed([](RunResult& result) {
    result.weights_sha256 = sha256_hex("other");
    result.environment.compiler = "Clang 14";
  });
  ASSERT_EQ(differences.size(), 1u);
  EXPECT_THAT(differences[0].message, AllOf(HasSubstr("got " + sha256_hex("other")),
                                            HasSubstr("expected " + golden_result().weights_sha256),
                                            HasSubstr("Clang 14"), HasSubstr("GCC 12.2")));
}

TEST(Compare, AnotherSpecIsSaidAloneSinceNothingElseCanAgree) {
  expect_one("spec_sha256", Cause::kDifferentResult, [](RunResult& result) {
    result.spec_sha256 = sha256_hex("other");
    result.weights_sha256 = sha256_hex("other");
    result.final_loss = 7;
  });
}

TEST(Compare, ASpecOfTheTimeWhenMeasuresWerePartOfItIsTheSame) {
  const Spec spec = Spec().set("arm", "layernorm").set("seed", 3);
  RunResult fresh = golden_result(), golden = golden_result();
  fresh.spec = spec.canonical();
  fresh.spec_sha256 = spec.sha256();
  golden.spec_sha256 = spec.old_sha256();
  EXPECT_TRUE(compare(fresh, golden).empty());
  golden.spec_sha256 = Spec(spec).set("seed", 4).old_sha256();
  EXPECT_EQ(compare(fresh, golden).at(0).what, "spec_sha256");
}

TEST(Compare, NumbersOfAnotherVersionOfAMeasureAreNotCompared) {
  RunResult fresh = golden_result(), golden = golden_result();
  golden.measures = {{"slices", 1}, {"spectrum", 1}};
  fresh.measures = {{"slices", 1}, {"spectrum", 2}};
  fresh.metrics["effective_rank"] = 7;
  const auto differences = compare(fresh, golden);
  ASSERT_EQ(differences.size(), 1u);
  EXPECT_EQ(differences[0].cause, Cause::kOtherMeasures);
  EXPECT_THAT(differences[0].message,
              AllOf(HasSubstr("spectrum was measured by version 1, and here by version 2"),
                    HasSubstr("norm-harness remeasure")));
  fresh.weights_sha256 = sha256_hex("other");
  fresh.loss_curve[0] = 1;
  EXPECT_EQ(compare(fresh, golden).size(), 3u) << "the training is compared all the same";
}

TEST(Compare, AResultIsNotBlamedForAMeasureThatItLacks) {
  RunResult more = golden_result(), less = golden_result();
  more.metrics["slice_range.published"] = less.metrics["slice_range.published"] = 2;
  less.measures = {{"slices", 1}};
  more.measures = {{"slices", 1}, {"hessian", 1}};
  more.metrics["lambda_max"] = 7;
  EXPECT_TRUE(compare(more, less).empty());
  EXPECT_TRUE(compare(less, more).empty());
  more.metrics.erase("slice_range.published");
  EXPECT_EQ(compare(more, less).size(), 1u) << "but for what the other measures give";
  less.measures["hessian"] = 1;
  EXPECT_EQ(compare(less, more).size(), 2u);
}

TEST(Compare, RefusesResultsOfTwoRuns) {
  EXPECT_THROW(compare_changed([](RunResult& result) { result.cell["size"] = "1x128"; }),
               libnorm::ValueError);
  EXPECT_THROW(compare(sample_result("none", 3), golden_result()), libnorm::ValueError);
  EXPECT_THROW(compare(sample_result("layernorm", 4), golden_result()), libnorm::ValueError);
  EXPECT_THROW(compare_changed([](RunResult& result) { result.profile = "paper"; }),
               libnorm::ValueError);
  EXPECT_THROW(compare_changed([](RunResult& result) { result.task = "topics"; }),
               libnorm::ValueError);
}

}  // namespace
}  // namespace harness
