#include "libnorm/metrics/activations/row_factor.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "libnorm/metrics/activations/spectrum.hpp"
#include "tests/support/rows.hpp"

namespace libnorm::test {
namespace {

using testing::HasSubstr;

/// Rows less their mean, written out.
std::vector<double> centred(std::vector<double> x, Index cols, const std::vector<float>& count) {
  for (Index c = 0; c < cols; ++c) {
    double sum = 0, total = 0;
    for (std::size_t r = 0; r < count.size(); ++r) {
      sum += double(count[r]) * x[r * std::size_t(cols) + std::size_t(c)];
      total += double(count[r]);
    }
    for (std::size_t r = 0; r < count.size(); ++r) {
      x[r * std::size_t(cols) + std::size_t(c)] -= sum / total;
    }
  }
  return x;
}

void expect_rounded(const std::vector<double>& have, const std::vector<double>& want,
                    double scale) {
  ASSERT_EQ(have.size(), want.size());
  // Each of some hundred Householder steps rounds once, 1.1e-16 of the largest.
  for (std::size_t i = 0; i < want.size(); ++i) EXPECT_NEAR(have[i], want[i], 1e-13 * scale) << i;
}

TEST(RowFactor, HasTheSpectrumOfTheWholeMatrix) {
  // Rows beyond one stretch, counts of 0 to 3, and a mean that is far from 0.
  const Index rows = 2500, cols = 7;
  auto x = normals(rows * cols, 1);
  std::vector<float> count;
  for (Index r = 0; r < rows; ++r) {
    count.push_back(float(r % 4));
    for (Index c = 0; c < cols; ++c) x[std::size_t(r * cols + c)] += double(c);
  }
  RowFactor factor(cols);
  factor.add(View(x.data(), rows, cols), count.data());
  EXPECT_EQ(factor.rows(), 1.5 * rows);
  const auto raw = singular_values<double>({x.data(), rows, cols}, count.data());
  expect_rounded(factor.singular_values(Centring::none), raw, raw[0]);
  const auto shifted = centred(x, cols, count);
  const auto want = singular_values<double>({shifted.data(), rows, cols}, count.data());
  expect_rounded(factor.singular_values(Centring::mean), want, raw[0]);
}

TEST(RowFactor, IsTheSameInPieces) {
  const Index rows = 300, cols = 5;
  const auto x = normals(rows * cols, 2);
  RowFactor whole(cols), left(cols), right(cols), empty(cols);
  whole.add(View(x.data(), rows, cols));
  left.add(View(x.data(), 1, cols));
  left.add(View(x.data() + cols, 120, cols));
  right.add(View(x.data() + 121 * cols, rows - 121, cols));
  left.merge(right);
  left.merge(empty);
  empty.merge(left);
  for (const RowFactor* merged : {&left, &empty}) {
    EXPECT_EQ(merged->rows(), double(rows));
    for (const Centring centring : {Centring::none, Centring::mean}) {
      const auto want = whole.singular_values(centring);
      expect_rounded(merged->singular_values(centring), want, want[0]);
    }
    for (std::size_t c = 0; c < std::size_t(cols); ++c) {
      EXPECT_NEAR(merged->mean()[c], whole.mean()[c], 1e-15);
    }
  }
}

TEST(RowFactor, KeepsSmallSpreadBesideALargeMean) {
  // +-1e-5 around 1e4: in X^T X - n m m^T nothing would be left of it.
  std::vector<double> x;
  for (int r = 0; r < 64; ++r) {
    x.push_back(1e4 + (r % 2 == 0 ? 1e-5 : -1e-5));
    x.push_back(1e4);
  }
  RowFactor factor(2);
  factor.add(View(x.data(), 64, 2));
  const auto s = factor.singular_values(Centring::mean);
  // The inputs themselves are rounded by 1e-12.
  EXPECT_NEAR(s[0], 8e-5, 1e-10);
  EXPECT_NEAR(s[1], 0, 1e-10);
}

TEST(RowFactor, AnswersForDegenerateRows) {
  const std::vector<double> zero(4 * 3, 0.0), constant(4 * 3, 2.0), one = {3, 0, 4};
  RowFactor zeros(3), same(3), single(3);
  zeros.add(View(zero.data(), 4, 3));
  EXPECT_THAT(zeros.singular_values(Centring::none), testing::ElementsAre(0, 0, 0));
  same.add(View(constant.data(), 4, 3));
  EXPECT_NEAR(same.singular_values(Centring::none)[0], std::sqrt(48.0), 1e-14);
  EXPECT_NEAR(same.singular_values(Centring::mean)[0], 0, 1e-14);
  single.add(View(one.data(), 1, 3));
  const auto s = single.singular_values(Centring::none);
  ASSERT_EQ(s.size(), 1u);
  EXPECT_NEAR(s[0], 5, 1e-15);
}

TEST(RowFactor, RefusesWhatHasNoSpectrum) {
  std::vector<double> x(6, 1.0);
  const std::vector<float> negative = {1, -1};
  RowFactor factor(3);
  EXPECT_THAT(message([&] { (void)factor.singular_values(Centring::none); }), HasSubstr("no rows"));
  EXPECT_THAT(message([&] { factor.add(View(x.data(), 3, 2)); }), HasSubstr("another width"));
  EXPECT_THAT(message([&] { factor.add(View(x.data(), 2, 3), negative.data()); }),
              HasSubstr("row 1 has a count that is negative"));
  EXPECT_THAT(message([&] { factor.merge(RowFactor(2)); }), HasSubstr("another width"));
  EXPECT_THAT(message([&] { RowFactor none(0); }), HasSubstr("no channels"));
  x[4] = std::numeric_limits<double>::infinity();
  EXPECT_THAT(message([&] { factor.add(View(x.data(), 2, 3)); }), HasSubstr("not finite"));
  EXPECT_EQ(factor.rows(), 0);
}

TEST(RowFactor, TakesNumbersOfAnySize) {
  // Columns at right angles, of length 5 f each, in pieces, after zeros.
  for (const double f : {1e-320, 1e-300, 1e-160, 1.0, 1e160, 1e289}) {
    const std::vector<double> x = {3 * f, 0, 4 * f, 0, 0, 5 * f}, zero(4, 0.0);
    RowFactor factor(2), pieces(2), empty(2);
    factor.add(View(x.data(), 3, 2));
    pieces.add(View(zero.data(), 2, 2));
    pieces.add(View(x.data(), 1, 2));
    empty.add(View(x.data() + 2, 2, 2));
    pieces.merge(empty);
    for (const RowFactor* each : {&factor, &pieces}) {
      for (const double s : each->singular_values(Centring::none)) {
        EXPECT_NEAR(s / f, 5, f < 1e-310 ? 5e-4 : 1e-14) << f;
      }
    }
    EXPECT_NEAR(factor.mean()[1] / f, 5.0 / 3, f < 1e-310 ? 5e-4 : 1e-15);
  }
  // Small rows first, large ones after, and the other way round: the small ones are as good as 0.
  for (const double first : {1e-200, 1e200}) {
    const std::vector<double> a = {3 * first, 0, 0, 4 * first}, b = {3 / first, 0, 0, 4 / first};
    RowFactor factor(2);
    factor.add(View(a.data(), 2, 2));
    factor.add(View(b.data(), 2, 2));
    const auto s = factor.singular_values(Centring::none);
    EXPECT_NEAR(s[0] / 1e200, 4, 1e-14);
    EXPECT_NEAR(s[1] / 1e200, 3, 1e-14);
  }
  std::vector<double> beyond = {1e291, 0};
  RowFactor factor(2);
  EXPECT_THAT(message([&] { factor.add(View(beyond.data(), 1, 2)); }), HasSubstr("beyond 1e290"));
}

TEST(RowFactor, KnowsTheRankOfFewRows) {
  const auto x = normals(8 * 20, 3);
  RowFactor factor(20), counted(20), one(20);
  const std::vector<float> thousand(8, 1000.0f);
  factor.add(View(x.data(), 8, 20));
  counted.add(View(x.data(), 8, 20), thousand.data());
  const auto raw = factor.singular_values(Centring::none);
  const auto centred = factor.singular_values(Centring::mean);
  ASSERT_EQ(raw.size(), 8u);
  ASSERT_EQ(centred.size(), 8u);
  EXPECT_GT(raw[7], 0.1);
  EXPECT_GT(centred[6], 0.1);
  EXPECT_EQ(centred[7], 0);
  // Rows that count more than once are no more directions.
  const auto many = counted.singular_values(Centring::mean);
  ASSERT_EQ(many.size(), 20u);
  for (std::size_t i = 0; i < 20; ++i) {
    EXPECT_NEAR(many[i], i < 7 ? centred[i] * std::sqrt(1000.0) : 0, 1e-12);
    if (i >= 7) {
      EXPECT_EQ(many[i], 0);
    }
  }
  one.add(View(x.data(), 1, 20));
  EXPECT_THAT(one.singular_values(Centring::mean), testing::ElementsAre(0));
  // Halves lose no row.
  const std::vector<float> half = {0.25f, 0.25f};
  RowFactor halves(20);
  halves.add(View(x.data(), 2, 20), half.data());
  EXPECT_EQ(halves.singular_values(Centring::none).size(), 2u);
}

TEST(RowFactor, OfFewerRowsThanChannelsIsNeverASquare) {
  // 2 rows of 2^17 channels: a square would take 137 GB. Then more rows than channels, a few at a
  // time, are what they are at once.
  const Index wide = Index(1) << 17;
  std::vector<double> x(std::size_t(2 * wide), 0.0);
  x[5] = 3;
  x[std::size_t(wide + 70000)] = 4;
  RowFactor factor(wide);
  factor.add(View(x.data(), 1, wide));
  factor.add(View(x.data() + wide, 1, wide));
  const auto s = factor.singular_values(Centring::none);
  EXPECT_NEAR(s[0], 4, 1e-14);
  EXPECT_NEAR(s[1], 3, 1e-14);
  // About (1.5, 2): +-(1.5, -2), twice.
  const auto centred = factor.singular_values(Centring::mean);
  EXPECT_NEAR(centred[0], std::sqrt(12.5), 1e-14);
  EXPECT_EQ(centred[1], 0);

  const auto y = normals(30 * 11, 4);
  RowFactor whole(11), few(11);
  whole.add(View(y.data(), 30, 11));
  for (Index r = 0; r < 30; r += 3) few.add(View(y.data() + r * 11, 3, 11));
  for (const Centring centring : {Centring::none, Centring::mean}) {
    const auto want = whole.singular_values(centring);
    expect_rounded(few.singular_values(centring), want, want[0]);
  }
}

TEST(RowFactor, OfAConstantChannelIsExact) {
  // 0.1 added up has another mean.
  const auto x = normals(3000, 6);
  std::vector<double> rows;
  for (const double v : x) rows.insert(rows.end(), {v, 0.1});
  RowFactor factor(2);
  factor.add(View(rows.data(), 3000, 2));
  EXPECT_EQ(factor.mean()[1], 0.1);
  EXPECT_EQ(factor.singular_values(Centring::mean)[1], 0);
}

TEST(DecayExponent, IsThatOfAPowerLaw) {
  std::vector<double> s;
  for (int i = 1; i <= 50; ++i) s.push_back(3 * std::pow(double(i), -0.6));
  EXPECT_NEAR(decay_exponent(s), 1.2, 1e-13);
  // What is rounding of the largest is passed over.
  s.push_back(1e-9);
  EXPECT_NEAR(decay_exponent(s), 1.2, 1e-13);
  EXPECT_EQ(decay_exponent(std::vector<double>{2, 2, 2}), 0);
  EXPECT_EQ(decay_exponent(std::vector<double>{2, 0, 0}), 0);
  EXPECT_EQ(decay_exponent(std::vector<double>{0, 0}), 0);
  EXPECT_EQ(decay_exponent({}), 0);
}

}  // namespace
}  // namespace libnorm::test
