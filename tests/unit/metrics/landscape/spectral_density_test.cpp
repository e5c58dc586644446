#include "libnorm/metrics/landscape/spectral_density.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "libnorm/metrics/landscape/trace.hpp"
#include "tests/unit/metrics/landscape/objective_samples.hpp"

namespace {

using samples::Index;
using samples::MatrixXd;
using samples::operator_of;
using samples::VectorXd;
using testing::HasSubstr;

TEST(SpectralDensity, HasTheFirstMomentOfHutchinsonsTrace) {
  const MatrixXd a = samples::symmetric(150, 0);
  for (const std::uint64_t seed : {0, 5}) {
    const auto density =
        libnorm::spectral_density(operator_of(a), {.probes = 12, .steps = 20, .seed = seed});
    const auto trace = libnorm::hutchinson_trace(operator_of(a), {.products = 12, .seed = seed});
    const auto first = libnorm::moment(density, 1);
    EXPECT_NEAR(first.value, trace.value / 150, 1e-13);
    EXPECT_NEAR(first.standard_error, trace.standard_error / 150, 1e-13);
    EXPECT_EQ(first.samples, 12);
    const auto zeroth = libnorm::moment(density, 0);
    EXPECT_NEAR(zeroth.value, 1, 1e-13);
    EXPECT_EQ(density.products, 12 * 20);
  }
}

TEST(SpectralDensity, HasMomentsWithinTheirStandardErrors) {
  const Index n = 200;
  const MatrixXd a = samples::symmetric(n, 1) / 10;
  double chi = 0;
  int terms = 0;
  MatrixXd power = a;
  std::vector<double> exact = {a.trace() / n};
  for (int order = 2; order <= 6; ++order) {
    power = power * a;
    exact.push_back(power.trace() / n);
  }
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    const auto density =
        libnorm::spectral_density(operator_of(a), {.probes = 20, .steps = 8, .seed = seed});
    for (const int order : {1, 2, 4, 6}) {
      const auto moment = libnorm::moment(density, order);
      chi += std::pow((moment.value - exact[std::size_t(order - 1)]) / moment.standard_error, 2);
      ++terms;
    }
  }
  EXPECT_NEAR(chi / terms, 1.1, 0.6);
}

TEST(SpectralDensity, IsExactFromUnitVectors) {
  const MatrixXd a = samples::symmetric(30, 2);
  const VectorXd exact = samples::eigenvalues(a);
  const auto density = libnorm::spectral_density(operator_of(a), {.probes = 30, .steps = 30});
  EXPECT_TRUE(density.unit_vectors);
  const double width = libnorm::default_width(density);
  EXPECT_NEAR(width, (exact[29] - exact[0]) / 100, 1e-10);
  const auto grid = libnorm::density_grid(density, 101, width);
  EXPECT_NEAR(grid.front(), exact[0] - 5 * width, 1e-10);
  const auto curve = libnorm::density_curve(density, grid, width);
  for (std::size_t i = 0; i < grid.size(); ++i) {
    double plain = 0;
    for (const double value : exact) {
      const double z = (grid[i] - value) / width;
      plain += std::exp(-z * z / 2) / (width * std::sqrt(2 * M_PI) * 30);
    }
    EXPECT_NEAR(curve.density[i], plain, 1e-8);
    EXPECT_EQ(curve.standard_error[i], 0);
  }
  EXPECT_EQ(libnorm::moment(density, 2).standard_error, 0);
  EXPECT_NEAR(libnorm::moment(density, 3).value, (a * a * a).trace() / 30, 1e-11);
}

TEST(SpectralDensity, CurveHasIntegralOneAndTheSharesOfClusters) {
  // A quarter of the eigenvalues near 3, the others near -1.
  VectorXd d(400);
  for (Index i = 0; i < 400; ++i) d[i] = (i % 4 == 0 ? 3 : -1) + 1e-3 * double(i % 11);
  const MatrixXd a = samples::with_eigenvalues(d, 3);
  const auto density = libnorm::spectral_density(operator_of(a), {.probes = 20, .steps = 30});
  EXPECT_FALSE(density.unit_vectors);
  const auto grid = libnorm::density_grid(density, 2001, 0.05);
  const auto curve = libnorm::density_curve(density, grid, 0.05);
  double total = 0, high = 0, error = 0;
  for (std::size_t i = 0; i < grid.size(); ++i) {
    const double part = curve.density[i] * (grid[1] - grid[0]);
    total += part;
    if (grid[i] > 1) high += part;
    if (grid[i] > 1) error += curve.standard_error[i] * (grid[1] - grid[0]);
  }
  EXPECT_NEAR(total, 1, 1e-6);
  EXPECT_GT(error, 0);
  EXPECT_NEAR(high, 0.25, 4 * error);
}

TEST(SpectralDensity, OfOneEigenvalueIsAllInOneNode) {
  for (const double value : {0.0, -2.5}) {
    const libnorm::LinearOperator a("multiple", 50, [value](auto in, auto out) {
      for (std::size_t i = 0; i < in.size(); ++i) out[i] = value * in[i];
    });
    const auto density = libnorm::spectral_density(a, {.probes = 3, .steps = 10});
    for (const auto& probe : density.probes) {
      ASSERT_EQ(probe.nodes.size(), 1u);
      EXPECT_NEAR(probe.nodes[0], value, 1e-14);
      EXPECT_DOUBLE_EQ(probe.weights[0], 1);
    }
    EXPECT_EQ(density.products, 3);
    EXPECT_NEAR(libnorm::default_width(density), value == 0 ? 0.01 : 0.025, 1e-12);
    const auto curve = libnorm::density_curve(density, std::vector<double>{value}, 0.1);
    EXPECT_NEAR(curve.density[0], 1 / (0.1 * std::sqrt(2 * M_PI)), 1e-10);
  }
  const libnorm::LinearOperator one("one", 1, [](auto in, auto out) { out[0] = 4 * in[0]; });
  const auto density = libnorm::spectral_density(one);
  EXPECT_TRUE(density.unit_vectors);
  EXPECT_EQ(libnorm::moment(density, 1).value, 4);
  EXPECT_EQ(libnorm::moment(density, 1).standard_error, 0);
}

TEST(SpectralDensity, DoesNotDependOnScale) {
  const MatrixXd a = samples::symmetric(60, 5);
  const auto density = libnorm::spectral_density(operator_of(a), {.probes = 4, .steps = 12});
  for (const double unit : {0x1p-900, 0x1p900}) {
    const MatrixXd scaled = a * unit;
    const auto same = libnorm::spectral_density(operator_of(scaled), {.probes = 4, .steps = 12});
    for (std::size_t i = 0; i < 12; ++i) {
      EXPECT_NEAR(same.probes[2].nodes[i] / unit, density.probes[2].nodes[i], 1e-11);
      EXPECT_NEAR(same.probes[2].weights[i], density.probes[2].weights[i], 1e-11);
    }
  }
}

TEST(SpectralDensity, OfNoProbesIsRefused) {
  EXPECT_THROW(libnorm::values_of(libnorm::SpectralDensity()), libnorm::ValueError);
  EXPECT_THROW(libnorm::default_width({}), libnorm::ValueError);
  EXPECT_THROW(libnorm::density_grid({}, 5, 1), libnorm::ValueError);
}

TEST(SpectralDensity, RefusesWhatHasNoMeaningAndPrints) {
  const MatrixXd a = samples::symmetric(20, 6);
  const auto op = operator_of(a);
  EXPECT_THROW(libnorm::spectral_density(op, {.probes = 1}), libnorm::ValueError);
  EXPECT_THROW(libnorm::spectral_density(op, {.steps = 0}), libnorm::ValueError);
  const auto density = libnorm::spectral_density(op, {.probes = 5, .steps = 6});
  EXPECT_THROW(libnorm::moment(density, -1), libnorm::ValueError);
  EXPECT_THROW(libnorm::density_curve(density, std::vector<double>{0}, 0), libnorm::ValueError);
  EXPECT_THROW(libnorm::density_grid(density, 1, 0.1), libnorm::ValueError);
  EXPECT_THAT(libnorm::text_of(libnorm::values_of(density)),
              HasSubstr("density_products = 30 products (of matrix [20], random signs)"));
  EXPECT_THAT(libnorm::json_of(libnorm::density_curve(density, std::vector<double>{0, 1}, 0.5)),
              HasSubstr("{\"width\": 0.5, \"at\": [0, 1], \"density\": ["));
}

}  // namespace
