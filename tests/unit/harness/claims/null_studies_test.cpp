#include "tests/unit/harness/claims/null_studies.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <set>
#include <string>
#include <vector>

#include "harness/claims/claims.hpp"
#include "harness/claims/judge.hpp"
#include "harness/claims/power.hpp"
#include "tests/unit/harness/claims/planted.hpp"

// How often judge() is wrong where the truth is known, in every noise model.

namespace harness {
namespace {

/// Studies of each family and model; the label `exhaustive` asks for 10,000.
int studies_asked() {
  const char* many = std::getenv("LIBNORM_NULL_STUDIES");
  return many == nullptr ? 1000 : std::atoi(many);
}

/// A true 5% is found above this in one of 700 tests.
double most(int studies) { return 0.05 + 3 * std::sqrt(0.05 * 0.95 / studies); }

/// The claims of a family as published, at the end of training.
std::vector<Claim> published_claims(const std::string& study, const std::string& family) {
  std::vector<Claim> list;
  for (Claim claim : claims_of(study)) {
    if (claim.family != family) continue;
    claim.definitions.resize(1);
    claim.landmarks = {};
    list.push_back(std::move(claim));
  }
  return list;
}

/// A truth, and the claims on which a word is then wrong.
struct Truth {
  const char* name;
  Means means, falls;
  std::set<std::string> not_supported, not_contradicted;
  /// Of the studies asked for: others are cheaper checks.
  double share = 1;
};

struct Counts {
  int supported = 0, contradicted = 0;
};

template <class Make>
Counts count_wrong(const std::vector<Claim>& family, const Truth& truth, int studies, Make make) {
  Counts counts;
  for (int i = 0; i < studies; ++i) {
    bool supported = false, contradicted = false;
    for (const Verdict& verdict : judge(family, make(std::uint64_t(i)))) {
      supported |=
          verdict.outcome == Outcome::supported && truth.not_supported.count(verdict.id) > 0;
      contradicted |=
          verdict.outcome == Outcome::contradicted && truth.not_contradicted.count(verdict.id) > 0;
    }
    counts.supported += supported;
    counts.contradicted += contradicted;
  }
  return counts;
}

void check(const Counts& counts, int studies, const std::string& what) {
  EXPECT_LE(double(counts.supported) / studies, most(studies)) << what << ": SUPPORTED";
  EXPECT_LE(double(counts.contradicted) / studies, most(studies)) << what << ": CONTRADICTED";
  std::printf("%-80s SUPPORTED %5.1f%%, CONTRADICTED %5.1f%%\n", what.c_str(),
              100.0 * counts.supported / studies, 100.0 * counts.contradicted / studies);
}

const std::set<std::string> kDifferences = {"e1.flatness", "e1.isotropy", "e2.flatness",
                                            "e2.isotropy", "e3.isotropy", "e3.stagnation"};
const std::set<std::string> kAllRecall = {"e1.flatness", "e1.isotropy",  "e2.flatness",
                                          "e2.isotropy", "e3.flatness",  "e3.not_sharper",
                                          "e3.isotropy", "e3.stagnation"};

TEST(NullStudies, OfExperiments1To3AreSeldomDecided) {
  const auto family = published_claims("recall", "e1-e3");
  ASSERT_EQ(family.size(), kAllRecall.size());
  const Truth truths[] = {
      {"no differences", {}, {}, kDifferences, kAllRecall},
      // manual_l2 is off by the margin: neither equivalent nor beyond.
      {"at the margin", {{"manual_l2", 1}}, {}, {"e3.flatness", "e3.isotropy"}, kAllRecall, 0.3},
      // Only none differs, and nothing is left of that at the learning rate of the others.
      {"no difference with none_matched",
       {{"none", 40}},
       {},
       {"e1.flatness", "e1.isotropy", "e2.flatness", "e2.isotropy", "e3.isotropy"},
       {},
       0.3},
      {"no difference with sphere", {{"manual_l2", 80}}, {}, {"e3.stagnation"}, {}, 0.3}};
  for (const Truth& truth : truths) {
    for (const auto& [model, name] : kNoises) {
      const int studies = int(studies_asked() * truth.share);
      const Counts counts =
          count_wrong(family, truth, studies, [&, model = model](std::uint64_t study) {
            NoiseSource noise(model, study);
            return recall_study(noise, truth.means, 3);
          });
      check(counts, studies, std::string("e1-e3, ") + truth.name + ", " + name);
    }
  }
}

TEST(NullStudies, OfExperiment4AreSeldomDecided) {
  const std::set<std::string> all = {"e4.cascade", "e4.preserved", "e4.ordering"};
  const Truth truths[] = {
      {"no differences", {}, {}, all, all},
      // Every arm loses the margin at every layer after the first, so that none is not apart.
      {"at the margin",
       {},
       {{"layernorm", 2}, {"manual_l2", 2}, {"none", 2}, {"sphere", 2}},
       {"e4.preserved"},
       {"e4.preserved"},
       0.3},
      {"no difference with sphere",
       {{"manual_l2", 80}, {"none", 80}},
       {{"none", 40}, {"sphere", 2}},
       {"e4.preserved", "e4.ordering"},
       {},
       0.3}};
  for (const std::string& id : all) {
    const auto family = published_claims("encoder", id);
    ASSERT_EQ(family.size(), 1u);
    for (const Truth& truth : truths) {
      if (truth.not_supported.count(id) == 0) continue;
      for (const auto& [model, name] : kNoises) {
        const int studies = int(studies_asked() * truth.share);
        const Counts counts =
            count_wrong(family, truth, studies, [&, model = model](std::uint64_t study) {
              NoiseSource noise(model, study);
              return encoder_study(noise, truth.means, truth.falls, 2);
            });
        check(counts, studies, id + ", " + truth.name + ", " + name);
      }
    }
  }
}

/// A claim that a is larger than b, in a family of so many.
std::vector<Claim> planted_family(std::size_t size) {
  Claim claim;
  claim.id = "planted";
  claim.parts = {{Relation::larger, {{"a"}}, {{"b"}}}};
  claim.definitions = {
      {.name = "p", .metric = Metric("final_loss"), .margin = {1e-9, "units", "test"}}};
  claim.task = "associative_recall";
  std::vector<Claim> family(size, claim);
  // The others are without evidence, so that the first is judged at the strictest level.
  for (std::size_t i = 1; i < size; ++i) family[i].parts[0].a = {{"absent"}};
  return family;
}

TEST(PlantedStudies, AreFoundAsOftenAsDetectableSays) {
  constexpr double kEffect = 1.5;
  for (const auto& [seeds, claims_of_family] : {std::pair{10, 1}, {10, 8}, {8, 1}, {8, 3}}) {
    const auto family = planted_family(std::size_t(claims_of_family));
    const int studies = studies_asked();
    int found = 0;
    double detectable = 0;
    for (int i = 0; i < studies; ++i) {
      NoiseSource noise(Noise::normal, std::uint64_t(i));
      std::vector<RunResult> results;
      for (int seed = 0; seed < seeds; ++seed) {
        for (const auto& [arm, loss] : {std::pair{"a", kEffect + noise.normal()}, {"b", 0.0}}) {
          RunResult result;
          result.arm = arm;
          result.seed = std::uint64_t(seed);
          result.final_loss = loss;
          results.push_back(result);
        }
      }
      const Verdict verdict = judge(family, results).front();
      found += verdict.outcome == Outcome::supported;
      detectable += *numbers(verdict).detectable / studies;
    }
    const Bar bar{Relation::larger, seeds, 0.05 / claims_of_family, 0};
    const double power = power_of(bar, kEffect);
    EXPECT_NEAR(double(found) / studies, power, 3 * std::sqrt(power * (1 - power) / studies) + 0.02)
        << seeds << " seeds, family of " << claims_of_family;
    EXPECT_NEAR(power_of(bar, *detectable_difference(bar)), 0.8, 1e-3);
    // It is the true difference at which 80% are found, up to the seeds' own spread.
    EXPECT_NEAR(detectable, *detectable_difference(bar), 0.1 * detectable);
  }
}

}  // namespace
}  // namespace harness
