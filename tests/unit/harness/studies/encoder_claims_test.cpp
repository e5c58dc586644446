#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "harness/claims/claims.hpp"
#include "harness/claims/judge.hpp"
#include "harness/studies/stored_verdicts.hpp"
#include "harness/studies/study.hpp"
#include "tests/unit/harness/claims/planted.hpp"

// The claims on experiment 4, and that they and those on experiments 1 to 3 leave each other alone.

namespace harness {
namespace {

using libnorm::DataError;
using ::testing::Contains;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::vector<Verdict> judge_encoder(const std::vector<RunResult>& results) {
  return judge_study(planted_claims("encoder"), with_training(results), 8);
}

std::vector<std::string> labels(const Verdict& verdict) {
  std::vector<std::string> texts;
  for (const PartResult& part : verdict.parts) texts.push_back(part.label);
  return texts;
}

std::size_t all_definitions() {
  std::size_t sum = 0;
  for (const Claim& claim : claims()) sum += claim.definitions.size();
  return sum;
}

std::vector<std::string> words(const std::vector<Verdict>& verdicts) {
  std::vector<std::string> all;
  for (const Verdict& verdict : verdicts) all.push_back(word(verdict.outcome));
  return all;
}

TEST(EncoderClaims, AreAFamilyEach) {
  for (const Claim& claim : claims()) {
    if (claim.study != "encoder" || !is_the_papers(claim)) continue;
    EXPECT_EQ(claim.family, claim.id);
    EXPECT_EQ(claim.task, "ag_news");
    EXPECT_EQ(claim.experiment, "e4");
    // Every arm has the same learning rate, so the radius is all that a control can remove.
    ASSERT_LE(claim.controls.size(), 1u);
    EXPECT_EQ(claim.controls.size(), claim.id == "e4.cascade" ? 0u : 1u) << claim.id;
    for (const Control& control : claim.controls) EXPECT_EQ(control.stand_in, "sphere");
  }
}

TEST(EncoderJudge, SupportsEveryClaimInThePapersWorld) {
  ASSERT_EQ(planted_claims("encoder").size(), 3u) << "cascade, ordering, preserved";
  const auto verdicts = judge_encoder(planted_results(encoder_world()));
  ASSERT_EQ(verdicts.size(), planted_definitions("encoder"));
  for (const Verdict& verdict : verdicts) {
    EXPECT_EQ(verdict.outcome, Outcome::supported) << summary(verdict);
    EXPECT_EQ(verdict.family, claims_of_family(verdict.id));
    EXPECT_DOUBLE_EQ(verdict.p_holm, verdict.family * smallest_p(8));
    EXPECT_EQ(verdict.regime, "profile quick: AG News, planted, 15 epochs, 240 steps, 8 seeds");
  }
  EXPECT_THAT(labels(find(verdicts, "e4.cascade")),
              ElementsAre("none layer 1 - none layer 3", "none layer 3 - none layer 6"));
  EXPECT_THAT(
      labels(find(verdicts, "e4.preserved")),
      ElementsAre("min(layernorm layer 2, layernorm layer 3, layernorm layer 4, layernorm layer 5, "
                  "layernorm layer 6) not below layernorm layer 1",
                  "min(manual_l2 layer 2, manual_l2 layer 3, manual_l2 layer 4, manual_l2 layer 5, "
                  "manual_l2 layer 6) not below manual_l2 layer 1",
                  "min(layernorm layer 6, manual_l2 layer 6) - none layer 6"));
  EXPECT_THAT(labels(find(verdicts, "e4.ordering", "held_out")),
              ElementsAre("layernorm - manual_l2", "layernorm - none"));
}

TEST(EncoderJudge, MeasuresEachPartInItsUnit) {
  const auto verdicts = judge_encoder(planted_results(encoder_world()));
  const auto effect = [&](const char* id, const char* definition, std::size_t part) {
    return numbers(find(verdicts, id, definition), part).effect;
  };
  EXPECT_NEAR(effect("e4.cascade", "published", 0), 30.0 / 128, 0.005);
  EXPECT_NEAR(effect("e4.cascade", "published", 1), 50.0 / 128, 0.005);
  EXPECT_NEAR(effect("e4.preserved", "published", 0), -4.0 / 128, 0.01);
  EXPECT_NEAR(effect("e4.preserved", "published", 2), 83.0 / 128, 0.01);
  EXPECT_NEAR(effect("e4.ordering", "training", 0), 5, 0.1);
  EXPECT_NEAR(effect("e4.ordering", "held_out", 1), 6, 0.2);
}

TEST(EncoderJudge, TakesEachSpectrumFromItsOwnProtocol) {
  for (const char* variant : kSpectra) {
    auto results = planted_results(encoder_world());
    for (RunResult& result : results) {
      if (result.arm != "none") continue;
      // Flat, at half of the rank.
      for (int layer = 1; layer <= 6; ++layer) {
        result.metrics["layer" + std::to_string(layer) + "." + variant + ".effective_rank"] =
            64 + 0.01 * double(result.seed);
      }
    }
    const auto verdicts = judge_encoder(results);
    for (const char* other : kSpectra) {
      EXPECT_EQ(outcome(verdicts, "e4.cascade", other),
                other == variant ? "NEGLIGIBLE" : "SUPPORTED");
    }
  }
}

TEST(EncoderJudge, TheCascadeMustGoOn) {
  // It falls to layer 3, and stays: one stretch of the two is negligible.
  const auto stops = with(encoder_world(), "none",
                          [](PlantedEncoder& arm) { arm.ranks = {100, 60, 40, 40, 40, 40}; });
  auto verdict = find(judge_encoder(planted_results(stops)), "e4.cascade");
  EXPECT_THAT(findings(verdict), ElementsAre("holds", "too small"));
  EXPECT_EQ(verdict.outcome, Outcome::negligible);
  // It falls, and comes back by more than matters.
  const auto back = with(encoder_world(), "none",
                         [](PlantedEncoder& arm) { arm.ranks = {100, 60, 40, 50, 60, 70}; });
  verdict = find(judge_encoder(planted_results(back)), "e4.cascade");
  EXPECT_THAT(findings(verdict), ElementsAre("holds", "opposite"));
  EXPECT_EQ(verdict.outcome, Outcome::contradicted);
  EXPECT_DOUBLE_EQ(verdict.p_holm, verdict.family * 2 * smallest_p(8));
  // Between what is nothing and what matters nothing is said.
  const auto little = with(encoder_world(), "none",
                           [](PlantedEncoder& arm) { arm.ranks = {100, 97, 93.7, 60, 40, 20}; });
  auto results = planted_results(little);
  for (RunResult& result : results)
    result.metrics["layer3.published.effective_rank"] += result.seed % 2 ? 4 : -4;
  verdict = find(judge_encoder(results), "e4.cascade");
  EXPECT_THAT(findings(verdict), ElementsAre("open", "holds"));
  EXPECT_EQ(verdict.outcome, Outcome::inconclusive);
}

TEST(EncoderJudge, WhatStaysMayRiseButNotFall) {
  const auto rises = with(encoder_world(), "layernorm",
                          [](PlantedEncoder& arm) { arm.ranks = {70, 80, 90, 100, 110, 120}; });
  EXPECT_EQ(outcome(judge_encoder(planted_results(rises)), "e4.preserved"), "SUPPORTED");
  const auto falls = with(encoder_world(), "layernorm",
                          [](PlantedEncoder& arm) { arm.ranks = {110, 100, 95, 90, 85, 80}; });
  auto verdict = find(judge_encoder(planted_results(falls)), "e4.preserved");
  EXPECT_THAT(findings(verdict), ElementsAre("opposite", "holds", "holds"));
  EXPECT_EQ(verdict.outcome, Outcome::contradicted);
  EXPECT_DOUBLE_EQ(verdict.p_holm, verdict.family * 12 * smallest_p(8));  // of 12 terms
  // In the middle of the model only, as deep.
  const auto dips = with(encoder_world(), "manual_l2",
                         [](PlantedEncoder& arm) { arm.ranks = {108, 107, 106, 80, 104, 103}; });
  verdict = find(judge_encoder(planted_results(dips)), "e4.preserved");
  EXPECT_THAT(findings(verdict), ElementsAre("holds", "opposite", "holds"));
  // Just at the margin, with seeds on both sides.
  auto results = planted_results(encoder_world());
  for (RunResult& result : results) {
    if (result.arm == "layernorm") {
      result.metrics["layer6.published.effective_rank"] =
          result.metrics["layer1.published.effective_rank"] - 12.8 + (result.seed % 2 ? 2 : -2);
    }
  }
  verdict = find(judge_encoder(results), "e4.preserved");
  EXPECT_THAT(findings(verdict), ElementsAre("open", "holds", "holds"));
  EXPECT_EQ(verdict.outcome, Outcome::inconclusive);
}

TEST(EncoderJudge, OneWildSeedDoesNotStay) {
  auto results = planted_results(encoder_world());
  for (RunResult& result : results) {
    if (result.arm != "layernorm" || result.seed != 0) continue;
    // Above the margin on every seed, and on average far above: by one seed alone.
    for (int layer = 2; layer <= 6; ++layer) {
      result.metrics["layer" + std::to_string(layer) + ".published.effective_rank"] = 2000;
    }
  }
  const Verdict verdict = find(judge_encoder(results), "e4.preserved");
  EXPECT_LE(numbers(verdict).p_claimed, smallest_p(8));
  EXPECT_EQ(verdict.parts[0].finding, Finding::open);
}

TEST(EncoderJudge, StayingLowIsNotStayingIsotropic) {
  // manual_l2 loses nothing from layer to layer, and has no more than none has at the end.
  auto arms = encoder_world();
  for (const char* name : {"manual_l2", "sphere"}) {
    arms = with(arms, name, [](PlantedEncoder& arm) { arm.ranks = {21, 21, 21, 21, 21, 21}; });
  }
  auto verdict = find(judge_encoder(planted_results(arms)), "e4.preserved");
  EXPECT_THAT(findings(verdict), ElementsAre("holds", "holds", "too small"));
  EXPECT_EQ(verdict.outcome, Outcome::negligible);
  arms = with(arms, "none", [](PlantedEncoder& arm) { arm.ranks[5] = 60; });
  verdict = find(judge_encoder(planted_results(arms)), "e4.preserved");
  EXPECT_THAT(findings(verdict), ElementsAre("holds", "holds", "opposite"));
}

TEST(EncoderJudge, TheOrderOfAccuracies) {
  const auto lower = with(encoder_world(), "none", [](PlantedEncoder& arm) {
    arm.training = 0.999;
    arm.held_out = 0.909;
  });
  const auto verdicts = judge_encoder(planted_results(lower));
  const Verdict& training = find(verdicts, "e4.ordering", "training");
  EXPECT_THAT(findings(training), ElementsAre("holds", "opposite"));
  EXPECT_EQ(training.outcome, Outcome::contradicted);
  // A tenth of a point, and no other number of the two protocols.
  const Verdict& held_out = find(verdicts, "e4.ordering", "held_out");
  EXPECT_THAT(findings(held_out), ElementsAre("holds", "too small"));
  EXPECT_EQ(held_out.outcome, Outcome::negligible);
}

TEST(EncoderJudge, IsFragileWhereTheRadiusExplainsIt) {
  const auto as_good = with(encoder_world(), "sphere", [](PlantedEncoder& arm) {
    arm.training = 0.98;
    arm.held_out = 0.93;
  });
  auto verdicts = judge_encoder(planted_results(as_good));
  EXPECT_EQ(outcome(verdicts, "e4.ordering", "training"), "FRAGILE");
  EXPECT_EQ(outcome(verdicts, "e4.ordering", "held_out"), "FRAGILE");
  EXPECT_EQ(outcome(verdicts, "e4.preserved"), "SUPPORTED");
  const auto falls = with(encoder_world(), "sphere",
                          [](PlantedEncoder& arm) { arm.ranks = {110, 100, 95, 90, 85, 80}; });
  verdicts = judge_encoder(planted_results(falls));
  const Verdict& preserved = find(verdicts, "e4.preserved");
  EXPECT_EQ(preserved.outcome, Outcome::fragile);
  ASSERT_EQ(preserved.parts[1].controls.size(), 1u);
  EXPECT_EQ(preserved.parts[1].controls[0].effect, Effect::flips);
  // Both sides of the comparison are the sphere's.
  EXPECT_NEAR(preserved.parts[1].controls[0].reading.whole.effect, -30.0 / 128, 0.01);
  EXPECT_EQ(outcome(verdicts, "e4.ordering", "training"), "SUPPORTED");
}

TEST(EncoderJudge, AsksForAllOfEightSeeds) {
  auto results = planted_results(encoder_world());
  for (RunResult& result : results) {
    if (result.arm == "layernorm" && result.seed == 3) result.metrics["held_out_accuracy"] = 0.84;
  }
  const auto verdicts = judge_encoder(results);
  EXPECT_EQ(outcome(verdicts, "e4.ordering", "held_out"), "INCONCLUSIVE");
  EXPECT_EQ(outcome(verdicts, "e4.ordering", "training"), "SUPPORTED");
  for (const Verdict& verdict : judge_encoder(planted_results(encoder_world(), 7))) {
    EXPECT_EQ(verdict.outcome, Outcome::inconclusive);
    EXPECT_THAT(verdict.notes, Contains("7 seeds where golden has 8"));
  }
}

TEST(EncoderJudge, NamesWhatIsMissing) {
  auto results = planted_results(encoder_world());
  std::erase_if(results, [](const RunResult& result) {
    return result.arm == "manual_l2" && result.seed == 5;
  });
  auto verdicts = judge_encoder(results);
  EXPECT_EQ(outcome(verdicts, "e4.cascade"), "SUPPORTED");
  EXPECT_THAT(find(verdicts, "e4.preserved").notes, ElementsAre("manual_l2 seed 5: missing"));
  EXPECT_EQ(outcome(verdicts, "e4.ordering", "training"), "COULD NOT CHECK");

  const auto spoil = [](const auto& change) {
    auto spoilt = planted_results(encoder_world());
    for (RunResult& result : spoilt) {
      if (result.arm == "none" && result.seed == 2) change(result);
    }
    return judge_encoder(spoilt);
  };
  verdicts = spoil([](RunResult& result) { result.spectra.erase("layer3.centred"); });
  EXPECT_THAT(find(verdicts, "e4.cascade", "centred").notes,
              ElementsAre(HasSubstr("none seed 2: claims: spectrum is absent (layer3.centred)")));
  EXPECT_EQ(outcome(verdicts, "e4.cascade"), "SUPPORTED");
  verdicts =
      spoil([](RunResult& result) { result.metrics.erase("layer6.published.effective_rank"); });
  EXPECT_EQ(outcome(verdicts, "e4.cascade"), "COULD NOT CHECK");
  verdicts = spoil([](RunResult& result) { result.metrics["held_out_accuracy"] = NAN; });
  EXPECT_EQ(outcome(verdicts, "e4.ordering", "held_out"), "COULD NOT CHECK");
  verdicts = spoil([](RunResult& result) { result.diverged_at = 31; });
  EXPECT_THAT(words(verdicts), Each("COULD NOT CHECK"));
  EXPECT_THAT(find(verdicts, "e4.cascade").notes, ElementsAre("none seed 2: diverged at step 31"));
}

TEST(EncoderJudge, DoesNotAverageOverDataSets) {
  auto results = planted_results(encoder_world());
  for (RunResult& result : results) {
    if (result.seed == 7) result.data = "other texts";
  }
  const auto verdicts = judge_encoder(results);
  EXPECT_THAT(words(verdicts), Each("COULD NOT CHECK"));
  EXPECT_THAT(verdicts[0].notes,
              ElementsAre("runs on several data sets: AG News, planted / other texts"));
}

TEST(EncoderJudge, ClaimsOfTwoTasksAreNoFamily) {
  EXPECT_THROW(judge(claims(), {}), libnorm::ValueError);
}

TEST(JudgeClaims, EveryWordIsWithinReachOfTheirSeeds) {
  for (const Claim& claim : claims()) {
    const auto all = studies();
    const auto study = std::find_if(all.begin(), all.end(),
                                    [&](const Study* s) { return s->name() == claim.study; });
    ASSERT_NE(study, all.end()) << claim.study;
    // "Contradicted" and "negligible" are paid for once a term.
    const double most = double(claims_of_family(claim.family)) * double(count_terms(claim));
    EXPECT_LE(most * smallest_p((*study)->claim_seeds()), 0.05) << claim.id;
  }
}

TEST(JudgeClaims, AStandInIsNoEvidence) {
  auto results = with_training(planted_results(encoder_world()));
  for (RunResult& result : results) result.task = "topics";
  auto verdicts = judge_claims(results);
  ASSERT_EQ(verdicts.size(), all_definitions());
  EXPECT_THAT(words(verdicts), Each("COULD NOT CHECK"));
  EXPECT_THAT(find(verdicts, "e4.cascade").notes,
              Contains("results of task topics are no evidence on ag_news"));
  EXPECT_THAT(find(verdicts, "e4.cascade").notes, Contains("no seeds"));
  // Nor does it get in the way of the real one, whatever it says.
  const auto real = with_training(planted_results(encoder_world()));
  const auto alone = judge_claims(real);
  for (RunResult& result : results) {
    for (auto& [name, value] : result.metrics) value = 1;
  }
  results.insert(results.end(), real.begin(), real.end());
  verdicts = judge_claims(results);
  EXPECT_EQ(verdicts, alone);
  EXPECT_EQ(outcome(verdicts, "e4.cascade"), "SUPPORTED");
  EXPECT_THAT(find(verdicts, "e4.cascade").notes, IsEmpty());
}

TEST(JudgeClaims, TakesWhatWasPlannedAndNothingElse) {
  auto results = with_training(planted_results(encoder_world(), 9));
  const auto of_eight = judge_claims(with_training(planted_results(encoder_world())));
  EXPECT_EQ(judge_claims(results), of_eight);
  for (const RunResult& result : planted_results(encoder_world())) {
    results.push_back(result);
    results.back().profile = "subset";
    results.back().metrics.clear();
  }
  EXPECT_EQ(judge_claims(results), of_eight);
  results.push_back(results.front());
  EXPECT_THROW(judge_claims(results), DataError);
  for (const Verdict& verdict : judge_claims({})) {
    EXPECT_EQ(verdict.outcome, Outcome::could_not_check);
    EXPECT_EQ(verdict.regime, "");
    EXPECT_THAT(verdict.notes, Contains("no seeds"));
  }
}

TEST(JudgeClaims, FamiliesDoNotInfluenceEachOther) {
  const auto recall = with_training(planted_results(paper_world()));
  auto both = recall;
  const auto texts = with_training(planted_results(encoder_world()));
  both.insert(both.end(), texts.begin(), texts.end());
  const auto verdicts = judge_claims(both);
  const auto alone = judge_study(claims_of("recall"), recall, 10);
  ASSERT_EQ(verdicts.size(), all_definitions());
  for (std::size_t i = 0; i < alone.size(); ++i) {
    EXPECT_EQ(nlohmann::json(verdicts[i]), nlohmann::json(alone[i]));
    const auto claim = std::ranges::find(claims(), verdicts[i].id, &Claim::id);
    EXPECT_EQ(verdicts[i].family, claims_of_family(claim->family));
  }
  const auto encoder = judge_claims(texts);
  for (std::size_t i = alone.size(); i < verdicts.size(); ++i) {
    EXPECT_EQ(nlohmann::json(verdicts[i]), nlohmann::json(encoder[i]));
  }
  EXPECT_EQ(verdicts[0].regime, "profile paper: associative_recall, 4000 steps, 10 seeds");
}

}  // namespace
}  // namespace harness
