#include "harness/compare.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "libnorm/core/error.hpp"
#include "tests/unit/harness_samples.hpp"

namespace harness {
namespace {

using testing::AllOf;
using testing::HasSubstr;

constexpr double kInfinity = std::numeric_limits<double>::infinity();

Row golden_row() { return sample_row("layernorm", 3); }

std::vector<Difference> compare_changed(const std::function<void(Row&)>& change) {
  Row fresh = golden_row();
  change(fresh);
  return compare(fresh, golden_row());
}

/// The one difference that a change makes: what differs, and by whose fault.
void expect_one(const std::string& what, Cause cause, const std::function<void(Row&)>& change) {
  SCOPED_TRACE(what);
  const auto differences = compare_changed(change);
  ASSERT_EQ(differences.size(), 1u);
  EXPECT_EQ(differences[0].what, what);
  EXPECT_EQ(differences[0].cause, cause) << differences[0].message;
  const char* const says = cause == Cause::kPlatformDrift
                               ? "different bits, same numbers within 1e-3 (platform drift)"
                               : "different result";
  EXPECT_THAT(differences[0].message,
              AllOf(HasSubstr("smoke/layernorm seed 3: " + what), HasSubstr(says)));
}

TEST(Compare, TheSameRowDoesNotDiffer) {
  EXPECT_TRUE(compare(golden_row(), golden_row()).empty());
  EXPECT_TRUE(compare_changed([](Row& row) {
                row.seconds = 99;
                row.environment = {};
              }).empty());
}

TEST(Compare, NanEqualsNan) {
  Row row = golden_row();
  row.final_loss = std::nan("");
  row.loss_curve[1] = std::nan("");
  row.metrics["effective_rank"] = std::nan("");
  row.singular_values = {std::nan(""), std::nan(""), std::nan("")};
  EXPECT_TRUE(compare(row, row).empty());
}

TEST(Compare, ExactValuesTakeNoToleranceAtAll) {
  const auto nudge = [](double& value) { value = std::nextafter(value, kInfinity); };
  const auto drift = Cause::kPlatformDrift;
  expect_one("final_loss", drift, [&](Row& row) { nudge(row.final_loss); });
  expect_one("loss_curve[1]", drift, [&](Row& row) { nudge(row.loss_curve[1]); });
  expect_one("slices.published.loss[2]", drift,
             [&](Row& row) { nudge(row.slices["published"].loss[2]); });
  expect_one("slices.published.alpha[0]", drift,
             [&](Row& row) { nudge(row.slices["published"].alpha[0]); });
  expect_one("slices.published.alpha[1]", drift,
             [&](Row& row) { row.slices["published"].alpha[1] = -0.0; });
}

TEST(Compare, SolverValuesAgreeToTheirTolerance) {
  EXPECT_TRUE(compare_changed([](Row& row) {
                row.metrics["effective_rank"] *= 1 + 5e-10;
                row.metrics["condition_number"] *= 1 + 1e-6;  // 3e-11 of the largest value
                row.singular_values[0] *= 1 + 5e-10;
                row.singular_values[2] += 5e-10 * 700;
              }).empty());
  const auto drift = Cause::kPlatformDrift;
  expect_one("metrics.effective_rank", drift,
             [](Row& row) { row.metrics["effective_rank"] *= 1 + 2e-9; });
  expect_one("metrics.condition_number", drift,
             [](Row& row) { row.metrics["condition_number"] *= 1 + 1e-3; });
  expect_one("singular_values[2]", drift, [](Row& row) { row.singular_values[2] += 2e-9 * 700; });
}

TEST(Compare, TellsDriftFromAnotherResultByTheNumbers) {
  const auto drift = Cause::kPlatformDrift;
  const auto result = Cause::kDifferentResult;
  expect_one("final_loss", drift, [](Row& row) { row.final_loss *= 1 + 9e-4; });
  expect_one("final_loss", result, [](Row& row) { row.final_loss *= 1 + 2e-3; });
  expect_one("final_loss", result, [](Row& row) { row.final_loss = std::nan(""); });
  expect_one("loss_curve[0]", result, [](Row& row) {
    row.loss_curve[0] *= 1 + 1e-12;
    row.loss_curve[1] = kInfinity;
  });
  expect_one("metrics.effective_rank", result,
             [](Row& row) { row.metrics["effective_rank"] = 68; });
  expect_one("singular_values[1]", result, [](Row& row) { row.singular_values[1] = 5; });
  expect_one("steps", result, [](Row& row) { row.steps = 5; });
  expect_one("diverged_at", result, [](Row& row) { row.diverged_at = 2; });
  expect_one("curve_stride", result, [](Row& row) { row.curve_stride = 1; });
}

TEST(Compare, WhatIsThereOnOneSideOnlyIsAnotherResult) {
  const auto result = Cause::kDifferentResult;
  expect_one("metrics.effective_rank", result,
             [](Row& row) { row.metrics.erase("effective_rank"); });
  expect_one("metrics.stable_rank", result, [](Row& row) { row.metrics["stable_rank"] = 1; });
  expect_one("slices.published", result, [](Row& row) { row.slices.clear(); });
  expect_one("slices.accumulated", result, [](Row& row) { row.slices["accumulated"] = {}; });
  expect_one("loss_curve", result, [](Row& row) { row.loss_curve.pop_back(); });
  expect_one("singular_values", result, [](Row& row) { row.singular_values.clear(); });
}

TEST(Compare, AHashIsAsFarOffAsTheNumbersOfItsRow) {
  const std::string hash = sha256_hex("other");
  expect_one("weights_sha256", Cause::kPlatformDrift, [&](Row& row) { row.weights_sha256 = hash; });
  expect_one("losses_sha256", Cause::kPlatformDrift, [&](Row& row) { row.losses_sha256 = hash; });
  const auto differences = compare_changed([&](Row& row) {
    row.weights_sha256 = hash;
    row.final_loss = 7;
  });
  ASSERT_EQ(differences.size(), 2u);
  for (const Difference& each : differences) EXPECT_EQ(each.cause, Cause::kDifferentResult);
}

TEST(Compare, AHashTellsExpectedGotAndBothEnvironments) {
  const auto differences = compare_changed([](Row& row) {
    row.weights_sha256 = sha256_hex("other");
    row.environment.compiler = "Clang 14";
  });
  ASSERT_EQ(differences.size(), 1u);
  EXPECT_THAT(differences[0].message, AllOf(HasSubstr("got " + sha256_hex("other")),
                                            HasSubstr("expected " + golden_row().weights_sha256),
                                            HasSubstr("Clang 14"), HasSubstr("GCC 12.2")));
}

TEST(Compare, AnotherSpecIsSaidAloneSinceNothingElseCanAgree) {
  expect_one("spec_sha256", Cause::kDifferentResult, [](Row& row) {
    row.spec_sha256 = sha256_hex("other");
    row.weights_sha256 = sha256_hex("other");
    row.final_loss = 7;
  });
}

TEST(Compare, RefusesRowsOfTwoRuns) {
  EXPECT_THROW(compare(sample_row("none", 3), golden_row()), libnorm::ValueError);
  EXPECT_THROW(compare(sample_row("layernorm", 4), golden_row()), libnorm::ValueError);
  EXPECT_THROW(compare_changed([](Row& row) { row.profile = "paper"; }), libnorm::ValueError);
}

}  // namespace
}  // namespace harness
