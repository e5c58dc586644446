#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "harness/claims/claim_file.hpp"
#include "harness/claims/judge.hpp"
#include "harness/claims/metric.hpp"
#include "tests/unit/harness/claims/planted.hpp"

// What turns a verdict: controls, points of training, definitions; and the numbers that claims
// read.

namespace harness {
namespace {

using libnorm::DataError;
using libnorm::ValueError;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

/// a larger than b in the metric x, by 1; with `more` in the file.
std::vector<Claim> claim_on_x(const std::string& more, const std::string& definitions = "") {
  return read_claims(
      "id = \"t.x\"\nsentence = \"s\"\nsource = \"t\"\n" + more +
          "\ndefinitions = [{ name = \"p\", metric = \"x\", margin = \"one\", source = "
          "\"t\" }" +
          definitions + "]\n[margin.one]\nsize = 1\nunit = \"units\"\nwhy = \"test\"\n",
      "t.toml");
}
const std::string kLarger = "part = [{ larger = \"a\", than = \"b\" }]\n";
const std::string kControl = "control = [{ arm = \"a\", stand_in = \"c\", why = \"test\" }]\n";

/// Eight seeds of each arm, with a small spread; `more` changes a result.
template <class Change>
std::vector<RunResult> rows(const std::vector<std::pair<std::string, double>>& arms, Change more) {
  std::vector<RunResult> results;
  for (const auto& [arm, x] : arms) {
    for (std::uint64_t seed = 0; seed < 8; ++seed) {
      RunResult result;
      result.task = "";
      result.arm = arm;
      result.seed = seed;
      result.steps = 80;
      result.metrics["x"] = x + 0.1 * std::sin(double(seed) + x);
      more(result);
      results.push_back(std::move(result));
    }
  }
  return results;
}
std::vector<RunResult> rows(const std::vector<std::pair<std::string, double>>& arms) {
  return rows(arms, [](RunResult&) {});
}

TEST(Controls, KeepFlipOrLeaveOpen) {
  const auto claims = claim_on_x(kLarger + kControl);
  const auto with = [&](double c) {
    return judge(claims, rows({{"a", 5}, {"b", 0}, {"c", c}})).front();
  };
  EXPECT_EQ(with(4).outcome, Outcome::supported);
  EXPECT_THAT(with(4).scope, HasSubstr("; the same with c for a"));
  EXPECT_EQ(with(-4).outcome, Outcome::fragile);
  EXPECT_EQ(with(0.1).outcome, Outcome::fragile) << "it is too small then";
  EXPECT_THAT(with(0.1).scope, HasSubstr("flips with c for a"));
  // Seeds of the control that disagree: nobody knows, and that is no support.
  const Verdict open = judge(claims, rows({{"a", 5}, {"b", 0}, {"c", 1}},
                                          [](RunResult& result) {
                                            if (result.arm == "c")
                                              result.metrics["x"] += result.seed % 2 == 0 ? 4 : -4;
                                          }))
                           .front();
  EXPECT_EQ(open.as_defined, Outcome::supported);
  EXPECT_EQ(open.outcome, Outcome::inconclusive);
  EXPECT_EQ(open.parts[0].controls[0].effect, Effect::open);
  EXPECT_THAT(open.scope, HasSubstr("open with c for a"));
  // The claim has the control's p, since both must hold.
  EXPECT_EQ(open.p, open.parts[0].controls[0].reading.whole.p_claimed);
  EXPECT_GT(open.p, open.parts[0].reading.whole.p_claimed);
}

TEST(Controls, AnOppositeNeedsOnePartThatTheyKeep) {
  const auto claims = claim_on_x(
      "part = [{ larger = \"a\", than = \"b\" }, { larger = \"d\", than = \"b\" }]\n" + kControl);
  const auto with = [&](double d) {
    return judge(claims, rows({{"a", -5}, {"b", 0}, {"c", 5}, {"d", d}})).front();
  };
  EXPECT_EQ(with(5).as_defined, Outcome::contradicted);
  EXPECT_EQ(with(5).outcome, Outcome::fragile);
  EXPECT_EQ(with(-5).outcome, Outcome::contradicted) << "d is below without any control";
}

TEST(Terms, TheOppositeIsTestedAgainstEach) {
  const auto claims = claim_on_x("part = [{ larger = \"a\", than = [\"b\", \"c\", \"d\"] }]\n");
  const Verdict verdict = judge(claims, rows({{"a", 0}, {"b", -5}, {"c", 5}, {"d", -5}})).front();
  EXPECT_EQ(verdict.outcome, Outcome::contradicted);
  EXPECT_DOUBLE_EQ(verdict.p, 3 * smallest_p(8));
  EXPECT_THAT(verdict.parts[0].terms, ElementsAre("a - b", "a - c", "a - d"));
  ASSERT_EQ(verdict.parts[0].reading.terms.size(), 3u);
  EXPECT_NEAR(verdict.parts[0].reading.terms[0].effect, 5, 0.2);
  EXPECT_NEAR(verdict.parts[0].reading.terms[1].effect, -5, 0.2);
  // Below the highest of three for each seed, as chance has it, and below none of them.
  const auto noise = rows({{"a", 0}, {"b", 0}, {"c", 0}, {"d", 0}}, [](RunResult& result) {
    const int arm = result.arm[0] - 'a';
    result.metrics["x"] =
        arm == 0 ? 0.1 * double(result.seed) : 6 * std::cos(2.1 * arm + double(result.seed));
  });
  const Verdict chance = judge(claims, noise).front();
  EXPECT_LT(chance.parts[0].reading.whole.interval->high, -1);
  EXPECT_EQ(chance.parts[0].reading.whole.p_opposite, smallest_p(8));
  EXPECT_NE(chance.outcome, Outcome::contradicted);
}

TEST(Landmarks, InTheSecondHalfTurnAVerdict) {
  const auto claims = claim_on_x(kLarger + "landmarks = \"epochs\"\n");
  const auto with = [&](double third, double fourth) {
    return judge(claims, rows({{"a", 5}, {"b", 0}},
                              [&](RunResult& result) {
                                const double x = result.metrics["x"];
                                result.epochs["x"] = {x, x, x, x};
                                if (result.arm == "a")
                                  result.epochs["x"] = {x - 9, x - 9, x + third, x + fourth};
                              }))
        .front();
  };
  const Verdict steady = with(0, 0);
  EXPECT_EQ(steady.outcome, Outcome::supported) << "what was in the first half does not count";
  ASSERT_EQ(steady.landmarks.size(), 4u);
  EXPECT_EQ(steady.landmarks[0].step, 20);
  EXPECT_EQ(steady.landmarks[0].outcome, Outcome::contradicted);
  EXPECT_FALSE(steady.landmarks[1].turns);
  EXPECT_THAT(steady.scope, HasSubstr("throughout the second half of training"));
  EXPECT_EQ(with(-4.5, 0).outcome, Outcome::fragile) << "below the margin at step 60";
  EXPECT_THAT(with(-4.5, 0).scope, HasSubstr("turns at step 60"));
  EXPECT_EQ(with(-9, -9).outcome, Outcome::fragile);
  EXPECT_EQ(with(-3.5, 0).outcome, Outcome::supported);
  // A point that is missing is no support.
  const Verdict missing = judge(claims, rows({{"a", 5}, {"b", 0}})).front();
  EXPECT_EQ(missing.outcome, Outcome::could_not_check);
  EXPECT_THAT(missing.notes, ElementsAre(HasSubstr("no epochs")));
}

TEST(Definitions, OneThatReversesMakesAClaimFragile) {
  const std::string other =
      ", { name = \"other\", metric = \"y\", margin = \"one\", axis = \"letter\", source = \"t\" }";
  const auto with = [&](double y) {
    return judge(claim_on_x(kLarger, other), rows({{"a", 5}, {"b", 0}}, [&](RunResult& result) {
                   result.metrics["y"] = result.metrics["x"] * y;
                 }));
  };
  EXPECT_EQ(with(2)[0].outcome, Outcome::supported);
  EXPECT_EQ(with(2)[0].scope, "holds in 2 of 2 definitions; at the end of training only");
  EXPECT_EQ(with(-2)[0].outcome, Outcome::fragile);
  EXPECT_EQ(with(-2)[1].outcome, Outcome::contradicted) << "in its own definition it is what it is";
  EXPECT_THAT(with(-2)[0].scope, HasSubstr("holds in 1 of 2 definitions, fails in 1; turns with "
                                           "letter"));
  EXPECT_EQ(with(0.01)[0].outcome, Outcome::supported) << "too small is no reversal";
  EXPECT_THAT(with(0.01)[0].scope, HasSubstr("too small in 1; turns with letter"));
  // Another definition costs the claim nothing.
  EXPECT_EQ(with(2)[0].p_holm, judge(claim_on_x(kLarger), rows({{"a", 5}, {"b", 0}}))[0].p_holm);
}

TEST(Definitions, BesideSubtractsAnotherArmsDifference) {
  auto claims = claim_on_x("part = [{ larger = \"a\", than = [\"b\", \"a\"] }]\n");
  claims[0].definitions[0].beside = "c";
  const Verdict verdict = judge(claims, rows({{"a", 5}, {"b", 0}, {"c", 2}})).front();
  // c less c is nothing, so the difference is a's own.
  EXPECT_EQ(verdict.parts[0].reading.whole.effect, 0);
  EXPECT_NEAR(verdict.parts[0].reading.terms[0].effect, 5, 0.2);
  EXPECT_EQ(verdict.parts[0].terms[0], "a - b, less c's");
  EXPECT_THROW(claim_on_x("part = [{ larger = \"a\", layer = 1, than = \"a\" }]\n"), DataError);
}

RunResult metric_row() {
  RunResult result;
  result.steps = 400;
  result.final_loss = 0.5;
  result.curve_stride = 50;
  result.loss_curve = {8, 7, 6, 5, 4, 3, 2, 1};
  result.singular_values = {3, 2, 1, 1};
  result.spectra["layer2.centred"] = {1, 1};
  result.metrics = {{"effective_rank", 3}, {"layer2.centred.stable_rank", 1.5}, {"accuracy", 0.9}};
  result.epochs["accuracy"] = {0.1, 0.2, 0.3, 0.4};
  result.slices["s"] = {{-1, -0.5, 0, 0.5, 1}, {9, 3, 1, 2, 20}};
  return result;
}

TEST(Metric, ReadsWhatItsTextSays) {
  const RunResult row = metric_row();
  const auto value = [&](const char* text) { return Metric(text).value(row); };
  EXPECT_EQ(value("accuracy"), 0.9);
  EXPECT_EQ(value("100 accuracy"), 90);
  EXPECT_EQ(value("final_loss"), 0.5);
  EXPECT_EQ(value("log10 final_loss"), std::log10(0.5));
  EXPECT_EQ(value("effective_rank / C"), 0.75);
  EXPECT_EQ(Metric("layer{layer}.centred.stable_rank / C").value(row, 2), 0.75);
  EXPECT_EQ(value("accuracy / final_loss"), 1.8);
  EXPECT_EQ(value("effective_rank - accuracy"), 2.1);
  EXPECT_EQ(value("loss at 200"), 5.5);
  EXPECT_EQ(value("loss at 200 - final_loss"), 5);
  EXPECT_EQ(value("level of slice s"), 1);
  EXPECT_EQ(value("range of slice s"), 19);
  EXPECT_EQ(value("range of slice s within 0.5"), 2);
  EXPECT_EQ(value("rise of slice s within 0.5"), 2);
  EXPECT_EQ(value("log10 rise of slice s / final_loss"), std::log10(38.0));
  EXPECT_THAT(Metric("log10 layer{layer}.x / y").names(3), ElementsAre("layer3.x", "y"));
}

TEST(Metric, ReadsPointsOfTraining) {
  const RunResult row = metric_row();
  EXPECT_EQ(Metric("accuracy").value(row, std::nullopt, 200), 0.2);
  EXPECT_EQ(Metric("final_loss").value(row, std::nullopt, 200), 5.5);
  EXPECT_THROW(Metric("accuracy").value(row, std::nullopt, 150), DataError);
  EXPECT_THROW(Metric("effective_rank").value(row, std::nullopt, 200), DataError);
  EXPECT_THROW(Metric("final_loss").value(row, std::nullopt, 50), DataError);
  EXPECT_THROW(Metric("final_loss").value(row, std::nullopt, 450), DataError);
  EXPECT_THROW(Metric("range of slice s").value(row, std::nullopt, 200), DataError);
}

TEST(Metric, RefusesOtherTexts) {
  for (const char* text :
       {"", "log10", "a b", "a /", "/ a", "a - - b", "range of slice", "range of slice s within",
        "range of slice s within -1", "loss at x", "nan a", "a / b / c"}) {
    EXPECT_THROW(Metric{text}, ValueError) << text;
  }
  RunResult row = metric_row();
  row.final_loss = 0;
  EXPECT_THROW(Metric("log10 final_loss").value(row), DataError);
  row.slices["s"].alpha[2] = 0.1;
  EXPECT_THROW(Metric("rise of slice s").value(row), DataError);
  EXPECT_THROW(Metric("range of slice s within 0.05").value(row), DataError);
  EXPECT_THROW(Metric("other").value(row), DataError);
}

TEST(ClaimFile, HasTheHashOfItsBytesAndSeveralClaims) {
  const auto one = claim_on_x(kLarger);
  ASSERT_EQ(one.size(), 1u);
  EXPECT_EQ(one[0].experiment, "t");
  EXPECT_EQ(one[0].family, "t.x");
  EXPECT_NE(one[0].sha256, claim_on_x(kLarger + "# a word\n")[0].sha256);
  std::string two;
  for (const char* id : {"t.x", "t.y"}) {
    two += std::string("[[claim]]\nid = \"") + id +
           "\"\nsentence = \"s\"\nsource = \"t\"\nfamily = \"f\"\n" + kLarger +
           "definitions = [{ name = \"p\", metric = \"x\", margin = \"m\", source = \"t\" }]\n"
           "margin.m = { size = 1, unit = \"u\", why = \"t\" }\n";
  }
  const auto both = read_claims(two, "t.toml");
  ASSERT_EQ(both.size(), 2u);
  EXPECT_EQ(both[1].id, "t.y");
  const auto twice = two.replace(two.rfind("t.y"), 3, "t.x");
  EXPECT_THROW(read_claims(twice, "t.toml"), DataError);
}

}  // namespace
}  // namespace harness
