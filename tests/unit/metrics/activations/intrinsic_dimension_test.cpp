#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "libnorm/core/launch.hpp"
#include "libnorm/metrics/activations/intrinsic_dimension.hpp"
#include "tests/support/rows.hpp"

namespace libnorm::test {
namespace {

using testing::ElementsAre;

TEST(NearestNeighbours, AreThoseOfAllPairs) {
  // Far from 0, and ten heaps of rows that nearly coincide: products alone are off by more than
  // their distances.
  const Index n = 200, c = 5;
  std::vector<double> x = normals(n * c, 13);
  for (Index i = 10 * c; i < n * c; ++i) {
    x[std::size_t(i)] = x[std::size_t(i % (10 * c))] + 1e-9 * x[std::size_t(i)];
  }
  for (double& v : x) v += 1000;
  const auto found = nearest_neighbours(rows_in(x, c), 4);
  ASSERT_EQ(found.rows, n);
  ASSERT_EQ(found.k, 4);
  std::vector<std::vector<double>> rows, expected;
  for (Index r = 0; r < n; ++r) rows.emplace_back(x.begin() + r * c, x.begin() + (r + 1) * c);
  std::sort(rows.begin(), rows.end());
  for (Index i = 0; i < n; ++i) {
    std::vector<double> all;
    for (Index j = 0; j < n; ++j) {
      double sum = 0;
      for (std::size_t k = 0; k < 5; ++k) {
        const double d = rows[std::size_t(i)][k] - rows[std::size_t(j)][k];
        sum += d * d;
      }
      if (i != j) all.push_back(std::sqrt(sum));
    }
    std::sort(all.begin(), all.end());
    for (Index k = 0; k < 4; ++k) {
      EXPECT_DOUBLE_EQ(found.distances[std::size_t(i * 4 + k)], all[std::size_t(k)]);
    }
  }
  with_threads(1,
               [&] { EXPECT_EQ(nearest_neighbours(rows_in(x, c), 4).distances, found.distances); });
}

TEST(NearestNeighbours, AreThoseOfRowsOfAnySizeAndPlace) {
  // Multiples of 1/8, which stay exact when moved by 2^40, or beside a channel that does not vary.
  std::vector<double> x;
  for (Index i = 0; i < 30 * 2; ++i) x.push_back(double((i * i * 7 + 5 * i) % 61 - 30) / 8);
  const auto plain = nearest_neighbours(rows_in(x, 2), 3);
  ASSERT_GT(plain.rows, 20);
  const double d = two_nn_dimension(plain);
  for (const double f : {0x1p-1000, 0x1p-540, 0x1p540, 0x1p950}) {
    std::vector<double> scaled, beside;
    for (std::size_t r = 0; r < 30; ++r) {
      scaled.insert(scaled.end(), {x[2 * r] * f, x[2 * r + 1] * f});
      beside.insert(beside.end(), {0x1p960, x[2 * r] * f, x[2 * r + 1] * f});
    }
    for (const auto& found :
         {nearest_neighbours(rows_in(scaled, 2), 3), nearest_neighbours(rows_in(beside, 3), 3)}) {
      ASSERT_EQ(found.distances.size(), plain.distances.size());
      for (std::size_t i = 0; i < plain.distances.size(); ++i) {
        EXPECT_DOUBLE_EQ(found.distances[i] / f, plain.distances[i]);
      }
      EXPECT_NEAR(two_nn_dimension(found), d, 1e-13);
    }
  }
  std::vector<double> moved = x;
  for (double& v : moved) v += 0x1p40;
  EXPECT_EQ(nearest_neighbours(rows_in(moved, 2), 3).distances, plain.distances);
  // Pairs that nearly coincide, as seen from far away.
  const auto pairs = nearest_neighbours(rows_in({0, 1e-200, 1e100, 2e100}, 1), 2);
  EXPECT_THAT(pairs.distances, ElementsAre(1e-200, 1e100, 1e-200, 1e100, 1e100, 1e100, 1e100,
                                           testing::DoubleEq(2e100)));
  const Neighbours apart = {{5e-324, 1e308, 5e-324, 1e308, 5e-324, 1e308}, 3, 2};
  EXPECT_NEAR(likelihood_dimension(apart, Averaging::inverses),
              1 / (std::log(1e308) - std::log(5e-324)), 1e-18);
}

TEST(IntrinsicDimension, OfDistancesThatAreNoneIsNaN) {
  for (const double bad : {std::nan(""), kInfinity, -1.0}) {
    for (std::size_t place = 0; place < 6; ++place) {
      Neighbours n = {{1, 2, 3, 6, 0.5, 2}, 3, 2};
      n.distances[place] = bad;
      EXPECT_TRUE(std::isnan(two_nn_dimension(n)));
      EXPECT_TRUE(std::isnan(likelihood_dimension(n, Averaging::inverses)));
      EXPECT_TRUE(std::isnan(likelihood_dimension(n, Averaging::estimates)));
    }
  }
  EXPECT_THROW(two_nn_dimension({{1, 2, 3}, 3, 2}), ShapeError);
}

TEST(IntrinsicDimension, IsThatOfTheManifold) {
  // Uniform in a cube of d of 8 channels, turned; 3000 rows.
  for (const Index d : {1, 2, 4}) {
    const Random random(7, Purpose::test, std::uint32_t(20 + d));
    std::vector<double> x;
    for (Index r = 0; r < 3000; ++r) {
      std::vector<double> u;
      for (Index i = 0; i < d; ++i) u.push_back(random.uniform(std::uint64_t(r * d + i)));
      for (Index c = 0; c < 8; ++c) {
        double sum = 0;
        for (Index i = 0; i < d; ++i) sum += u[std::size_t(i)] * ((c * (i + 1)) % 7 < 3 ? 1 : -1);
        x.push_back(sum + (c == d % 8 ? u[0] : 0));
      }
    }
    const auto neighbours = nearest_neighbours(rows_in(x, 8), 20);
    // Standard errors are about d / sqrt n; edges pull the estimates down by a few per cent.
    EXPECT_NEAR(two_nn_dimension(neighbours), double(d), 0.1 * double(d));
    EXPECT_NEAR(likelihood_dimension(neighbours, Averaging::inverses), double(d), 0.1 * double(d));
    EXPECT_NEAR(likelihood_dimension(neighbours, Averaging::estimates), double(d),
                0.15 * double(d));
  }
}

TEST(IntrinsicDimension, IsTheFormula) {
  // Ratios 2, 2, 4, of which the last is of the largest tenth.
  const Neighbours n = {{1, 2, 3, 6, 0.5, 2}, 3, 2};
  const double log2 = std::log(2.0), f1 = -std::log(2.0 / 3), f2 = -std::log(1.0 / 3);
  EXPECT_NEAR(two_nn_dimension(n), (log2 * f1 + log2 * f2) / (2 * log2 * log2), 1e-14);
  EXPECT_NEAR(likelihood_dimension(n, Averaging::estimates), (1 / log2 + 1 / log2 + 0.5 / log2) / 3,
              1e-14);
  EXPECT_NEAR(likelihood_dimension(n, Averaging::inverses), 3 / (4 * log2), 1e-14);
  const Neighbours three = {{1, 2, 8}, 1, 3};
  EXPECT_NEAR(likelihood_dimension(three, Averaging::inverses), 2 / (5 * log2), 1e-14);
}

TEST(IntrinsicDimension, AnswersForDegenerateRows) {
  const auto all_zero = [](const Neighbours& n) {
    EXPECT_EQ(two_nn_dimension(n), 0);
    EXPECT_EQ(likelihood_dimension(n, Averaging::inverses), 0);
    EXPECT_EQ(likelihood_dimension(n, Averaging::estimates), 0);
  };
  const auto same = nearest_neighbours(rows_in(std::vector<double>(20, 0.1), 2), 3);
  EXPECT_EQ(same.rows, 1);
  EXPECT_EQ(same.k, 0);
  all_zero(same);
  all_zero(nearest_neighbours(View(nullptr, 0, 2), 3));
  const auto two = nearest_neighbours(rows_in({0, 0, 3, 4, 0, 0, 3, 4}, 2), 3);
  EXPECT_EQ(two.rows, 2);
  EXPECT_THAT(two.distances, ElementsAre(5, 5));
  all_zero(two);
  // The corners of a square: two nearest at one distance.
  const auto square = nearest_neighbours(rows_in({0, 0, 0, 1, 1, 0, 1, 1}, 2), 2);
  EXPECT_EQ(two_nn_dimension(square), kInfinity);
  EXPECT_EQ(likelihood_dimension(square, Averaging::inverses), kInfinity);
  EXPECT_EQ(likelihood_dimension(square, Averaging::estimates), kInfinity);
  EXPECT_THROW(nearest_neighbours(rows_in({1, 2}, 1), 0), ValueError);
  // Repetitions change nothing.
  const std::vector<double> x = normals(60, 14);
  EXPECT_EQ(nearest_neighbours(rows_in(repeat(x, 1).x, 1), 2).k, 2);
}

}  // namespace
}  // namespace libnorm::test
