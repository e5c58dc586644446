#include "libnorm/metrics/row_factor.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "libnorm/metrics/spectrum.hpp"
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

void expect_near(const std::vector<double>& have, const std::vector<double>& want, double scale) {
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
  expect_near(factor.singular_values(Centring::none), raw, raw[0]);
  const auto shifted = centred(x, cols, count);
  const auto want = singular_values<double>({shifted.data(), rows, cols}, count.data());
  expect_near(factor.singular_values(Centring::mean), want, raw[0]);
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
      expect_near(merged->singular_values(centring), want, want[0]);
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
              HasSubstr("negative count"));
  EXPECT_THAT(message([&] { factor.merge(RowFactor(2)); }), HasSubstr("another width"));
  EXPECT_THAT(message([&] { RowFactor none(0); }), HasSubstr("no channels"));
  x[4] = std::numeric_limits<double>::infinity();
  EXPECT_THAT(message([&] { factor.add(View(x.data(), 2, 3)); }), HasSubstr("not finite"));
  EXPECT_EQ(factor.rows(), 0);
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
