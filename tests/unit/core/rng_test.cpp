#include "libnorm/core/rng.hpp"

#include <cmath>
#include <set>
#include <vector>

#include <gtest/gtest.h>

namespace libnorm::test {
namespace {

/// The generator's published test vectors (Random123's kat_vectors, philox4x32 with 10 rounds):
/// counter {index, stream, purpose}, key {seed}, and the first two of the four words.
TEST(Random, IsPhilox) {
  const auto bits = [](std::uint64_t seed, std::uint32_t purpose, std::uint32_t stream,
                       std::uint64_t index) {
    return Random(seed, static_cast<Purpose>(purpose), stream).bits(index);
  };
  EXPECT_EQ(bits(0, 0, 0, 0), 0xe169c58d'6627e8d5u);
  EXPECT_EQ(bits(~0ull, ~0u, ~0u, ~0ull), 0x41c83b0e'408f276du);
  EXPECT_EQ(bits(0x299f31d0'a4093822u, 0x03707344, 0x13198a2e, 0x85a308d3'243f6a88u),
            0x94fdcceb'd16cfe09u);
}

TEST(Random, DependsOnEverySetting) {
  std::set<std::uint64_t> seen;
  for (std::uint64_t seed : {0ull, 1ull, 1ull << 32}) {
    for (Purpose purpose :
         {Purpose::initial_values, Purpose::training_batch, Purpose::probe_batch,
          Purpose::direction, Purpose::resampling, Purpose::test, Purpose::corpus}) {
      for (std::uint32_t stream : {0u, 1u}) {
        for (std::uint64_t index : {0ull, 1ull, 1ull << 32}) {
          seen.insert(Random(seed, purpose, stream).bits(index));
        }
      }
    }
  }
  EXPECT_EQ(seen.size(), 3u * 7u * 2u * 3u);
}

TEST(Random, UniformIsTheBitsMiddleAndNeverAnEnd) {
  const Random random(1, Purpose::test);
  double sum = 0, squares = 0;
  std::vector<int> bins(64, 0);
  constexpr int kCount = 64000;
  for (std::uint64_t i = 0; i < kCount; ++i) {
    const double u = random.uniform(i);
    EXPECT_EQ(u, std::ldexp(2.0 * double(random.bits(i) >> 12) + 1, -53));
    ASSERT_GT(u, 0.0);
    ASSERT_LT(u, 1.0);
    sum += u;
    squares += (u - 0.5) * (u - 0.5);
    ++bins[std::size_t(u * 64)];
  }
  // Five standard errors: 1 / sqrt(12 n) of the mean, 1 / sqrt(180 n) of the variance.
  EXPECT_NEAR(sum / kCount, 0.5, 5 / std::sqrt(12.0 * kCount));
  EXPECT_NEAR(squares / kCount, 1 / 12.0, 5 / std::sqrt(180.0 * kCount));
  double chi = 0;
  for (int n : bins) chi += (n - 1000.0) * (n - 1000.0) / 1000.0;
  // Chi-square with 63 degrees of freedom: mean 63, deviation sqrt(126) = 11.2; five of them.
  EXPECT_LT(chi, 63 + 5 * 11.2);
}

/// Quantiles of the uniform numbers of the same indices, by mpmath (40 digits) and scipy's ndtri:
/// the middle, both tails (u of 1e-7 and 1 - 5e-10) and both ends of the middle formula.
TEST(Random, NormalIsTheQuantileOfTheUniform) {
  struct Case {
    std::uint64_t index;
    double normal;
  };
  constexpr Case kCases[] = {
      {0, 0.019232803883850333},      {1, -0.10369382019728186},
      {2, -0.22798755347992364},      {3, 0.78973559527623977},
      {4, -0.97498621996976336},      {5, 2.1111773541197676},
      {6, -0.82900312789390376},      {7, 0.66067571922662833},
      {1000, 0.79721885046944336},    {std::uint64_t(1) << 32, -0.92240846768468575},
      {3887145, -5.1821869103627819}, {18344920, 6.1047503562295869},
      {1662034, -1.4395313304356197}, {1635545, 1.4395310437941614}};
  const Random random(2024, Purpose::test, 3);
  for (const Case& c : kCases) {
    // 4e-16 is the method's error and its formula's roundings, the tails' logarithm included.
    EXPECT_NEAR(random.normal(c.index), c.normal, 4e-16 * std::abs(c.normal)) << c.index;
  }
}

TEST(Random, NormalHasTheMomentsOfItsName) {
  const Random random(3, Purpose::test);
  constexpr int kCount = 100000;
  double sums[5] = {};
  for (std::uint64_t i = 0; i < kCount; ++i) {
    double power = 1;
    for (double& sum : sums) {
      sum += power / kCount;
      power *= random.normal(i);
    }
  }
  // Five standard errors: the variances of x, x^2, x^3 and x^4 are 1, 2, 15 and 96.
  const double error = 5 / std::sqrt(double(kCount));
  EXPECT_NEAR(sums[1], 0, error);
  EXPECT_NEAR(sums[2], 1, error * std::sqrt(2.0));
  EXPECT_NEAR(sums[3], 0, error * std::sqrt(15.0));
  EXPECT_NEAR(sums[4], 3, error * std::sqrt(96.0));
}

TEST(Random, BelowCoversItsRangeEvenly) {
  const Random random(4, Purpose::test);
  std::vector<int> counts(7, 0);
  for (std::uint64_t i = 0; i < 70000; ++i) {
    const Index x = random.below(i, 7);
    ASSERT_TRUE(0 <= x && x < 7);
    ++counts[std::size_t(x)];
    EXPECT_EQ(random.below(i, 1), 0);
    const Index large = Index(1) << 62;
    EXPECT_EQ(random.below(i, large), Index(random.bits(i) >> 2));
  }
  // Five deviations of a binomial count: sqrt(70000 x 6 / 49) = 92.6.
  for (int n : counts) EXPECT_NEAR(n, 10000, 5 * 92.6);
}

/// FNV-1a's published values.
TEST(Random, StreamsOfNames) {
  EXPECT_EQ(stream_of(""), 0x811c9dc5u);
  EXPECT_EQ(stream_of("a"), 0xe40c292cu);
  EXPECT_EQ(stream_of("foobar"), 0xbf9cf968u);
}

}  // namespace
}  // namespace libnorm::test
