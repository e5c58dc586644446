#include "libnorm/metrics/landscape/lanczos.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "libnorm/core/launch.hpp"
#include "libnorm/metrics/landscape/objective.hpp"
#include "tests/support/rows.hpp"
#include "tests/unit/metrics/landscape/objective_samples.hpp"

namespace {

using libnorm::Eigenvalues;
using libnorm::End;
using libnorm::extreme_eigenvalues;
using libnorm::LanczosOptions;
using libnorm::LinearOperator;
using libnorm::test::message;
using samples::Index;
using samples::MatrixXd;
using samples::operator_of;
using samples::span_of;
using samples::VectorXd;
using testing::HasSubstr;

LinearOperator diagonal(std::vector<double> d) {
  const Index n = Index(d.size());
  return {"diagonal", n, [d = std::move(d)](auto in, auto out) {
            for (std::size_t i = 0; i < d.size(); ++i) out[i] = d[i] * in[i];
          }};
}

TEST(Lanczos, KnowsOneEndFromTheOther) {
  const LinearOperator a = diagonal({3, 2, 1, -5});
  EXPECT_NEAR(extreme_eigenvalues(a, End::largest).values.at(0), 3, 1e-13);
  EXPECT_NEAR(extreme_eigenvalues(a, End::smallest).values.at(0), -5, 1e-13);
  EXPECT_NEAR(extreme_eigenvalues(a, End::largest_magnitude).values.at(0), -5, 1e-13);
  const LinearOperator b = diagonal({5, 2, 1, -3});
  EXPECT_NEAR(extreme_eigenvalues(b, End::largest_magnitude).values.at(0), 5, 1e-13);
  EXPECT_NEAR(extreme_eigenvalues(b, End::smallest).values.at(0), -3, 1e-13);
}

TEST(Lanczos, AgreesWithADenseSolverFromEachEndWithAndWithoutRestarts) {
  for (const Index n : {2, 5, 37, 150, 400}) {
    const MatrixXd a = samples::symmetric(n, std::uint32_t(n));
    const VectorXd exact = samples::eigenvalues(a);
    const LinearOperator op = operator_of(a);
    for (const Index basis : {Index(0), Index(16)}) {
      const LanczosOptions options{.count = 5, .basis = basis, .products = 4000};
      const auto top = extreme_eigenvalues(op, End::largest, options);
      const auto bottom = extreme_eigenvalues(op, End::smallest, options);
      const Index count = std::min<Index>(5, n);
      ASSERT_EQ(Index(top.values.size()), count);
      EXPECT_TRUE(top.converged && bottom.converged) << n << " " << basis;
      EXPECT_EQ(top.restarts > 0, n > 16 && (basis == 16 || n > 90)) << n << " " << basis;
      const double unit = exact.cwiseAbs().maxCoeff();
      for (Index i = 0; i < count; ++i) {
        EXPECT_NEAR(top.values[std::size_t(i)], exact[n - 1 - i], 1e-8 * unit) << n << " " << i;
        EXPECT_NEAR(bottom.values[std::size_t(i)], exact[i], 1e-8 * unit) << n << " " << i;
        EXPECT_LE(top.residuals[std::size_t(i)], 1e-8 * top.norm);
      }
    }
  }
}

TEST(Lanczos, OrdersByMagnitudeFromBothEnds) {
  VectorXd d = VectorXd::LinSpaced(200, -0.5, 0.5);
  d[3] = -9;
  d[10] = 8;
  d[20] = -7;
  d[77] = 6;
  const MatrixXd a = samples::with_eigenvalues(d, 0);
  const auto found = extreme_eigenvalues(operator_of(a), End::largest_magnitude,
                                         {.count = 4, .basis = 20, .products = 500});
  ASSERT_TRUE(found.converged);
  const double expected[] = {-9, 8, -7, 6};
  for (std::size_t i = 0; i < 4; ++i) EXPECT_NEAR(found.values[i], expected[i], 1e-7);
}

TEST(Lanczos, CountsMultiplicity) {
  std::vector<double> d;
  for (int i = 0; i < 500; ++i) d.push_back(std::cos(double(i)));
  d[7] = d[100] = d[431] = 4;
  d[9] = d[10] = 3;
  for (const Index basis : {0, 12}) {
    const auto found = extreme_eigenvalues(diagonal(d), End::largest, {.count = 5, .basis = basis});
    ASSERT_TRUE(found.converged) << basis;
    const double expected[] = {4, 4, 4, 3, 3};
    for (std::size_t i = 0; i < 5; ++i) EXPECT_NEAR(found.values[i], expected[i], 1e-8) << basis;
  }
  const auto two = extreme_eigenvalues(diagonal(d), End::largest, {.count = 2});
  EXPECT_NEAR(two.values[1], 4, 1e-8);
}

TEST(Lanczos, HasAnAnswerWhereKrylovSpacesEnd) {
  const auto zero = extreme_eigenvalues(diagonal(std::vector<double>(300, 0.0)), End::largest);
  EXPECT_EQ(zero.values.at(0), 0);
  EXPECT_EQ(zero.residuals.at(0), 0);
  EXPECT_EQ(zero.products, 2);
  EXPECT_TRUE(zero.converged);
  const auto several =
      extreme_eigenvalues(diagonal(std::vector<double>(300, -2.0)), End::smallest, {.count = 4});
  EXPECT_TRUE(several.converged);
  for (const double value : several.values) EXPECT_NEAR(value, -2, 1e-14);
  EXPECT_LT(several.products, 12);
  const auto one = extreme_eigenvalues(diagonal({-3.5}), End::largest, {.count = 4});
  EXPECT_EQ(one.values, std::vector<double>{-3.5});
  EXPECT_TRUE(one.converged);
  // Rank one among 400: two distinct eigenvalues, one of them 399 times.
  const VectorXd u = samples::normals(400, 1, 5).normalized();
  const MatrixXd rank_one = 2 * u * u.transpose();
  const auto found = extreme_eigenvalues(operator_of(rank_one), End::largest, {.count = 3});
  EXPECT_NEAR(found.values[0], 2, 1e-12);
  EXPECT_NEAR(found.values[1], 0, 1e-12);
  EXPECT_NEAR(found.values[2], 0, 1e-12);
  EXPECT_TRUE(found.converged);
  const auto all = extreme_eigenvalues(diagonal({1, 1, 1, 2}), End::smallest, {.count = 9});
  ASSERT_EQ(all.values.size(), 4u);
  const double expected[] = {1, 1, 1, 2};
  for (std::size_t i = 0; i < 4; ++i) EXPECT_NEAR(all.values[i], expected[i], 1e-14);
}

TEST(Lanczos, DoesNotDependOnScale) {
  for (const double unit : {1e-290, 1e-150, 1e150, 1e290}) {
    const auto found = extreme_eigenvalues(diagonal({3 * unit, 2 * unit, unit, -5 * unit}),
                                           End::largest, {.count = 2});
    EXPECT_NEAR(found.values[0] / unit, 3, 1e-12) << unit;
    EXPECT_NEAR(found.values[1] / unit, 2, 1e-12) << unit;
    EXPECT_TRUE(found.converged) << unit;
  }
}

TEST(Lanczos, ReturnsEigenvectorsThatAreItsResiduals) {
  const MatrixXd a = samples::symmetric(120, 3);
  const auto found = extreme_eigenvalues(operator_of(a), End::largest,
                                         {.count = 3, .vectors = libnorm::Eigenvectors::kept});
  ASSERT_EQ(found.vectors.size(), 3u * 120u);
  MatrixXd v(120, 3);
  for (Index i = 0; i < 3; ++i) {
    v.col(i) = samples::seen({found.vectors.data() + i * 120, 120});
    const VectorXd r = a * v.col(i) - found.values[std::size_t(i)] * v.col(i);
    EXPECT_NEAR(r.norm(), found.residuals[std::size_t(i)], 1e-13);
  }
  EXPECT_LT((v.transpose() * v - MatrixXd::Identity(3, 3)).norm(), 1e-8);
  EXPECT_TRUE(extreme_eigenvalues(operator_of(a), End::largest).vectors.empty());
}

TEST(Lanczos, SaysWhenItHasNotConverged) {
  const MatrixXd a = samples::symmetric(300, 4);
  const auto found = extreme_eigenvalues(operator_of(a), End::largest, {.products = 10});
  EXPECT_FALSE(found.converged);
  EXPECT_EQ(found.products, 11);
  EXPECT_GT(found.residuals.at(0), found.tolerance * found.norm);
  // A residual is a bound, converged or not: some eigenvalue lies that near.
  const VectorXd exact = samples::eigenvalues(a);
  EXPECT_LE((exact.array() - found.values[0]).abs().minCoeff(), found.residuals[0]);
  const auto few = extreme_eigenvalues(operator_of(a), End::largest, {.count = 8, .products = 3});
  EXPECT_EQ(few.values.size(), 3u);
  EXPECT_FALSE(few.converged);
}

TEST(Lanczos, ResidualsShowAnOperatorThatIsNotSymmetric) {
  const LinearOperator skewed("skewed", 2, [](auto in, auto out) {
    out[0] = in[0] + 0.5 * in[1];
    out[1] = in[1];
  });
  EXPECT_FALSE(extreme_eigenvalues(skewed, End::largest).converged);
}

TEST(Lanczos, FindsLambdaMaxOfKnownHessiansToAMillionth) {
  const samples::LeastSquares squares{samples::normals(60, 30, 0), samples::normals(60, 1, 1)};
  const VectorXd w = samples::normals(30, 1, 2);
  const auto found = extreme_eigenvalues(libnorm::hessian(squares, span_of(w)), End::largest);
  const double exact = samples::eigenvalues(squares.dense())[29];
  EXPECT_NEAR(found.values[0], exact, 1e-10 * exact);
  samples::Logistic logistic{squares.x, VectorXd::Zero(60)};
  const VectorXd p = samples::eigenvalues(logistic.dense(span_of(w)));
  const LinearOperator differenced = libnorm::hessian(logistic, span_of(w));
  EXPECT_NEAR(extreme_eigenvalues(differenced, End::largest).values[0], p[29], 1e-6 * p[29]);
  EXPECT_NEAR(extreme_eigenvalues(differenced, End::smallest).values[0], p[0], 1e-6 * p[29]);
}

TEST(Lanczos, HasTheSameValuesAtAnyNumberOfThreads) {
  const MatrixXd a = samples::symmetric(700, 6);
  std::vector<Eigenvalues> found;
  for (const int threads : {1, 2, 5}) {
    libnorm::with_threads(threads, [&] {
      found.push_back(
          extreme_eigenvalues(operator_of(a), End::smallest, {.count = 2, .basis = 30}));
    });
  }
  EXPECT_EQ(found[0].values, found[1].values);
  EXPECT_EQ(found[0].residuals, found[1].residuals);
  EXPECT_EQ(found[0].values, found[2].values);
  EXPECT_EQ(found[0].products, found[2].products);
}

TEST(Lanczos, RefusesOptionsOutsideTheirDomain) {
  const LinearOperator a = diagonal({1, 2, 3, 4, 5});
  for (const LanczosOptions& wrong :
       {LanczosOptions{.count = 0}, LanczosOptions{.tolerance = 0}, LanczosOptions{.tolerance = 1},
        LanczosOptions{.products = 0}, LanczosOptions{.basis = -1},
        LanczosOptions{.count = 2, .basis = 2}}) {
    EXPECT_THROW(extreme_eigenvalues(a, End::largest, wrong), libnorm::ValueError);
  }
}

TEST(Lanczos, PrintsItsEndAndItsCertificate) {
  const auto found = extreme_eigenvalues(diagonal({3, 2, 1, -5}), End::smallest);
  const std::string text = libnorm::text_of(libnorm::values_of(found));
  EXPECT_THAT(text, HasSubstr("smallest_eigenvalue = -5 (of diagonal [4])"));
  EXPECT_THAT(text, HasSubstr("smallest_eigenvalue_residual = "));
  EXPECT_THAT(text, HasSubstr("smallest_eigenvalue_products = 5 products"));
  EXPECT_THAT(text, HasSubstr("smallest_eigenvalue_converged = 1"));
  const auto two = extreme_eigenvalues(diagonal({3, 2, 1, -5}), End::largest, {.count = 2});
  EXPECT_THAT(libnorm::json_of(libnorm::values_of(two)), HasSubstr("\"largest_eigenvalue_2\""));
}

TEST(Tridiagonalize, HasTheMomentsOfTheStartVector) {
  // m steps reproduce e^T A^k e for k < 2m.
  const MatrixXd a = samples::symmetric(50, 8);
  const VectorXd start = samples::normals(50, 1, 9);
  const auto t = libnorm::tridiagonalize(operator_of(a), span_of(start), 4);
  ASSERT_EQ(t.diagonal.size(), 4u);
  ASSERT_EQ(t.beside.size(), 3u);
  MatrixXd m = MatrixXd::Zero(4, 4);
  for (Index i = 0; i < 4; ++i) {
    m(i, i) = t.diagonal[std::size_t(i)];
    if (i > 0) m(i, i - 1) = m(i - 1, i) = t.beside[std::size_t(i - 1)];
  }
  VectorXd long_power = start.normalized(), short_power = VectorXd::Unit(4, 0);
  for (int k = 1; k < 8; ++k) {
    long_power = a * long_power;
    short_power = m * short_power;
    const double exact = start.normalized().dot(long_power);
    EXPECT_NEAR(short_power[0], exact, 1e-12 * long_power.norm()) << k;
  }
  EXPECT_THROW(libnorm::tridiagonalize(operator_of(a), span_of(start), 0), libnorm::ValueError);
  const VectorXd zero = VectorXd::Zero(50);
  EXPECT_THROW(libnorm::tridiagonalize(operator_of(a), span_of(zero), 3), libnorm::ValueError);
  for (const double bad : {std::nan(""), std::numeric_limits<double>::infinity()}) {
    VectorXd strange = start;
    strange[7] = bad;
    EXPECT_THAT(message([&] { libnorm::tridiagonalize(operator_of(a), span_of(strange), 3); }),
                HasSubstr("no start"));
  }
}

TEST(Tridiagonalize, StopsWhereTheSpaceEnds) {
  const std::vector<double> start = {1, 1, 0, 0};
  const auto t = libnorm::tridiagonalize(diagonal({3, 2, 1, -5}), start, 4);
  EXPECT_EQ(t.diagonal.size(), 2u);
  EXPECT_NEAR(t.diagonal[0], 2.5, 1e-14);
  EXPECT_NEAR(t.beside[0], 0.5, 1e-14);
  EXPECT_NEAR(t.diagonal[1], 2.5, 1e-14);
  EXPECT_EQ(t.products, 2);
}

}  // namespace
