#include "libnorm/metrics/landscape/slice.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

namespace {

using libnorm::Index;
using libnorm::Purpose;
using libnorm::Random;
using libnorm::Walk;

double norm(const double* x, Index n) {
  double total = 0;
  for (Index i = 0; i < n; ++i) total += x[i] * x[i];
  return std::sqrt(total);
}

libnorm::ParameterList three_parameters() {
  libnorm::ParameterList parameters;
  parameters.add("first", 4, 3, libnorm::Initial::normal);
  parameters.add("bias", 1, 5, libnorm::Initial::normal);
  parameters.add("second", 2, 37, libnorm::Initial::normal);
  return parameters;
}

TEST(EvenGrid, HasBothEndsAndEqualSteps) {
  const auto grid = libnorm::even_grid(-0.5, 0.5, 41);
  ASSERT_EQ(grid.size(), 41u);
  EXPECT_EQ(grid.front(), -0.5);
  EXPECT_EQ(grid.back(), 0.5);
  EXPECT_EQ(grid[20], 0);
  for (std::size_t i = 1; i < grid.size(); ++i) EXPECT_NEAR(grid[i] - grid[i - 1], 0.025, 1e-15);
  EXPECT_THROW(libnorm::even_grid(0, 1, 1), libnorm::ValueError);
  EXPECT_THROW(libnorm::even_grid(1, 1, 5), libnorm::ValueError);
  // Points between would be NaN or infinite.
  const double infinity = std::numeric_limits<double>::infinity(), nan = std::nan("");
  EXPECT_THROW(libnorm::even_grid(-infinity, 1, 5), libnorm::ValueError);
  EXPECT_THROW(libnorm::even_grid(0, infinity, 5), libnorm::ValueError);
  EXPECT_THROW(libnorm::even_grid(-1e308, 1e308, 5), libnorm::ValueError);
  EXPECT_THROW(libnorm::even_grid(nan, 1, 5), libnorm::ValueError);
}

TEST(UnitDirection, HasNormOneOverAllAndTheDrawsDirection) {
  const Random random(3, Purpose::direction, 0);
  const auto d = libnorm::unit_direction<double>(random, 1000);
  EXPECT_NEAR(norm(d.data(), 1000), 1, 1e-14);
  const double ratio = d[0] / random.normal(0);
  for (std::size_t i = 0; i < d.size(); ++i) EXPECT_NEAR(d[i], ratio * random.normal(i), 1e-15);
  EXPECT_NE(d, libnorm::unit_direction<double>(Random(3, Purpose::direction, 1), 1000));
}

TEST(FilterNormalizedDirection, HasTheFiltersNormsAndNoVectors) {
  const auto parameters = three_parameters();
  std::vector<double> weights(std::size_t(parameters.size()));
  parameters.draw(5, weights.data());
  const auto d = libnorm::filter_normalized_direction<double>(Random(3, Purpose::direction, 1),
                                                              parameters, weights);
  for (const auto& p : parameters.all()) {
    for (Index r = 0; r < p.rows; ++r) {
      const Index at = p.offset + r * p.cols;
      const double expected = p.name == "bias" ? 0 : norm(weights.data() + at, p.cols);
      EXPECT_NEAR(norm(d.data() + at, p.cols), expected, 1e-13) << p.name << " row " << r;
    }
  }
  // Rescaling one filter rescales its part of the direction alone: the slice stays as it is.
  auto scaled = weights;
  for (Index i = 0; i < 3; ++i) scaled[std::size_t(i)] *= 8;
  const auto e = libnorm::filter_normalized_direction<double>(Random(3, Purpose::direction, 1),
                                                              parameters, scaled);
  for (std::size_t i = 0; i < d.size(); ++i) EXPECT_NEAR(e[i], (i < 3 ? 8 : 1) * d[i], 1e-13);
}

TEST(SliceLoss, RestoresAtEachPointOrWalksOn) {
  std::vector<double> weights = {1, 2};
  const std::vector<double> before = weights, direction = {0.5, -1};
  const auto alpha = libnorm::even_grid(-1, 1, 5);
  const auto loss = [&] { return weights[0] * 10 + weights[1]; };
  const auto slice = libnorm::slice_loss(weights, direction, alpha, Walk::restored, loss);
  EXPECT_EQ(weights, before);
  const auto walk = libnorm::slice_loss(weights, direction, alpha, Walk::accumulated, loss);
  EXPECT_EQ(weights, before);
  // Along the line the loss is 12 + 4 alpha; the walk stands at the sum of the alphas so far.
  double sum = 0;
  for (std::size_t i = 0; i < alpha.size(); ++i) {
    sum += alpha[i];
    EXPECT_DOUBLE_EQ(slice.loss[i], 12 + 4 * alpha[i]);
    EXPECT_DOUBLE_EQ(walk.loss[i], 12 + 4 * sum);
  }
  EXPECT_DOUBLE_EQ(walk.loss[2], 12 + 4 * -1.5);
  EXPECT_DOUBLE_EQ(walk.loss[4], 12);
  EXPECT_THROW(libnorm::slice_loss(weights, {1.0}, alpha, Walk::restored, loss),
               libnorm::ShapeError);
}

TEST(SliceLoss, TheNotebooksWalkReachesMinusFivePointOneThree) {
  // 40 points over [-0.5, 0.5]: the sum of the alphas goes down to -5.128 and back to 0.
  std::vector<double> weights = {0};
  double lowest = 0;
  const auto walk = libnorm::slice_loss(weights, {1.0}, libnorm::even_grid(-0.5, 0.5, 40),
                                        Walk::accumulated, [&] {
                                          lowest = std::min(lowest, weights[0]);
                                          return weights[0];
                                        });
  EXPECT_NEAR(lowest, -5.13, 0.005);
  EXPECT_NEAR(walk.loss.back(), 0, 1e-14);
}

}  // namespace
