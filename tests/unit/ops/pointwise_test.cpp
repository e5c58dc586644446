#include <cmath>
#include <limits>

#include <gtest/gtest.h>

#include "libnorm/ops/cross_entropy.hpp"
#include "libnorm/ops/gelu.hpp"
#include "tests/support/arrays.hpp"
#include "tests/support/compare.hpp"
#include "tests/support/everywhere.hpp"
#include "tests/tolerances.hpp"

namespace libnorm::test {
namespace {

template <class T>
class Pointwise : public testing::Test {};
using Numbers = testing::Types<float, double>;
TYPED_TEST_SUITE(Pointwise, Numbers);

struct Extents {
  Index rows, cols;
};
constexpr Extents kExtents[] = {{597, 43}, {1, 1}, {1, 33}, {43, 1}, {3, 64}};

TYPED_TEST(Pointwise, GeluIsTheOracles) {
  using T = TypeParam;
  for (const Extents& s : kExtents) {
    const Padded<T> x = draw<T>(s.rows, s.cols, 1), d = draw<T>(s.rows, s.cols, 2);
    std::vector<double> value, slope;
    for (double v : widened(values_of(x.view()))) {
      value.push_back(oracle::gelu(v));
      slope.push_back(oracle::gelu_slope(v));
    }
    for_each_isa([&] {
      Padded<T> y(s.rows, s.cols, 2), dy(s.rows, s.cols, 4), dx(s.rows, s.cols, 1);
      gelu<T>(x.view(), y.view(), dy.view());
      EXPECT_TRUE(close_rows("value", value, values_of(y.view()), 1, tolerance<T>(kPointwise)));
      // The slope is a sum of two terms that nearly cancel at -0.75.
      EXPECT_TRUE(within("slope", slope, values_of(dy.view()), tolerance<T>(kPointwise), 1));
      gelu_backward<T>(d.view(), dy.view(), dx.view());
      for (Index i = 0; i < s.rows * s.cols; ++i) {
        const Index r = i / s.cols, c = i % s.cols;
        EXPECT_EQ(dx.view()(r, c), d.view()(r, c) * dy.view()(r, c));
      }
      EXPECT_TRUE(y.padding_is_untouched() && dy.padding_is_untouched());
      EXPECT_TRUE(dx.padding_is_untouched());
      Padded<T> in_place = x;
      gelu<T>(in_place.view(), in_place.view(), dy.view());
      EXPECT_TRUE(same_bits("in place", values_of(y.view()), values_of(in_place.view())));
    });
  }
}

TYPED_TEST(Pointwise, CrossEntropyIsTheOracles) {
  using T = TypeParam;
  for (const Extents& s : kExtents) {
    SCOPED_TRACE(testing::Message() << "[" << s.rows << ", " << s.cols << "]");
    const Padded<T> logits = draw<T>(s.rows, s.cols, 3);
    const Random random(4, Purpose::test);
    std::vector<std::int32_t> targets;
    for (Index b = 0; b < s.rows; ++b) {
      targets.push_back(std::int32_t(random.below(std::uint64_t(b), s.cols)));
    }
    oracle::Matrix d_expected;
    const double expected = oracle::cross_entropy(matrix_of(logits.view()), targets, &d_expected);
    for_each_isa([&] {
      Padded<T> losses(1, s.rows), d(s.rows, s.cols, 1);
      const double mean =
          cross_entropy<T>(logits.view(), targets.data(), losses.view().data, d.view());
      // Logits of size 4 join the loss, so roundings of 4 u do.
      EXPECT_NEAR(mean, expected, 4 * tolerance<T>(sum_of(8)));
      EXPECT_TRUE(within("d_logits", d_expected.data, values_of(d.view()), tolerance<T>(sum_of(8)),
                         1.0 / double(s.rows)));
      EXPECT_TRUE(losses.padding_is_untouched() && d.padding_is_untouched());
      EXPECT_EQ(mean, cross_entropy<T>(logits.view(), targets.data(), losses.view().data, {}));
    });
  }
}

/// Lane i mod 32, each lane ascending, lanes folded in halves: the order of every sum along an
/// axis, seen in the mean of the losses.
TYPED_TEST(Pointwise, MeanLossHasTheDocumentedOrder) {
  using T = TypeParam;
  for (Index rows : {1, 31, 32, 33, 64, 100, 597}) {
    const Padded<T> logits = draw<T>(rows, 43, 5);
    const std::vector<std::int32_t> targets(std::size_t(rows), 7);
    for_each_isa([&] {
      std::vector<T> losses(std::size_t(rows), T(NAN));
      const double mean = cross_entropy<T>(logits.view(), targets.data(), losses.data(), {});
      double lanes[32] = {};
      for (std::size_t i = 0; i < losses.size(); ++i) lanes[i % 32] += double(losses[i]);
      for (int half = 16; half > 0; half /= 2) {
        for (int l = 0; l < half; ++l) lanes[l] += lanes[l + half];
      }
      EXPECT_EQ(bits_of(mean), bits_of(lanes[0] / double(rows)));
    });
  }
}

TYPED_TEST(Pointwise, CrossEntropyOfLargeLogitsIsExact) {
  using T = TypeParam;
  Padded<T> logits(3, 4), d(3, 4);
  const T values[3][4] = {{10000, -10000, 0, 0}, {-10000, -10000, -10000, -10000}, {0, 0, 0, 500}};
  for (Index r = 0; r < 3; ++r) std::copy_n(values[r], 4, logits.view().row(r));
  const std::vector<std::int32_t> targets = {1, 2, 3};
  std::vector<T> losses(3);
  const double mean = cross_entropy<T>(logits.view(), targets.data(), losses.data(), d.view());
  EXPECT_EQ(losses[0], T(20000));
  EXPECT_NEAR(double(losses[1]), std::log(4.0), tolerance<T>(kPointwise));
  EXPECT_EQ(losses[2], T(0));
  EXPECT_NEAR(mean, (20000 + std::log(4.0)) / 3, 20000 * tolerance<T>(kPointwise));
  const double third = 1.0 / 3;
  EXPECT_TRUE(
      within("d_logits",
             {third, -third, 0, 0, third / 4, third / 4, -3 * third / 4, third / 4, 0, 0, 0, 0},
             values_of(d.view()), tolerance<T>(kPointwise), 1));
}

/// A divergence must show, not hide.
/// n equal logits, one of them the target: the loss is log n, and every share 1 / n. As floats,
/// n / 32 shares a lane add up roundings of one sign.
TYPED_TEST(Pointwise, CrossEntropyOfManyLogitsIsExact) {
  using T = TypeParam;
  for (const Index n : {Index(1025), Index(1) << 16, Index(1) << 20}) {
    std::vector<T> logits(std::size_t(n), T(0.7)), d(logits.size());
    logits[0] = T(1);
    const double exact = std::log(double(n - 1) * std::exp(double(T(0.7)) - 1) + 1);
    const std::int32_t target = 0;
    for_each_isa([&] {
      T loss = 0;
      cross_entropy<T>({logits.data(), 1, n}, &target, &loss, {d.data(), 1, n});
      EXPECT_NEAR(double(loss), exact, 1e-6);
      const double share = std::exp(double(T(0.7)) - 1 - exact);
      EXPECT_NEAR(double(d[1]), share, 1e-6 * share);
      EXPECT_NEAR(double(d[std::size_t(n) - 1]), share, 1e-6 * share);
    });
  }
}

TYPED_TEST(Pointwise, NanReachesTheLoss) {
  using T = TypeParam;
  for (Index bad : {0, 3, 40}) {
    Padded<T> logits = draw<T>(1, 43, 6);
    logits.view()(0, bad) = std::numeric_limits<T>::quiet_NaN();
    const std::int32_t target = 5;
    T loss = 0;
    for_each_isa([&] {
      EXPECT_TRUE(std::isnan(cross_entropy<T>(logits.view(), &target, &loss, {})))
          << "NaN at " << bad;
    });
  }
}

}  // namespace
}  // namespace libnorm::test
