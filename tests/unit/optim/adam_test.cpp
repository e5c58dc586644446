#include "libnorm/optim/adam.hpp"

#include <algorithm>
#include <cmath>

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

/// Everything that is off by default.
AdamOptions full_options() {
  AdamOptions options{3e-2, 0.8, 0.95, 1e-3};
  options.weight_decay = 0.3;
  options.clip_norm = 20;
  options.schedule = {5, 20, 0.1};
  return options;
}

std::vector<bool> first_decay(Index size, Index count) {
  std::vector<bool> decays(std::size_t(size), false);
  std::fill_n(decays.begin(), count, true);
  return decays;
}

TYPED_TEST(AdamSteps, WithEveryOptionAreTheOracles) {
  using T = TypeParam;
  for (Index size : {1, 33, 1025, 4096 * 2 + 5}) {
    const Index decaying = (size + 1) / 2;
    const auto first = draw_vector<T>(size, 1);
    oracle::Adam slow{3e-2, 0.8, 0.95, 1e-3, {}, {}, 0, 0.3, std::size_t(decaying), 20, 5, 20, 0.1};
    std::vector<double> expected = widened(first);
    int clipped = 0;
    for (std::uint64_t step = 0; step < 20; ++step) {
      const auto gradient = widened(draw_vector<T>(size, 10 + step));
      double square = 0;
      for (double g : gradient) square += g * g;
      clipped += square > 400;
      slow.step(expected, gradient);
    }
    EXPECT_EQ(clipped, size > 500 ? 20 : 0);
    for_each_isa([&] {
      auto weights = first;
      Adam<T> adam(size, full_options(), first_decay(size, decaying));
      for (std::uint64_t step = 0; step < 20; ++step) {
        adam.step(weights.data(), draw_vector<T>(size, 10 + step).data());
      }
      // As without, and a rounding of what decays.
      EXPECT_TRUE(within("weights", expected, weights, tolerance<T>(sum_of(50)), 1));
      EXPECT_TRUE(within("m", slow.m, adam.first_moment(), tolerance<T>(sum_of(30)), 1));
      EXPECT_TRUE(within("v", slow.v, adam.second_moment(), tolerance<T>(sum_of(30)), 1));
    });
  }
}

/// Without a gradient there is decay alone: (1 - rate_t decay) w.
TYPED_TEST(AdamSteps, DecayTakesItsShareOffWhatDecays) {
  using T = TypeParam;
  AdamOptions options;
  options.learning_rate = 0.25;
  options.weight_decay = 0.5;
  options.schedule = {2, 0, 1};
  std::vector<T> weights = {4, 4, -2};
  const std::vector<T> none(3, 0);
  Adam<T> adam(3, options, {true, false, true});
  adam.step(weights.data(), none.data());
  EXPECT_EQ(weights, (std::vector<T>{4 - 0.25, 4, -2 + 0.125}));
  adam.step(weights.data(), none.data());
  EXPECT_EQ(weights, (std::vector<T>{T(3.75 * 0.875), 4, T(-1.875 * 0.875)}));
  std::vector<T> all = {8};
  Adam<T>(1, options).step(all.data(), none.data());
  EXPECT_EQ(all[0], T(7.5)) << "all decay unless told";
}

/// A long gradient, whatever its length, makes the first moment of one as long as clip_norm.
TYPED_TEST(AdamSteps, ClipAtTheNorm) {
  using T = TypeParam;
  AdamOptions options;
  options.clip_norm = 5;
  options.beta1 = 0;  // So the first moment is the gradient.
  for (const double length : {1e-3, 4.0, 6.0, 1e3, 1e18}) {
    const std::vector<T> gradient = {T(0.6 * length), 0, T(-0.8 * length)};
    std::vector<T> weights(3, 1);
    Adam<T> adam(3, options);
    adam.step(weights.data(), gradient.data());
    const double kept = std::min(length, 5.0);
    EXPECT_TRUE(within("clipped", {0.6 * kept, 0, -0.8 * kept}, adam.first_moment(),
                       // PyTorch's addend of 1e-6 is a 6e-6th of the norm or less.
                       tolerance<T>({8, 8}) + (length > 5 ? 2e-7 : 0), kept))
        << length;
  }
}

TYPED_TEST(AdamSteps, ANormThatIsNoNumberIsNotHidden) {
  using T = TypeParam;
  AdamOptions options;
  options.clip_norm = 1;
  const std::vector<T> gradient = {T(NAN), 1};
  std::vector<T> weights = {1, 1};
  Adam<T>(2, options).step(weights.data(), gradient.data());
  EXPECT_TRUE(std::isnan(weights[0]) && std::isnan(weights[1]));
}

TEST(RateSchedule, RisesAndFalls) {
  const RateSchedule constant, rising{4, 0, 1}, whole{4, 20, 0.25};
  for (Index t : {1, 7, 4000}) EXPECT_EQ(constant.share(t), 1);
  for (Index t = 1; t <= 4; ++t) {
    EXPECT_EQ(rising.share(t), double(t) / 4);
    EXPECT_EQ(whole.share(t), double(t) / 4);
  }
  EXPECT_EQ(rising.share(5), 1);
  EXPECT_EQ(whole.share(5), 1) << "the cosine begins at 1";
  EXPECT_NEAR(whole.share(13), 0.625, 1e-15) << "half way";
  EXPECT_EQ(whole.share(21), 0.25);
  for (Index t = 6; t <= 20; ++t) {
    EXPECT_LT(whole.share(t), whole.share(t - 1));
    const double cosine = std::cos(std::acos(-1.0) * double(t - 5) / 16);
    // Some roundings of numbers up to 1.
    EXPECT_NEAR(whole.share(t), 0.25 + 0.75 * (1 + cosine) / 2, 1e-15) << t;
  }
  // Small shares at the end have their digits too: sin^2(pi / 2n), for n steps.
  const RateSchedule falling{0, 100000, 0};
  const double last = std::sin(std::acos(-1.0) / 200000);
  EXPECT_NEAR(falling.share(100000) / (last * last), 1, 1e-15);
  EXPECT_EQ(falling.share(1), 1);
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

/// The rate of a step follows from its number, so a checkpoint may lie within the warm-up.
TYPED_TEST(AdamSteps, GoOnWithinTheWarmUpWithTheSameBits) {
  using T = TypeParam;
  for (const Index done : {2, 4, 7}) {
    auto weights = draw_vector<T>(100, 2);
    Adam<T> adam(100, full_options());
    for (Index s = 0; s < done; ++s) {
      adam.step(weights.data(), draw_vector<T>(100, std::uint64_t(s)).data());
    }
    auto resumed = weights;
    Adam<T> other(100, full_options());
    other.first_moment() = adam.first_moment();
    other.second_moment() = adam.second_moment();
    other.set_steps(done);
    for (Index s = done; s < 10; ++s) {
      adam.step(weights.data(), draw_vector<T>(100, std::uint64_t(s)).data());
      other.step(resumed.data(), draw_vector<T>(100, std::uint64_t(s)).data());
    }
    EXPECT_TRUE(same_bits("weights", weights, resumed)) << done;
  }
}

}  // namespace
}  // namespace libnorm::test
