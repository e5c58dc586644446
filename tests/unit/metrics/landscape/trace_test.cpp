#include "libnorm/metrics/landscape/trace.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "libnorm/core/launch.hpp"
#include "libnorm/metrics/landscape/estimate.hpp"
#include "libnorm/metrics/landscape/objective.hpp"
#include "tests/unit/metrics/landscape/objective_samples.hpp"

namespace {

using libnorm::TraceMethod;
using samples::Index;
using samples::MatrixXd;
using samples::operator_of;
using samples::VectorXd;
using testing::HasSubstr;

TEST(MeanEstimate, IsTheMeanAndItsStandardError) {
  const std::vector<double> x = {1, 2, 3, 6};
  const auto mean = libnorm::mean_estimate(x);
  EXPECT_DOUBLE_EQ(mean.value, 3);
  // Squares 4, 1, 0, 9 over 3, over 4.
  EXPECT_DOUBLE_EQ(mean.standard_error, std::sqrt(14.0 / 12));
  EXPECT_EQ(libnorm::mean_estimate(std::vector<double>{5}).value, 5);
  EXPECT_TRUE(std::isinf(libnorm::mean_estimate(std::vector<double>{5}).standard_error));
  EXPECT_EQ(libnorm::mean_estimate({}).value, 0);
  // Sums that are no doubles, of a mean that is one.
  for (const double top : {1.5e308, 1e160, 1e-160}) {
    const auto large = libnorm::mean_estimate(std::vector<double>{top, top, -top, top});
    EXPECT_NEAR(large.value / top, 0.5, 1e-15);
    EXPECT_NEAR(large.standard_error / top, 0.5, 1e-15);
  }
  for (const double bad : {std::nan(""), std::numeric_limits<double>::infinity()}) {
    const auto none = libnorm::mean_estimate(std::vector<double>{1, bad, 2});
    EXPECT_FALSE(std::isfinite(none.value));
    EXPECT_TRUE(std::isnan(none.standard_error));
  }
}

TEST(RademacherProbes, AreSignsThatDifferFromProbeToProbe) {
  std::vector<double> x(1000), y(1000), again(1000);
  libnorm::rademacher_probe(1, "a", 0, x);
  libnorm::rademacher_probe(1, "a", 1, y);
  libnorm::rademacher_probe(1, "a", 0, again);
  EXPECT_EQ(x, again);
  double sum = 0, both = 0;
  for (std::size_t i = 0; i < 1000; ++i) {
    EXPECT_EQ(std::abs(x[i]), 1);
    sum += x[i];
    both += x[i] * y[i];
  }
  // Five standard deviations of 1000 signs.
  EXPECT_LT(std::abs(sum), 158);
  EXPECT_LT(std::abs(both), 158);
}

TEST(Trace, IsExactWhereTheDimensionIsSmall) {
  const MatrixXd a = samples::symmetric(40, 0);
  for (const auto& trace : {libnorm::hutchinson_trace(operator_of(a), {.products = 40}),
                            libnorm::hutch_plus_plus_trace(operator_of(a), {.products = 60})}) {
    EXPECT_EQ(trace.method, TraceMethod::exact);
    EXPECT_NEAR(trace.value, a.trace(), 1e-13);
    EXPECT_EQ(trace.standard_error, 0);
    EXPECT_EQ(trace.products, 40);
  }
}

TEST(Trace, LiesWithinItsStandardErrorsAndTheseAreRight) {
  const Index n = 120;
  const MatrixXd a = samples::symmetric(n, 1);
  const double off = (a - MatrixXd(a.diagonal().asDiagonal())).squaredNorm();
  double chi_hutchinson = 0, chi_plus = 0, spread = 0;
  const int seeds = 40;
  for (std::uint64_t seed = 0; seed < seeds; ++seed) {
    const auto plain = libnorm::hutchinson_trace(operator_of(a), {.products = 60, .seed = seed});
    const auto plus =
        libnorm::hutch_plus_plus_trace(operator_of(a), {.products = 90, .seed = seed});
    EXPECT_EQ(plain.method, TraceMethod::hutchinson);
    EXPECT_EQ(plus.method, TraceMethod::hutch_plus_plus);
    EXPECT_EQ(plain.products, 60);
    EXPECT_EQ(plus.products, 90);
    EXPECT_EQ(plus.probes, 30);
    chi_hutchinson += std::pow((plain.value - a.trace()) / plain.standard_error, 2) / seeds;
    chi_plus += std::pow((plus.value - a.trace()) / plus.standard_error, 2) / seeds;
    spread += plain.standard_error * plain.standard_error / seeds;
  }
  // Means of 40 squares of about N(0, 1): 1 +- 0.24.
  EXPECT_NEAR(chi_hutchinson, 1, 0.75);
  EXPECT_NEAR(chi_plus, 1, 0.75);
  // The variance of one probe is 2 sum a_ij^2 over i != j.
  EXPECT_NEAR(spread, 2 * off / 60, 0.1 * 2 * off / 60);
}

TEST(HutchPlusPlus, IsExactOfALowRankAndBetterOfAFallingSpectrum) {
  const VectorXd u = samples::normals(200, 1, 2), v = samples::normals(200, 1, 3);
  const MatrixXd low = 3 * u * u.transpose() - v * v.transpose();
  const auto exact = libnorm::hutch_plus_plus_trace(operator_of(low), {.products = 30});
  EXPECT_NEAR(exact.value, low.trace(), 1e-10 * std::abs(low.trace()));
  EXPECT_LT(exact.standard_error, 1e-10 * std::abs(low.trace()));
  // The sketch has rank 2: its other products go to the probes.
  EXPECT_EQ(exact.products, 30);
  EXPECT_EQ(exact.probes, 18);
  VectorXd falling(300);
  for (Index i = 0; i < 300; ++i) falling[i] = std::pow(double(i + 1), -2.0);
  const MatrixXd a = samples::with_eigenvalues(falling, 4);
  const auto plain = libnorm::hutchinson_trace(operator_of(a), {.products = 90});
  const auto plus = libnorm::hutch_plus_plus_trace(operator_of(a), {.products = 90});
  EXPECT_LT(plus.standard_error, plain.standard_error / 20);
  EXPECT_LT(std::abs(plus.value - a.trace()), 5 * plus.standard_error);
}

TEST(Trace, OfSpecialOperatorsIsStated) {
  const libnorm::LinearOperator zero("zero", 500, [](auto, auto out) {
    for (double& x : out) x = 0;
  });
  for (const auto& trace :
       {libnorm::hutchinson_trace(zero), libnorm::hutch_plus_plus_trace(zero)}) {
    EXPECT_EQ(trace.value, 0);
    EXPECT_EQ(trace.standard_error, 0);
  }
  const libnorm::LinearOperator diagonal("diagonal", 500, [](auto in, auto out) {
    for (std::size_t i = 0; i < in.size(); ++i) out[i] = double(i % 7) * in[i];
  });
  double exact = 0;
  for (int i = 0; i < 500; ++i) exact += i % 7;
  // z_i^2 = 1: signs are exact of a diagonal.
  const auto trace = libnorm::hutchinson_trace(diagonal, {.products = 2});
  EXPECT_EQ(trace.value, exact);
  EXPECT_EQ(trace.standard_error, 0);
  EXPECT_THROW(libnorm::hutchinson_trace(zero, {.products = 1}), libnorm::ValueError);
  EXPECT_THROW(libnorm::hutch_plus_plus_trace(zero, {.products = 5}), libnorm::ValueError);
}

TEST(Trace, HasTheSameBitsAtAnyNumberOfThreadsAndOnAnyInstructionSet) {
  const MatrixXd a = samples::symmetric(300, 6);
  const auto active = libnorm::active_isa();
  std::vector<double> values;
  for (const libnorm::Isa isa : libnorm::available_isas()) {
    libnorm::set_active_isa(isa);
    for (const int threads : {1, 3}) {
      libnorm::with_threads(threads, [&] {
        const auto trace = libnorm::hutch_plus_plus_trace(operator_of(a), {.products = 30});
        values.push_back(trace.value);
        EXPECT_EQ(trace.value, values.front());
      });
    }
  }
  libnorm::set_active_isa(active);
}

TEST(Trace, PrintsItsCertificate) {
  const MatrixXd a = samples::symmetric(40, 0);
  const auto values =
      libnorm::values_of(libnorm::hutchinson_trace(operator_of(a), {.products = 9}));
  EXPECT_THAT(libnorm::text_of(values), HasSubstr("(of matrix [40], hutchinson)"));
  EXPECT_THAT(libnorm::json_of(values), HasSubstr("\"trace_standard_error\""));
}

}  // namespace
