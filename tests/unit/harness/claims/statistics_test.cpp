#include "harness/claims/statistics.hpp"
#include "harness/claims/power.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

namespace harness {
namespace {

using libnorm::ValueError;
using Sample = std::vector<double>;

// Numbers marked "scipy" were made with scipy 1.17.1: t.ppf, t.cdf, betainc,
// binomtest(...).proportion_ci("exact"), permutation_test(permutation_type="samples"),
// ttest_1samp(...).confidence_interval.

// Extra hours of sleep, drug 2 minus drug 1 (Student 1908): one difference is zero.
const Sample kSleep = {1.2, 2.4, 1.3, 1.3, 0.0, 1.0, 1.8, 0.8, 4.6, 1.4};
const Sample kMixed = {0.31, -0.12, 0.45, 0.27, -0.05, 0.6, 0.11, 0.02};

TEST(TDistribution, QuantilesAreTheTabulatedOnes) {
  EXPECT_NEAR(t_quantile(0.975, 1), 12.706, 5e-4);  // printed tables
  EXPECT_NEAR(t_quantile(0.975, 2), 4.303, 5e-4);
  EXPECT_NEAR(t_quantile(0.975, 9), 2.262, 5e-4);
  EXPECT_NEAR(t_quantile(0.975, 1), 12.706204736174694, 1e-10);  // scipy from here on
  EXPECT_NEAR(t_quantile(0.975, 2), 4.302652729749462, 1e-11);
  EXPECT_NEAR(t_quantile(0.975, 4), 2.7764451051977934, 1e-11);
  EXPECT_NEAR(t_quantile(0.975, 9), 2.262157162798205, 1e-11);
  EXPECT_NEAR(t_quantile(0.995, 30), 2.7499956535672254, 1e-11);
  EXPECT_NEAR(t_quantile(0.9999, 9), 6.010132129081531, 1e-10);
  EXPECT_NEAR(t_quantile(0.6, 3), 0.2766706623326898, 1e-12);
}

TEST(TDistribution, QuantilesHaveTheirClosedForms) {
  for (double p : {0.01, 0.3, 0.77, 0.999}) {
    // One degree of freedom is Cauchy; two have a quantile in square roots.
    EXPECT_NEAR(t_quantile(p, 1) / std::tan(M_PI * (p - 0.5)), 1, 1e-12);
    EXPECT_NEAR(t_quantile(p, 2), (2 * p - 1) / std::sqrt(2 * p * (1 - p)), 1e-10);
  }
  EXPECT_EQ(t_quantile(0.5, 7), 0);
}

TEST(TDistribution, DistributionFunctionKeepsItsDigits) {
  EXPECT_NEAR(t_cdf(0.5, 1), 0.6475836176504333, 1e-14);
  EXPECT_NEAR(t_cdf(-1.3, 4), 0.13172579823561206, 1e-14);
  EXPECT_NEAR(t_cdf(2.262, 9), 0.9749935772487727, 1e-14);
  EXPECT_NEAR(t_cdf(1.96, 1000), 0.9748634075221256, 1e-12);
  EXPECT_NEAR(t_cdf(-40, 9) / 9.491499224669911e-12, 1, 1e-11);
  EXPECT_EQ(t_cdf(0, 5), 0.5);
}

TEST(IncompleteBeta, AgreesWithScipyAndWithPolynomials) {
  EXPECT_NEAR(incomplete_beta(2, 3, 0.4), 0.5248, 1e-14);
  EXPECT_NEAR(incomplete_beta(0.5, 0.5, 0.1), 2 / M_PI * std::asin(std::sqrt(0.1)), 1e-14);
  EXPECT_NEAR(incomplete_beta(9, 2, 0.9), 10 * std::pow(0.9, 9) - 9 * std::pow(0.9, 10), 1e-14);
  EXPECT_NEAR(incomplete_beta(4.5, 0.5, 0.99), 0.7698749998921366, 1e-13);
  EXPECT_NEAR(incomplete_beta(50, 1, 0.98), std::pow(0.98, 50), 1e-13);
  EXPECT_EQ(incomplete_beta(3, 4, 0), 0);
  EXPECT_EQ(incomplete_beta(3, 4, 1), 1);
}

TEST(SignFlip, CountsEveryPattern) {
  EXPECT_EQ(sign_flip_p({1, 2, 3}, Direction::greater), 1.0 / 8);
  EXPECT_EQ(sign_flip_p({1, 2, 3}, Direction::less), 1.0);
  EXPECT_EQ(sign_flip_p({1, 2, 3}, Direction::two_sided), 2.0 / 8);
  // Sums of +-1 +-2 -+4: observed 1 + 2 - 4 = -1; at least -1: 7, 5, 3, 1, -1.
  EXPECT_EQ(sign_flip_p({1, 2, -4}, Direction::greater), 5.0 / 8);
  EXPECT_EQ(sign_flip_p({1, 2, -4}, Direction::less), 4.0 / 8);
  EXPECT_EQ(sign_flip_p({1, 2, -4}, Direction::two_sided), 1.0);
  EXPECT_EQ(sign_flip_p(kMixed, Direction::greater), 10.0 / 256);  // scipy
  EXPECT_EQ(sign_flip_p(kMixed, Direction::less), 247.0 / 256);    // scipy
  EXPECT_EQ(sign_flip_p(kMixed, Direction::two_sided), 20.0 / 256);
}

TEST(SignFlip, TiesRaiseTheAnswer) {
  EXPECT_EQ(sign_flip_p(kSleep, Direction::greater), 2.0 / 1024);  // scipy; the zero doubles it
  EXPECT_EQ(sign_flip_p(kSleep, Direction::two_sided), 4.0 / 1024);
  EXPECT_EQ(sign_flip_p({0, 0, 0}, Direction::greater), 1.0);
  // 0.1 + 0.2 and 0.3 differ in the last bit: +-(0.1 + 0.2 - 0.3) are all one sum, zero.
  EXPECT_EQ(sign_flip_p({0.1, 0.2, -0.3}, Direction::greater), 5.0 / 8);
  EXPECT_EQ(sign_flip_p({-0.3, 0.2, 0.1}, Direction::less), 5.0 / 8);
}

TEST(SignFlip, SmallestAnswerIsOnePattern) {
  EXPECT_EQ(sign_flip_p({5}, Direction::greater), 0.5);
  EXPECT_EQ(sign_flip_p(Sample(10, 2.5), Direction::greater), 1.0 / 1024);
  EXPECT_EQ(sign_flip_p(Sample(20, 0.1), Direction::greater), std::ldexp(1.0, -20));
}

TEST(Holm, IsTheWorkedExample) {
  // Holm 1979 as worked in textbooks: p = .01, .04, .03, .005 -> .03, .06, .06, .02.
  const Sample adjusted = holm({0.01, 0.04, 0.03, 0.005});
  const Sample expected = {0.03, 0.06, 0.06, 0.02};
  for (int i = 0; i < 4; ++i) EXPECT_NEAR(adjusted[i], expected[i], 1e-15) << i;
}

TEST(Holm, NeverFallsAndStopsAtOne) {
  EXPECT_EQ(holm({0.5, 0.001, 0.9}), (Sample{1, 0.003, 1}));
  EXPECT_EQ(holm(Sample(12, 1.0 / 1024)), Sample(12, 12.0 / 1024));
  EXPECT_TRUE(holm({}).empty());
  EXPECT_THROW(holm({0.1, NAN}), ValueError);
  EXPECT_THROW(holm({1.1}), ValueError);
}

TEST(MeanInterval, IsStudents) {
  const Interval sleep = mean_interval(kSleep);
  EXPECT_NEAR(sleep.low, 0.7001142367230174, 1e-12);  // scipy; Student's own data
  EXPECT_NEAR(sleep.high, 2.4598857632769824, 1e-12);
  const Interval mixed = mean_interval(kMixed);
  EXPECT_NEAR(mixed.low, -0.0120124448075353, 1e-12);
  EXPECT_NEAR(mixed.high, 0.40951244480753524, 1e-12);
  const Interval constant = mean_interval({2, 2, 2});
  EXPECT_EQ(constant.low, 2);
  EXPECT_EQ(constant.high, 2);
}

TEST(StandardizedEffect, IsCorrectedCohensD) {
  EXPECT_NEAR(standardized_effect(kMixed), 0.7002340837395837, 1e-12);  // 0.78837 times J(7)
  // n = 3: J = Gamma(1) / (1 Gamma(1/2)) = 1 / sqrt(pi); mean 2, sd 1.
  EXPECT_NEAR(standardized_effect({1, 2, 3}), 2 / std::sqrt(M_PI), 1e-14);
  EXPECT_THROW(standardized_effect({1, 1, 1, 1}), ValueError);
  EXPECT_THROW(standardized_effect({0, 0, 0, 0}), ValueError);
  EXPECT_THROW(standardized_effect({0.1, 0.1, 0.1 + 1e-17, 0.3 - 0.2}), ValueError);
  EXPECT_THROW(standardized_effect({1, 2}), ValueError);
}

TEST(Superiority, IsClopperPearson) {
  const auto wins = [](int won, int of) {
    Sample d(won, 1.0);
    d.resize(of, -1.0);
    return superiority(d);
  };
  EXPECT_NEAR(wins(10, 10).interval.low, 0.6915028921812371, 1e-12);  // scipy
  EXPECT_EQ(wins(10, 10).interval.high, 1);
  EXPECT_NEAR(wins(9, 10).interval.low, 0.5549838829718047, 1e-12);
  EXPECT_NEAR(wins(9, 10).interval.high, 0.9974714214555375, 1e-12);
  EXPECT_NEAR(wins(8, 10).interval.low, 0.4439045376923585, 1e-12);
  EXPECT_NEAR(wins(5, 10).interval.low, 0.1870860284474045, 1e-12);
  EXPECT_NEAR(wins(5, 10).interval.high, 0.8129139715525955, 1e-12);
  EXPECT_EQ(wins(0, 10).interval.low, 0);
  EXPECT_NEAR(wins(0, 10).interval.high, 0.30849710781876294, 1e-12);
  EXPECT_NEAR(wins(6, 6).interval.low, std::pow(0.025, 1.0 / 6), 1e-13);  // closed form
  EXPECT_EQ(wins(9, 10).probability, 0.9);
}

TEST(Superiority, TiesAreHalfAndWidenTheInterval) {
  const Superiority tied = superiority(kSleep);  // nine wins and a tie
  EXPECT_EQ(tied.probability, 0.95);
  EXPECT_NEAR(tied.interval.low, 0.5549838829718047, 1e-12);
  EXPECT_EQ(tied.interval.high, 1);
  const Superiority none = superiority({0, 0});
  EXPECT_EQ(none.probability, 0.5);
  EXPECT_EQ(none.interval.low, 0);
  EXPECT_EQ(none.interval.high, 1);
}

TEST(Equivalence, IsTheWorseOfTwoOneSidedTests) {
  EXPECT_EQ(equivalence_p(kMixed, 0.3), 0.14453125);  // scipy
  EXPECT_EQ(equivalence_p(kMixed, 0.5), 0.01171875);
  EXPECT_EQ(equivalence_p(kMixed, 0.6), 0.0078125);
  EXPECT_EQ(equivalence_p(Sample(10, 0.0), 1), 1.0 / 1024);
  EXPECT_EQ(equivalence_p(Sample(10, 1.0), 1), 1.0);  // on the margin is not within it
  EXPECT_EQ(equivalence_p(Sample(10, -3.0), 1), 1.0);
  EXPECT_THROW(equivalence_p(kMixed, 0), ValueError);
  EXPECT_THROW(equivalence_p(kMixed, NAN), ValueError);
}

TEST(Beyond, FindsEitherSide) {
  EXPECT_EQ(beyond_p(Sample(10, 3.0), 1), 1.0 / 1024);
  EXPECT_EQ(beyond_p(Sample(10, -3.0), 1), 1.0 / 1024);
  EXPECT_EQ(beyond_p(Sample(10, 0.5), 1), 1.0);
  EXPECT_THROW(beyond_p(kMixed, -1), ValueError);
}

TEST(Power, IsThatOfStudentsTestWhereSignFlipsAreNearlyOne) {
  // `not_less` asks for the test and the interval only. The noncentral t (scipy's nct) finds
  // 0.85284 one-sided at 0.05 and 0.99600 at 0.025, which the interval asks for.
  const Bar bar{Relation::not_less, 10, 0.05, 0};
  EXPECT_NEAR(*detectable_difference(bar), 0.9960, 0.04);
  EXPECT_NEAR(power_of(bar, 0.9960), 0.8, 0.025);
  EXPECT_NEAR(power_of({Relation::not_less, 10, 0.05, 2}, 2.9960), 0.8, 0.025);
  EXPECT_EQ(power_of(bar, -10), 0);
  EXPECT_EQ(power_of(bar, 10), 1);
}

TEST(Power, WinsAndMarginsCount) {
  // All of eight seeds above 0: Phi(1.5)^8 is an upper bound.
  const Bar eight{Relation::larger, 8, 0.05, 0};
  EXPECT_NEAR(power_of(eight, 1.5), std::pow(0.9331927987311419, 8), 0.025);
  // The mean reaches a margin at the true difference half of the time, whatever the rest.
  EXPECT_NEAR(power_of({Relation::larger, 10, 0.05, 5}, 5), 0.5, 0.025);
  EXPECT_NEAR(*detectable_difference({Relation::larger, 10, 0.05, 5}), 5 + 0.8416 / std::sqrt(10.0),
              0.02);
  EXPECT_FALSE(detectable_difference({Relation::larger, 4, 0.05, 0}).has_value());
  EXPECT_EQ(power_of({Relation::larger, 4, 0.05, 0}, 100), 0);
}

TEST(Power, AnEquivalenceNeedsSeeds) {
  EXPECT_EQ(power_of_equivalence({Relation::equivalent, 10, 0.05, 100}), 1);
  EXPECT_LT(power_of_equivalence({Relation::equivalent, 10, 0.05, 0.1}), 0.06);
  // Student's approximation, from 13 seeds on, continues the exact test.
  const double twelve = power_of_equivalence({Relation::equivalent, 12, 0.05, 0.9});
  const double thirteen = power_of_equivalence({Relation::equivalent, 13, 0.05, 0.9});
  EXPECT_GT(thirteen, twelve - 0.02);
  EXPECT_LT(thirteen, twelve + 0.08);
}

TEST(Domains, UndefinedAnswersThrow) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const Sample bad = {1, nan, 2};
  EXPECT_THROW(mean({}), ValueError);
  EXPECT_THROW(mean(bad), ValueError);
  EXPECT_THROW(mean({1, INFINITY}), ValueError);
  EXPECT_THROW(standard_deviation({1}), ValueError);
  EXPECT_THROW(mean_interval({1}), ValueError);
  EXPECT_THROW(mean_interval({1, 2}, 1), ValueError);
  EXPECT_THROW(sign_flip_p({}, Direction::greater), ValueError);
  EXPECT_THROW(sign_flip_p(bad, Direction::greater), ValueError);
  EXPECT_THROW(sign_flip_p(Sample(21, 1.0), Direction::greater), ValueError);
  EXPECT_THROW(superiority({}), ValueError);
  EXPECT_THROW(superiority(bad), ValueError);
  EXPECT_THROW(t_quantile(0, 3), ValueError);
  EXPECT_THROW(t_quantile(0.5, 0), ValueError);
  EXPECT_THROW(t_quantile(nan, 3), ValueError);
  EXPECT_THROW(t_cdf(nan, 3), ValueError);
  EXPECT_THROW(t_cdf(1, nan), ValueError);
  EXPECT_THROW(incomplete_beta(0, 1, 0.5), ValueError);
  EXPECT_THROW(incomplete_beta(1, 1, nan), ValueError);
  EXPECT_THROW(detectable_difference({Relation::larger, 10, 0.05, -1}), ValueError);
  EXPECT_THROW(detectable_difference({Relation::larger, 1, 0.05, 1}), ValueError);
  EXPECT_THROW(detectable_difference({Relation::larger, 10, 0, 1}), ValueError);
  EXPECT_THROW(detectable_difference({Relation::larger, 10, 0.05, 1}, 1), ValueError);
}

}  // namespace
}  // namespace harness
