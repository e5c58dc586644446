#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "libnorm/core/launch.hpp"
#include "libnorm/metrics/intrinsic_dimension.hpp"
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
