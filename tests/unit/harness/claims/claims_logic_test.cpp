#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "harness/claims/claims.hpp"
#include "harness/claims/judge.hpp"
#include "tests/unit/harness/claims/planted.hpp"

namespace harness {
namespace {

using libnorm::DataError;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

/// The family of experiments 1 to 3, and its smallest adjusted p on ten seeds.
const int kFamily = claims_of_family("e1-e3");
constexpr std::size_t kSeeds = 10;
const double kFamilyP = kFamily * smallest_p(kSeeds);

TEST(Claims, AreSentencesUnderDefinitionsOnce) {
  std::set<std::string> names;
  for (const Claim& claim : claims()) {
    EXPECT_EQ(claim.sha256.size(), 64u);
    EXPECT_EQ(claim.id.substr(0, 2), claim.experiment);
    EXPECT_NE(claim.study, "") << claim.id << " has no `study`, so that no command finds it";
    EXPECT_FALSE(claim.sentence.empty());
    EXPECT_FALSE(claim.parts.empty());
    for (const Definition& definition : claim.definitions) {
      EXPECT_TRUE(names.insert(claim.id + " " + definition.name).second) << claim.id;
      EXPECT_GT(definition.margin.size, 0);
      EXPECT_FALSE(definition.margin.why.empty());
      EXPECT_FALSE(definition.source.empty());
    }
    if (claim.study != "recall" || !is_the_papers(claim)) continue;
    EXPECT_EQ(claim.family, "e1-e3");
    std::set<std::string> arms, controlled;
    for (const Part& part : claim.parts) {
      for (const Site& site : part.a) arms.insert(site.arm);
      for (const Site& site : part.b) arms.insert(site.arm);
    }
    for (const Control& control : claim.controls) controlled.insert(control.arm);
    EXPECT_EQ(controlled.size(), arms.count("none") + arms.count("manual_l2")) << claim.id;
  }
}

TEST(Judge, SupportsEveryClaimInThePapersWorld) {
  ASSERT_EQ(planted_claims("recall").size(), std::size_t(kFamily));
  const auto verdicts = judge(planted_results(paper_world()));
  ASSERT_EQ(verdicts.size(), planted_definitions("recall"));
  for (const Verdict& verdict : verdicts) {
    EXPECT_EQ(verdict.outcome, Outcome::supported) << summary(verdict);
    EXPECT_DOUBLE_EQ(verdict.p_holm, kFamilyP);
    EXPECT_THAT(verdict.notes, IsEmpty());
  }
  EXPECT_THAT(findings(find(verdicts, "e2.isotropy")), ElementsAre("holds", "holds", "holds"));
}

TEST(Judge, MeasuresEachPartInItsUnit) {
  const auto verdicts = judge(planted_results(paper_world()));
  const auto effect = [&](const char* id, const char* definition) {
    return numbers(find(verdicts, id, definition)).effect;
  };
  EXPECT_NEAR(effect("e1.isotropy", "published"), 47.0 / 128, 0.02);
  EXPECT_NEAR(effect("e1.flatness", "published"), 2, 0.02);
  EXPECT_NEAR(effect("e1.flatness", "filter_normalized"), 5, 0.1);
  EXPECT_NEAR(effect("e3.stagnation", "published"), std::log10(3.7 / 7e-3), 0.02);
}

TEST(Judge, TakesEachSliceFromItsOwnProtocol) {
  auto results = planted_results(paper_world());
  for (RunResult& result : results) {
    if (result.arm == "none") result.metrics["slice_range.accumulated"] = 1e-6;
  }
  auto verdicts = judge(results);
  EXPECT_EQ(as_defined(verdicts, "e2.flatness", "published"), "SUPPORTED");
  EXPECT_NE(outcome(verdicts, "e2.flatness", "accumulated"), "SUPPORTED");
  EXPECT_EQ(as_defined(verdicts, "e1.flatness", "published"), "SUPPORTED");
  for (RunResult& result : results) {
    if (result.arm.rfind("none", 0) == 0) result.metrics["slice_range.published_e1"] = 1e-6;
  }
  verdicts = judge(results);
  EXPECT_EQ(as_defined(verdicts, "e2.flatness", "published"), "SUPPORTED");
  EXPECT_EQ(as_defined(verdicts, "e1.flatness", "published"), "CONTRADICTED");
}

TEST(Judge, ContradictsTheMirrorImage) {
  auto arms = with(paper_world(), "none", [](Arm& arm) { arm.range = 6e-7; });
  arms = with(arms, "none_matched", [](Arm& arm) { arm.range = 5e-7; });
  const auto verdicts = judge(planted_results(arms));
  const Verdict& flatness = find(verdicts, "e1.flatness");
  EXPECT_EQ(flatness.as_defined, Outcome::contradicted);
  EXPECT_DOUBLE_EQ(flatness.p, smallest_p(kSeeds));
  EXPECT_DOUBLE_EQ(flatness.p_holm, kFamilyP);
  EXPECT_EQ(numbers(flatness).superiority.probability, 0);
  EXPECT_EQ(outcome(verdicts, "e1.flatness", "filter_normalized"), "SUPPORTED");
  // One part is enough, at three times the p.
  const Verdict& composite = find(verdicts, "e2.flatness");
  EXPECT_THAT(findings(composite), ElementsAre("opposite", "opposite", "holds"));
  EXPECT_EQ(composite.as_defined, Outcome::contradicted);
  // The other slice says the opposite, and the claim is neither.
  EXPECT_EQ(flatness.outcome, Outcome::fragile);
  EXPECT_THAT(
      flatness.scope,
      HasSubstr("fails in 1 of 2 definitions, holds in 1; turns with filter normalization"));
  EXPECT_DOUBLE_EQ(composite.p, 3 * smallest_p(kSeeds));
  EXPECT_DOUBLE_EQ(composite.parts[0].p_holm, composite.p_holm);
}

TEST(Judge, DoesNotContradictWhatAControlTurnsRound) {
  const auto arms = with(paper_world(), "none", [](Arm& arm) { arm.range = 6e-7; });
  const Verdict flatness = find(judge(planted_results(arms)), "e1.flatness");
  EXPECT_EQ(flatness.as_defined, Outcome::contradicted);
  EXPECT_EQ(flatness.outcome, Outcome::fragile);
  ASSERT_EQ(flatness.parts[0].controls.size(), 1u);
  EXPECT_EQ(flatness.parts[0].controls[0].effect, Effect::flips);
  EXPECT_THAT(flatness.scope, HasSubstr("flips with none_matched for none"));
}

TEST(Judge, ContradictsAnEquivalenceBeyondItsMargin) {
  const auto high = with(paper_world(), "manual_l2", [](Arm& arm) { arm.range = 1e-2; });
  const auto low = with(paper_world(), "manual_l2", [](Arm& arm) { arm.range = 1e-4; });
  for (const auto& arms : {high, low}) {
    const Verdict flatness = find(judge(planted_results(arms)), "e3.flatness");
    EXPECT_EQ(flatness.as_defined, Outcome::contradicted) << summary(flatness);
    // The sphere is still within the margin: it is the radius.
    EXPECT_EQ(flatness.parts[0].controls[0].effect, Effect::flips);
    EXPECT_EQ(flatness.outcome, Outcome::fragile);
  }
  const auto one = with(paper_world(), "batchnorm", [](Arm& arm) { arm.rank = 80; });
  const auto verdicts = judge(planted_results(one));
  EXPECT_THAT(findings(find(verdicts, "e3.isotropy")), ElementsAre("holds", "opposite", "holds"));
  EXPECT_EQ(outcome(verdicts, "e3.isotropy"), "CONTRADICTED");
}

TEST(Judge, CallsASmallDifferenceNegligible) {
  auto arms = with(paper_world(), "none", [](Arm& arm) { arm.rank = 112; });
  arms = with(arms, "none_matched", [](Arm& arm) { arm.rank = 112; });
  const auto verdicts = judge(planted_results(arms));
  const Verdict& isotropy = find(verdicts, "e1.isotropy");
  // Three ranks in 128, on every seed: significant, and less than what matters.
  EXPECT_EQ(numbers(isotropy).p_claimed, smallest_p(kSeeds));
  EXPECT_EQ(isotropy.outcome, Outcome::negligible);
  EXPECT_EQ(outcome(verdicts, "e2.isotropy"), "NEGLIGIBLE");
  EXPECT_THAT(findings(find(verdicts, "e2.isotropy")),
              ElementsAre("too small", "too small", "holds"));
  // So it is the other way round: too small to speak against the paper.
  arms = with(arms, "none", [](Arm& arm) { arm.rank = 120; });
  arms = with(arms, "none_matched", [](Arm& arm) { arm.rank = 120; });
  const Verdict opposite = find(judge(planted_results(arms)), "e1.isotropy");
  EXPECT_EQ(numbers(opposite).p_opposite, smallest_p(kSeeds));
  EXPECT_EQ(opposite.outcome, Outcome::negligible);
}

TEST(Judge, IsFragileWhereAControlFlipsOrRemovesTheEffect) {
  const auto flipped = with(paper_world(), "none_matched", [](Arm& arm) { arm.rank = 127; });
  auto verdicts = judge(planted_results(flipped));
  EXPECT_EQ(outcome(verdicts, "e1.isotropy"), "FRAGILE");
  EXPECT_EQ(outcome(verdicts, "e1.flatness"), "SUPPORTED");
  EXPECT_EQ(as_defined(verdicts, "e1.isotropy"), "SUPPORTED");
  EXPECT_EQ(find(verdicts, "e1.isotropy").parts[0].finding, Finding::holds);
  EXPECT_THAT(summary(find(verdicts, "e1.isotropy")), HasSubstr("(flips)"));
  // The radius, not the missing gain and bias: the sphere learns as the others do.
  const auto removed = with(paper_world(), "sphere", [](Arm& arm) { arm.loss = 7.5e-3; });
  verdicts = judge(planted_results(removed));
  EXPECT_EQ(outcome(verdicts, "e3.stagnation"), "FRAGILE");
  // A smaller effect that is not negligible does not flip.
  const auto smaller = with(paper_world(), "sphere", [](Arm& arm) { arm.loss = 0.1; });
  EXPECT_EQ(outcome(judge(planted_results(smaller)), "e3.stagnation"), "SUPPORTED");
  const auto apart = with(paper_world(), "sphere", [](Arm& arm) { arm.rank = 60; });
  EXPECT_EQ(outcome(judge(planted_results(apart)), "e3.isotropy"), "FRAGILE");
}

TEST(Judge, StagnationIsAgainstTheHighestOfTheOthers) {
  const auto arms = with(paper_world(), "batchnorm", [](Arm& arm) { arm.loss = 3.0; });
  const Verdict stagnation = find(judge(planted_results(arms)), "e3.stagnation");
  EXPECT_NEAR(numbers(stagnation).effect, std::log10(3.7 / 3.0), 0.02);
  EXPECT_EQ(stagnation.outcome, Outcome::negligible);
  EXPECT_EQ(stagnation.parts[0].label, "manual_l2 - max(layernorm, batchnorm, none)");
}

TEST(Judge, IsInconclusiveWhereSeedsDisagree) {
  auto results = planted_results(paper_world());
  for (RunResult& result : results) {
    // 115 on average as layernorm has, with swings of 40 ranks.
    if (result.arm == "none") result.metrics["effective_rank"] = result.seed % 2 == 0 ? 75 : 155;
  }
  const Verdict isotropy = find(judge(results), "e1.isotropy");
  EXPECT_EQ(isotropy.outcome, Outcome::inconclusive);
  ASSERT_TRUE(numbers(isotropy).detectable.has_value());
  EXPECT_GT(*numbers(isotropy).detectable, isotropy.parts[0].margin);
  EXPECT_THAT(summary(isotropy), HasSubstr("detectable"));
}

TEST(Judge, AsksForWinsOnNineOfTenSeeds) {
  auto results = planted_results(paper_world());
  const auto lose = [&results](std::uint64_t seeds) {
    for (RunResult& result : results) {
      if (result.arm == "none" && result.seed < seeds) result.metrics["effective_rank"] = 116.5;
    }
    return find(judge(results), "e1.isotropy");
  };
  EXPECT_EQ(numbers(lose(1)).superiority.probability, 0.9);
  EXPECT_EQ(lose(1).outcome, Outcome::supported);
  const Verdict two = lose(2);
  EXPECT_GT(numbers(two).effect, two.parts[0].margin);
  EXPECT_GT(numbers(two).interval->low, 0);
  EXPECT_EQ(two.outcome, Outcome::inconclusive);
}

TEST(Judge, TheSmallestPMustReachTheFamily) {
  std::uint64_t enough = 1;
  while (kFamily * smallest_p(enough) > 0.05) ++enough;
  for (std::uint64_t n : {std::uint64_t(1), std::uint64_t(2), enough - 1, enough}) {
    for (const Verdict& verdict : judge(planted_results(paper_world(), n))) {
      EXPECT_EQ(word(verdict.outcome), n < enough ? "INCONCLUSIVE" : "SUPPORTED") << n;
      EXPECT_EQ(verdict.notes.empty(), n >= enough);
      EXPECT_EQ(numbers(verdict).interval.has_value(), n >= 2);
      if (verdict.id != "e1.isotropy") continue;  // which is a difference
      EXPECT_EQ(numbers(verdict).detectable.has_value(), n >= enough);
    }
  }
}

TEST(Judge, FewerSeedsThanGoldenDecideNothing) {
  for (const Verdict& verdict : judge(planted_results(paper_world(), 9), 10)) {
    EXPECT_EQ(verdict.outcome, Outcome::inconclusive);
    EXPECT_THAT(verdict.notes, ElementsAre("9 seeds where golden has 10"));
    EXPECT_THAT(findings(verdict), Contains("open").Times(verdict.parts.size()));
  }
  EXPECT_EQ(outcome(judge(planted_results(paper_world(), 10), 10), "e1.isotropy"), "SUPPORTED");
}

TEST(Judge, NamesWhatIsMissing) {
  auto results = planted_results(paper_world());
  const auto drop = [&results](const std::string& arm, std::uint64_t seed) {
    results.erase(std::find_if(results.begin(), results.end(), [&](const RunResult& result) {
      return result.arm == arm && result.seed == seed;
    }));
  };
  drop("none_matched", 3);
  drop("batchnorm", 7);
  const auto verdicts = judge(results);
  const Verdict& isotropy = find(verdicts, "e1.isotropy");
  EXPECT_EQ(isotropy.outcome, Outcome::could_not_check);
  EXPECT_THAT(isotropy.notes, ElementsAre("none_matched seed 3: missing"));
  EXPECT_THAT(isotropy.parts, IsEmpty());
  EXPECT_THAT(find(verdicts, "e2.isotropy").notes,
              ElementsAre("none_matched seed 3: missing", "batchnorm seed 7: missing"));
  EXPECT_THAT(summary(isotropy), HasSubstr("COULD NOT CHECK: none_matched seed 3: missing"));
}

TEST(Judge, RefusesResultsThatHoldNoAnswer) {
  const auto spoil = [](const std::function<void(RunResult&)>& change) {
    auto results = planted_results(paper_world());
    for (RunResult& result : results) {
      if (result.arm == "layernorm" && result.seed == 4) change(result);
    }
    return judge(results);
  };
  auto verdicts = spoil([](RunResult& result) { result.diverged_at = 120; });
  EXPECT_THAT(find(verdicts, "e3.stagnation").notes,
              ElementsAre("layernorm seed 4: diverged at step 120"));
  for (const Verdict& verdict : verdicts) EXPECT_EQ(verdict.outcome, Outcome::could_not_check);

  verdicts = spoil([](RunResult& result) { result.metrics.erase("effective_rank"); });
  EXPECT_THAT(find(verdicts, "e1.isotropy").notes,
              ElementsAre(HasSubstr("metric is absent (effective_rank)")));
  EXPECT_EQ(outcome(verdicts, "e1.flatness"), "SUPPORTED");

  verdicts = spoil([](RunResult& result) { result.metrics["effective_rank"] = NAN; });
  EXPECT_THAT(find(verdicts, "e1.isotropy").notes, ElementsAre(HasSubstr("is not finite")));

  verdicts = spoil([](RunResult& result) { result.metrics["slice_range.published_e1"] = 0; });
  EXPECT_THAT(find(verdicts, "e1.flatness").notes, ElementsAre(HasSubstr("has no logarithm")));

  verdicts = spoil([](RunResult& result) { result.slices["filter_normalized"].alpha[1] = 0.1; });
  EXPECT_THAT(find(verdicts, "e1.flatness", "filter_normalized").notes,
              ElementsAre(HasSubstr("no loss at alpha 0")));

  verdicts = spoil([](RunResult& result) { result.singular_values.clear(); });
  EXPECT_EQ(outcome(verdicts, "e1.isotropy"), "COULD NOT CHECK");
}

TEST(Judge, AnswersForNoResultsAndForArmsThatNeverRan) {
  for (const Verdict& verdict : judge({})) {
    EXPECT_EQ(verdict.outcome, Outcome::could_not_check);
    EXPECT_THAT(verdict.notes, Contains("no seeds"));
  }
  std::vector<Arm> two = paper_world();
  two.erase(std::remove_if(two.begin(), two.end(),
                           [](const Arm& arm) { return arm.name == "batchnorm"; }),
            two.end());
  const auto verdicts = judge(planted_results(two));
  EXPECT_EQ(outcome(verdicts, "e1.isotropy"), "SUPPORTED");
  EXPECT_THAT(find(verdicts, "e2.isotropy").notes, ElementsAre("batchnorm: no results"));
  // A claim that could not be checked stays in the family.
  EXPECT_DOUBLE_EQ(find(verdicts, "e1.isotropy").p_holm, kFamilyP);
}

TEST(Judge, RefusesResultsThatAreNotOneExperiment) {
  auto results = planted_results(paper_world());
  results.push_back(results.front());
  EXPECT_THROW(judge(results), DataError);
  results.back().seed = 99;
  results.back().profile = "smoke";
  EXPECT_THROW(judge(results), DataError);
}

/// Results whose final loss is `a` (10 seeds), b = 0 and `c`, for claims made for a test.
std::vector<RunResult> loss_results(const std::vector<double>& a, const std::vector<double>& c) {
  std::vector<RunResult> results;
  for (std::uint64_t seed = 0; seed < 10; ++seed) {
    for (const auto& [arm, loss] : {std::pair{"a", a[seed]}, {"b", 0.0}, {"c", c[seed]}}) {
      RunResult result;
      result.arm = arm;
      result.seed = seed;
      result.final_loss = loss;
      results.push_back(result);
    }
  }
  return results;
}

Part loss_part(const std::string& arm) { return {Relation::larger, {{arm}}, {{"b"}}}; }

/// A claim that is made here, on planted_result's task.
Claim made_claim(const std::vector<Part>& parts) {
  Claim claim;
  claim.id = "made";
  claim.sentence = "s";
  claim.parts = parts;
  claim.task = "associative_recall";
  claim.family = "made";
  claim.definitions = {
      {.name = "p", .metric = Metric("final_loss"), .margin = {1e-3, "units", "t"}}};
  return claim;
}

/// Claims of a family that is made here.
constexpr int kMade = 12;
const std::vector<double> kStrong(10, 5.0);
const std::vector<double> kWeak = {-4.5, 1.5, 2, 2.5, 3, 3.5, 4, 4.5, 5, 5.5};

TEST(Judge, AdjustsOverTheWholeFamily) {
  const auto results = loss_results(kStrong, kWeak);
  std::vector<Claim> family(kMade, made_claim({loss_part("c")}));
  const Verdict among_weak = judge(family, results).back();
  const double p = among_weak.p;
  ASSERT_GT(kMade * p, 0.05);
  ASSERT_LT(p, 0.05);
  EXPECT_EQ(among_weak.outcome, Outcome::inconclusive);
  // Last in line behind strong ones the same p passes.
  for (int i = 0; i + 1 < kMade; ++i) family[i].parts = {loss_part("a")};
  const auto verdicts = judge(family, results);
  EXPECT_DOUBLE_EQ(verdicts.back().p_holm, std::max(kMade * smallest_p(kSeeds), p));
  EXPECT_EQ(verdicts.back().outcome, Outcome::supported);
  EXPECT_FALSE(numbers(verdicts.front()).standardized.has_value());
}

TEST(Judge, AClaimIsAsSureAsItsWeakestPart) {
  const auto results = loss_results(kStrong, kWeak);
  const Claim strong = made_claim({loss_part("a")});
  for (const auto& parts : {std::vector<Part>{loss_part("c"), loss_part("a")},
                            std::vector<Part>{loss_part("a"), loss_part("c")}}) {
    std::vector<Claim> family(kMade, strong);
    family[3].parts = parts;
    const Verdict verdict = judge(family, results)[3];
    EXPECT_EQ(verdict.p, sign_flip_p(kWeak, Direction::greater));
    EXPECT_EQ(verdict.outcome, Outcome::supported);
    family.assign(kMade, family[3]);  // now the weak part is first in line
    EXPECT_EQ(judge(family, results)[3].outcome, Outcome::inconclusive);
  }
}

TEST(Judge, OneWildSeedSupportsNothing) {
  // Every seed wins and p is the smallest there is, and the mean is one seed's alone.
  const std::vector<double> wild = {1000, 1, 2, 1, 2, 1, 2, 1, 2, 1};
  const Verdict verdict = judge({made_claim({loss_part("a")})}, loss_results(wild, kWeak)).front();
  EXPECT_EQ(verdict.p, smallest_p(kSeeds));
  EXPECT_LT(numbers(verdict).interval->low, 0);
  EXPECT_EQ(verdict.outcome, Outcome::inconclusive);
}

}  // namespace
}  // namespace harness
