#include "harness/claims/verdict.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "harness/claims/judge.hpp"
#include "tests/unit/harness/claims/planted.hpp"

namespace harness {
namespace {

using libnorm::DataError;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST(Verdict, SurvivesJson) {
  auto arms = with(paper_world(), "none", [](Arm& arm) { arm.rank = 112; });
  for (std::uint64_t n : {1, 10}) {
    for (const Verdict& verdict : judge(planted_results(arms, n))) {
      const nlohmann::json stored = nlohmann::json::parse(nlohmann::json(verdict).dump());
      const Verdict back = stored.get<Verdict>();
      EXPECT_THAT(differences(verdict, back), IsEmpty());
      EXPECT_EQ(nlohmann::json(back), stored);
      EXPECT_EQ(summary(back), summary(verdict));
    }
  }
}

TEST(Verdict, JsonThatIsDamagedIsRefused) {
  const nlohmann::json good = find(judge(planted_results(paper_world())), "e1.isotropy");
  for (const auto& item : good.items()) {
    nlohmann::json bad = good;
    bad.erase(item.key());
    EXPECT_THROW(bad.get<Verdict>(), DataError) << item.key();
  }
  nlohmann::json bad = good;
  bad["outcome"] = "PROVEN";
  EXPECT_THROW(bad.get<Verdict>(), DataError);
  bad = good;
  bad["parts"][0]["numbers"]["effect"] = "large";
  EXPECT_THROW(bad.get<Verdict>(), DataError);
}

TEST(Verdict, EqualityIsWordsAndSixDigits) {
  const Verdict golden = find(judge(planted_results(paper_world())), "e1.isotropy");
  const auto changed = [&golden](const std::function<void(Verdict&)>& change) {
    Verdict now = golden;
    change(now);
    return !(now == golden);
  };
  EXPECT_FALSE(changed([](Verdict& v) { v.parts[0].reading.whole.effect *= 1 + 1e-8; }));
  EXPECT_FALSE(changed([](Verdict& v) { v.environments = {"another machine"}; }));
  EXPECT_FALSE(changed([](Verdict& v) { v.runs.clear(); }));
  EXPECT_TRUE(changed([](Verdict& v) { v.parts[0].reading.whole.effect *= 1 + 1e-5; }));
  EXPECT_TRUE(changed([](Verdict& v) { v.parts[0].reading.whole.effect = NAN; }));
  EXPECT_TRUE(changed([](Verdict& v) { v.parts[0].reading.whole.interval.reset(); }));
  EXPECT_TRUE(changed([](Verdict& v) { v.parts[0].reading.whole.interval->high += 1e-3; }));
  EXPECT_TRUE(changed([](Verdict& v) { v.parts[0].reading.whole.standardized.reset(); }));
  EXPECT_TRUE(changed([](Verdict& v) { v.outcome = Outcome::fragile; }));
  EXPECT_TRUE(changed([](Verdict& v) { v.as_defined = Outcome::fragile; }));
  EXPECT_TRUE(changed([](Verdict& v) { v.scope = "everything"; }));
  EXPECT_TRUE(changed([](Verdict& v) { v.claim_sha256[0] ^= 1; }));
  EXPECT_TRUE(changed([](Verdict& v) { v.published = false; }));
  EXPECT_TRUE(changed([](Verdict& v) { v.metric = "another"; }));
  EXPECT_TRUE(changed([](Verdict& v) { v.landmarks.emplace_back(); }));
  EXPECT_TRUE(changed([](Verdict& v) { v.parts[0].finding = Finding::open; }));
  EXPECT_TRUE(changed([](Verdict& v) { v.parts[0].reading.terms.emplace_back(); }));
  EXPECT_TRUE(changed([](Verdict& v) { v.parts[0].controls[0].effect = Effect::flips; }));
  EXPECT_TRUE(changed([](Verdict& v) { v.parts[0].controls.clear(); }));
  EXPECT_TRUE(changed([](Verdict& v) { v.parts[0].margin *= 2; }));
  EXPECT_TRUE(changed([](Verdict& v) { v.parts.clear(); }));
  EXPECT_TRUE(changed([](Verdict& v) { v.seeds.pop_back(); }));
  EXPECT_TRUE(changed([](Verdict& v) { v.p_holm *= 2; }));
  EXPECT_TRUE(changed([](Verdict& v) { v.family -= 1; }));
  EXPECT_TRUE(changed([](Verdict& v) { v.definition = "accumulated"; }));
  EXPECT_TRUE(changed([](Verdict& v) { v.regime = "another"; }));
  Verdict now = golden;
  now.outcome = Outcome::fragile;
  EXPECT_THAT(differences(golden, now),
              ElementsAre("e1.isotropy [published]: outcome differs (golden SUPPORTED, "
                          "now FRAGILE)"));
}

TEST(Verdict, EvidenceNamesRunsAndEnvironments) {
  const Verdict verdict = find(judge(planted_results(paper_world(), 10)), "e1.isotropy");
  EXPECT_EQ(verdict.runs.size(), 30u);  // layernorm, none and none_matched
  EXPECT_EQ(verdict.runs.front(), "layernorm/0 aaaaaaaaaaaa");
  EXPECT_THAT(verdict.environments, ElementsAre("1.0, 1, gcc, -O2, cpu, avx2"));
}

TEST(Verdict, SummaryAndTableSayTheNumbers) {
  Verdict verdict;
  verdict.id = "e1.flatness";
  verdict.definition = "published";
  verdict.published = true;
  verdict.outcome = verdict.as_defined = Outcome::contradicted;
  verdict.scope = "fails in 2 of 3 definitions";
  verdict.p_holm = 0.01171875;
  verdict.seeds.resize(10);
  PartResult part;
  part.label = "none - layernorm";
  part.unit = "decades";
  part.finding = Finding::opposite;
  part.reading.whole.effect = -1.53;
  part.reading.whole.interval = Interval{-1.60, -1.46};
  verdict.parts.push_back(part);
  EXPECT_EQ(
      summary(verdict),
      "e1.flatness [published] CONTRADICTED (fails in 2 of 3 definitions): none - layernorm = "
      "-1.53 [-1.6, -1.46] decades, P(A>B) = 0.00; p = 0.0117, n = 10");
  verdict.regime = "profile paper: a task, 10 steps, 10 seeds";
  EXPECT_THAT(summary(verdict), HasSubstr("n = 10; profile paper: a task, 10 steps, 10 seeds"));
  EXPECT_THAT(
      table({verdict, verdict}),
      ::testing::ContainsRegex("\n\nprofile paper: a task, 10 steps, 10 seeds\n"
                               "e1.flatness [^\n]*\n  fails in 2 of 3[^\n]*\n[^\n]*\ne1.flatness"));
  const std::string text = table(judge(planted_results(paper_world())));
  EXPECT_THAT(text, HasSubstr("e3.stagnation [published]"));
  EXPECT_THAT(text, HasSubstr("with sphere for manual_l2"));
  EXPECT_THAT(table(judge({})), HasSubstr("layernorm: no results"));
  EXPECT_EQ(outcome_of("COULD NOT CHECK"), Outcome::could_not_check);
  EXPECT_THROW(outcome_of("supported"), DataError);
}

}  // namespace
}  // namespace harness
