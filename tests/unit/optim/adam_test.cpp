#include "libnorm/optim/adam.hpp"

#include <gtest/gtest.h>

#include "tests/support/arrays.hpp"
#include "tests/support/compare.hpp"
#include "tests/support/everywhere.hpp"
#include "tests/tolerances.hpp"

namespace libnorm::test {
namespace {

template <class T>
class AdamSteps : public testing::Test {};
using Numbers = testing::Types<float, double>;
TYPED_TEST_SUITE(AdamSteps, Numbers);

constexpr Index kSizes[] = {1, 31, 33, 1023, 1025, 2500};

TYPED_TEST(AdamSteps, AreTheOracles) {
  using T = TypeParam;
  for (Index size : kSizes) {
    const auto first = draw_vector<T>(size, 1);
    oracle::Adam slow{3e-2, 0.8, 0.95, 1e-3, {}, {}, 0};
    std::vector<double> expected = widened(first);
    for (std::uint64_t step = 0; step < 20; ++step) {
      slow.step(expected, widened(draw_vector<T>(size, 10 + step)));
    }
    for_each_isa([&] {
      auto weights = first;
      Adam<T> adam(size, {3e-2, 0.8, 0.95, 1e-3});
      for (std::uint64_t step = 0; step < 20; ++step) {
        adam.step(weights.data(), draw_vector<T>(size, 10 + step).data());
      }
      EXPECT_EQ(adam.steps(), 20);
      // 20 steps, each with a rounding of the weight and 0.03 x some ten of its own.
      EXPECT_TRUE(within("weights", expected, weights, tolerance<T>(sum_of(30)), 1));
      EXPECT_TRUE(within("m", slow.m, adam.first_moment(), tolerance<T>(sum_of(30)), 1));
      EXPECT_TRUE(within("v", slow.v, adam.second_moment(), tolerance<T>(sum_of(30)), 1));
    });
  }
}

/// The first step is the rate along the gradient's sign, whatever the gradient's size.
TYPED_TEST(AdamSteps, FirstStepIsTheRate) {
  using T = TypeParam;
  std::vector<T> weights = {0, 0, 0, 0};
  const std::vector<T> gradient = {T(1e3), T(-1e-3), 0, 1};
  AdamOptions options;
  options.learning_rate = 0.25;
  Adam<T>(4, options).step(weights.data(), gradient.data());
  // epsilon / |g| = 1e-5 of it is missing in the second.
  EXPECT_TRUE(within("weights", {-0.25, 0.25 / (1 + 1e-5), 0, -0.25}, weights,
                     tolerance<T>({8, 8}) + 2e-8, 0.25));
}

/// A checkpoint: weights, moments and the number of steps say all.
TYPED_TEST(AdamSteps, GoOnFromACheckpointWithTheSameBits) {
  using T = TypeParam;
  auto weights = draw_vector<T>(100, 2);
  Adam<T> adam(100, {});
  for (std::uint64_t s = 0; s < 5; ++s) adam.step(weights.data(), draw_vector<T>(100, s).data());
  auto resumed = weights;
  Adam<T> other(100, {});
  other.first_moment() = adam.first_moment();
  other.second_moment() = adam.second_moment();
  other.set_steps(adam.steps());
  EXPECT_EQ(other.steps(), 5);
  for (std::uint64_t s = 5; s < 8; ++s) {
    adam.step(weights.data(), draw_vector<T>(100, s).data());
    other.step(resumed.data(), draw_vector<T>(100, s).data());
  }
  EXPECT_TRUE(same_bits("weights", weights, resumed));
}

}  // namespace
}  // namespace libnorm::test
