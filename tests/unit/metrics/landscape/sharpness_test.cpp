#include "libnorm/metrics/landscape/sharpness.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "tests/support/rows.hpp"
#include "tests/unit/metrics/landscape/objective_samples.hpp"

namespace {

using libnorm::Ball;
using libnorm::IndexRange;
using libnorm::test::message;
using samples::Index;
using samples::MatrixXd;
using samples::span_of;
using samples::VectorXd;
using testing::HasSubstr;

samples::Quadratic bowl(Index n, std::uint32_t stream) {
  const VectorXd values = VectorXd::LinSpaced(n, 0.1, 2);
  return {samples::with_eigenvalues(values, stream), VectorXd::Zero(n)};
}

double length_of(const std::vector<double>& x) { return samples::seen(std::span(x)).norm(); }

TEST(FirstOrderRise, IsTheLossAtTheEndOfTheGradient) {
  const samples::Quadratic f{samples::symmetric(8, 0), samples::normals(8, 1, 1)};
  const VectorXd w = samples::normals(8, 1, 2), g = f.b + f.a * w;
  const auto rise = libnorm::first_order_sharpness(f, span_of(w), {.radius = 0.3});
  const VectorXd d = 0.3 * g / g.norm(), there = g + f.a * d;
  EXPECT_NEAR(rise.value, g.dot(d) + d.dot(f.a * d) / 2, 1e-13);
  EXPECT_LT((samples::seen(std::span<const double>(rise.displacement)) - d).norm(), 1e-14);
  EXPECT_NEAR(rise.gap, 0.3 * there.norm() - there.dot(d), 1e-13);
  EXPECT_EQ(rise.loss, f.loss(span_of(w)));
  EXPECT_EQ(rise.losses, 2);
  EXPECT_EQ(rise.gradients, 2);
}

TEST(FirstOrderRise, OfAShapeIsAdaptiveSams) {
  const samples::Quadratic f{samples::symmetric(8, 0), samples::normals(8, 1, 1)};
  const VectorXd w = samples::normals(8, 1, 2), g = f.b + f.a * w;
  const VectorXd t = w.cwiseAbs().array() + 0.01;
  const VectorXd tg = t.cwiseProduct(g);
  const VectorXd d = 0.2 * t.cwiseProduct(tg) / tg.norm();
  const Ball ball = libnorm::adaptive_ball(span_of(w), 0.2);
  const auto rise = libnorm::first_order_sharpness(f, span_of(w), ball);
  EXPECT_NEAR(rise.value, g.dot(d) + d.dot(f.a * d) / 2, 1e-13);
  // It is the first-order best: no other displacement of the ball goes further along g.
  EXPECT_NEAR((d.cwiseQuotient(t)).norm(), 0.2, 1e-14);
  EXPECT_NEAR(g.dot(d), 0.2 * tg.norm(), 1e-13);
}

TEST(AdaptiveBall, MakesTheRiseInvariantToARescalingOfWeights) {
  // f(w) = h(w_0 w_1): (w_0 c, w_1 / c) is the same point.
  struct Product {
    Index dimension() const { return 2; }
    double loss(samples::In w) const { return std::pow(w[0] * w[1] - 1, 2); }
    void gradient(samples::In w, samples::Out g) const {
      g[0] = 2 * (w[0] * w[1] - 1) * w[1];
      g[1] = 2 * (w[0] * w[1] - 1) * w[0];
    }
  } f;
  const std::vector<double> w = {2, 0.75}, v = {16, 0.75 / 8};
  const auto one = libnorm::worst_case_sharpness(f, w, libnorm::adaptive_ball(w, 0.1, 0));
  const auto other = libnorm::worst_case_sharpness(f, v, libnorm::adaptive_ball(v, 0.1, 0));
  EXPECT_NEAR(one.value, other.value, 1e-12);
  // d = w (a, b), a^2 + b^2 = 0.01: the largest 1.5 (1 + a) (1 + b) - 1 has a = b.
  const double a = 0.1 / std::sqrt(2.0);
  EXPECT_NEAR(one.value, std::pow(1.5 * (1 + a) * (1 + a) - 1, 2) - 0.25, 1e-9);
  const auto plain = libnorm::worst_case_sharpness(f, w, {.radius = 0.1});
  const auto moved = libnorm::worst_case_sharpness(f, v, {.radius = 0.1});
  EXPECT_GT(std::abs(plain.value - moved.value), 0.1);
}

TEST(LargestRise, AtTheMinimumOfAQuadraticIsHalfLambdaMax) {
  const samples::Quadratic f = bowl(12, 3);
  const VectorXd w = VectorXd::Zero(12);
  const auto rise =
      libnorm::worst_case_sharpness(f, span_of(w), {.radius = 0.5}, {.iterations = 500});
  EXPECT_TRUE(rise.converged);
  EXPECT_NEAR(rise.value, 0.25 * 2 / 2, 1e-5);
  EXPECT_LE(rise.value, 0.25 + 1e-14);
  EXPECT_NEAR(length_of(rise.displacement), 0.5, 1e-13);
  EXPECT_LE(rise.gap, 1e-6 * 0.5 * (0.5 * 2));
  // One step of SAM has no direction there.
  const auto first = libnorm::first_order_sharpness(f, span_of(w), {.radius = 0.5});
  EXPECT_EQ(first.value, 0);
  EXPECT_EQ(length_of(first.displacement), 0);
}

TEST(LargestRise, OfAQuadraticSolvesTheSecularEquation) {
  // max g d + d A d / 2 on ||d|| = r: (mu - A) d = g, mu > lambda_max, by bisection.
  const samples::Quadratic f{bowl(10, 4).a, samples::normals(10, 1, 5) * 0.2};
  const VectorXd w = samples::normals(10, 1, 6), g = f.b + f.a * w;
  const double r = 0.7;
  const auto at = [&](double mu) -> VectorXd {
    return samples::solve(mu * MatrixXd::Identity(10, 10) - f.a, g);
  };
  double low = 2 + 1e-9, high = 2 + g.norm() / r + 1;
  for (int i = 0; i < 200; ++i) {
    const double mu = (low + high) / 2;
    (at(mu).norm() > r ? low : high) = mu;
  }
  const VectorXd d = at(high);
  const auto rise = libnorm::worst_case_sharpness(f, span_of(w), {.radius = r},
                                                  {.iterations = 1000, .tolerance = 1e-9});
  EXPECT_TRUE(rise.converged);
  EXPECT_NEAR(rise.value, g.dot(d) + d.dot(f.a * d) / 2, 1e-7);
  const auto first = libnorm::first_order_sharpness(f, span_of(w), {.radius = r});
  EXPECT_LT(first.value, rise.value - 1e-4);
}

TEST(LargestRise, IsNeverBelowZeroAndStopsInsideWhereTheLossIsConcave) {
  // -||w - c||^2 / 2: the top at c lies within the ball.
  const VectorXd c = samples::normals(6, 1, 0).normalized() * 0.3;
  const samples::Quadratic f{-MatrixXd::Identity(6, 6), c};
  const VectorXd w = VectorXd::Zero(6);
  const auto first = libnorm::first_order_sharpness(f, span_of(w), {.radius = 1});
  EXPECT_NEAR(first.value, -0.2, 1e-13);
  const auto rise = libnorm::worst_case_sharpness(f, span_of(w), {.radius = 1},
                                                  {.iterations = 300, .tolerance = 1e-4});
  EXPECT_NEAR(rise.value, 0.045, 1e-6);
  EXPECT_LE(rise.value, 0.045 + 1e-15);
  // Of a concave loss the gap bounds what is missing.
  EXPECT_GE(rise.value + rise.gap, 0.045 - 1e-15);
  // At the top itself nothing rises.
  const auto none =
      libnorm::worst_case_sharpness(f, span_of(c), {.radius = 1}, {.random_starts = 2});
  EXPECT_GE(none.value, 0);
  EXPECT_LT(none.value, 1e-9);
}

TEST(LargestRise, TakesTheBestOfItsStarts) {
  // Two hills; the slope at 0 leads to the lower one.
  struct Hills {
    Index dimension() const { return 1; }
    double loss(samples::In w) const { return 0.1 * w[0] + (w[0] < 0 ? w[0] * w[0] : 0); }
    void gradient(samples::In w, samples::Out g) const { g[0] = 0.1 + (w[0] < 0 ? 2 * w[0] : 0); }
  } f;
  const std::vector<double> w = {0};
  EXPECT_NEAR(libnorm::worst_case_sharpness(f, w, {.radius = 1}).value, 0.1, 1e-14);
  EXPECT_NEAR(libnorm::worst_case_sharpness(f, w, {.radius = 1}, {.random_starts = 8}).value, 0.9,
              1e-14);
}

TEST(AverageCaseSharpness, OfAQuadraticIsItsTrace) {
  const samples::Quadratic f{samples::symmetric(15, 7), samples::normals(15, 1, 8)};
  const VectorXd w = samples::normals(15, 1, 9);
  const double r = 0.4;
  const VectorXd t = w.cwiseAbs().array() + 0.5;
  const double round = f.a.trace();
  const double shaped = (t.asDiagonal() * f.a * t.asDiagonal()).trace();
  struct Case {
    Ball ball;
    libnorm::Region region;
    double expected;
  };
  const Case cases[] = {
      {{r, {}}, libnorm::Region::sphere, r * r * round / 30},
      {{r, {}}, libnorm::Region::ball, r * r * round / 34},
      {libnorm::adaptive_ball(span_of(w), r, 0.5), libnorm::Region::sphere, r * r * shaped / 30}};
  for (const Case& each : cases) {
    const auto rise = libnorm::average_case_sharpness(f, span_of(w), each.ball,
                                                      {.pairs = 4000, .region = each.region});
    EXPECT_NEAR(rise.value, each.expected, 4 * rise.standard_error);
    EXPECT_LT(rise.standard_error, 0.05 * r * r);
    EXPECT_EQ(rise.losses, 8001);
    EXPECT_EQ(rise.loss, f.loss(span_of(w)));
  }
}

TEST(AverageCaseSharpness, InABallOfOneWeightHasASquaresMean) {
  const samples::Quadratic f{MatrixXd::Constant(1, 1, 6), VectorXd::Constant(1, 2)};
  const std::vector<double> w = {1};
  const auto sphere = libnorm::average_case_sharpness(f, w, {.radius = 0.5}, {.pairs = 10});
  EXPECT_NEAR(sphere.value, 0.75, 1e-14);
  EXPECT_LT(sphere.standard_error, 1e-15);
  const auto ball = libnorm::average_case_sharpness(
      f, w, {.radius = 0.5}, {.pairs = 4000, .region = libnorm::Region::ball});
  EXPECT_NEAR(ball.value, 0.25, 4 * ball.standard_error);
}

TEST(ScaleInvariantSharpness, DoesNotChangeAsItsWeightsAreRescaled) {
  // Rayleigh of the first 7 weights, and a bowl of 3 more.
  struct Mixed {
    samples::Rayleigh first;
    Index dimension() const { return 10; }
    double loss(samples::In w) const {
      return first.loss(w.first(7)) * (1 + w[7] * w[7]) + w[8] * w[8] + w[9];
    }
    void gradient(samples::In w, samples::Out g) const {
      first.gradient(w.first(7), g.first(7));
      for (std::size_t i = 0; i < 7; ++i) g[i] *= 1 + w[7] * w[7];
      g[7] = first.loss(w.first(7)) * 2 * w[7];
      g[8] = 2 * w[8];
      g[9] = 1;
    }
  } f{{samples::symmetric(7, 0)}};
  VectorXd w = samples::normals(10, 1, 1);
  const std::vector<IndexRange> first = {{0, 7}};
  const auto base = libnorm::scale_invariant_sharpness(f, span_of(w), first);
  EXPECT_TRUE(base.eigenvalues.converged);
  EXPECT_THAT(base.eigenvalues.of, HasSubstr("block of Hessian by central differences"));
  const auto sphere = libnorm::spherical_sharpness(f, span_of(w), first);
  for (const double c : {0.5, 2.0, 4.0}) {
    VectorXd scaled = w;
    scaled.head(7) *= c;
    const auto same = libnorm::scale_invariant_sharpness(f, span_of(scaled), first);
    EXPECT_NEAR(same.value, base.value, 1e-6 * base.value);
    EXPECT_NEAR(same.eigenvalues.values[0] * c * c, base.eigenvalues.values[0], 1e-6 * base.value);
    EXPECT_NEAR(same.weight_length, c * base.weight_length, 1e-13 * c);
    EXPECT_NEAR(libnorm::spherical_sharpness(f, span_of(scaled), first).value, sphere.value,
                1e-6 * std::abs(sphere.value));
  }
  VectorXd zero = w;
  zero[8] = zero[9] = 0;
  const std::vector<IndexRange> last = {{8, 2}};
  EXPECT_EQ(libnorm::scale_invariant_sharpness(f, span_of(zero), last).value, 0);
}

TEST(ScaleInvariantSharpness, OfWeightsOfAnySizeIsTheSame) {
  // l ||w||^2 where ||w||^2 is no double, but the product is.
  for (const double size : {1.0, 1e155}) {
    const double l = 1 / size / size;
    const samples::Quadratic f{l * MatrixXd::Identity(2, 2), VectorXd::Zero(2)};
    const std::vector<double> w = {3e2 * size, 4e2 * size};
    const auto sharpness = libnorm::scale_invariant_sharpness(f, w, {{0, 2}});
    EXPECT_NEAR(sharpness.value, 2.5e5, 1e-4) << size;
    EXPECT_TRUE(std::isfinite(sharpness.residual));
  }
}

TEST(Rises, RefuseASlopeBeyondNumbers) {
  // Radius times slope is infinite: no place could be told from a stationary one.
  const samples::Quadratic f{1e-200 * MatrixXd::Identity(2, 2), VectorXd::Constant(2, 1e200)};
  const std::vector<double> w = {0, 0};
  EXPECT_THAT(message([&] { libnorm::worst_case_sharpness(f, w, {.radius = 1e150}); }),
              HasSubstr("worst_case_sharpness: the "));
}

TEST(SphericalSharpness, AtAnEigenvectorIsTwiceTheGap) {
  VectorXd values(6);
  values << -2, -1, 0.5, 1, 3, 4;
  const samples::Rayleigh f{samples::with_eigenvalues(values, 2)};
  const MatrixXd vectors = samples::eigenvectors(f.a);
  const std::vector<IndexRange> all = {{0, 6}};
  for (Index j = 0; j < 6; ++j) {
    for (const double length : {0.1, 1.0, 30.0}) {
      const VectorXd w = -length * vectors.col(j);
      const auto found = libnorm::spherical_sharpness(f, span_of(w), all);
      // At the top one, every direction of the sphere falls: below 0.
      const double expected = 2 * ((j == 5 ? 3 : 4) - values[j]);
      EXPECT_NEAR(found.value, expected, 1e-9) << j << " " << length;
      EXPECT_TRUE(found.eigenvalues.converged);
      EXPECT_NEAR(found.weight_length, length, 1e-13 * length);
    }
  }
}

TEST(SphericalSharpness, AgreesWithADenseProjectionAnywhere) {
  // A loss that is not scale-invariant: the sphere's own bend counts.
  const samples::Quadratic quadratic{samples::symmetric(9, 3), samples::normals(9, 1, 4)};
  const samples::Rayleigh rayleigh{samples::symmetric(9, 3)};
  const VectorXd w = samples::normals(9, 1, 5) * 1.7;
  const std::vector<IndexRange> ranges = {{5, 3}, {0, 2}};
  const std::vector<Index> picked = {5, 6, 7, 0, 1};
  const auto expected = [&](const auto& f) {
    MatrixXd h(9, 9);
    VectorXd g(9);
    for (Index i = 0; i < 9; ++i) {
      const VectorXd e = VectorXd::Unit(9, i);
      f.hessian_vector_product(span_of(w), span_of(e), {h.col(i).data(), 9});
    }
    f.gradient(span_of(w), {g.data(), 9});
    const VectorXd part = w(picked), slope = g(picked);
    const VectorXd x = part.normalized();
    const MatrixXd p = MatrixXd::Identity(5, 5) - x * x.transpose();
    // x itself is moved far down, out of the way.
    const MatrixXd s = part.squaredNorm() * p * MatrixXd(h(picked, picked)) * p -
                       part.dot(slope) * p - 1e6 * x * x.transpose();
    return samples::eigenvalues(s)[4];
  };
  EXPECT_NEAR(libnorm::spherical_sharpness(quadratic, span_of(w), ranges).value,
              expected(quadratic), 1e-8);
  EXPECT_NEAR(libnorm::spherical_sharpness(rayleigh, span_of(w), ranges).value, expected(rayleigh),
              1e-8);
}

TEST(SphericalSharpness, IsTheSecondDerivativeAlongAGreatCircle) {
  // Two weights: one great circle.
  const samples::Quadratic f{samples::symmetric(2, 6), samples::normals(2, 1, 7)};
  const VectorXd w = samples::normals(2, 1, 8);
  const VectorXd across = (VectorXd(2) << -w[1], w[0]).finished();
  const auto along = [&](double angle) {
    const VectorXd at = std::cos(angle) * w + std::sin(angle) * across;
    return f.loss(span_of(at));
  };
  const double h = 1e-4;
  const double second = (along(h) - 2 * along(0) + along(-h)) / (h * h);
  const std::vector<IndexRange> all = {{0, 2}};
  EXPECT_NEAR(libnorm::spherical_sharpness(f, span_of(w), all).value, second, 1e-6);
}

TEST(SphericalSharpness, HasStatedAnswersWhereThereIsNoSphere) {
  const samples::Quadratic f{samples::symmetric(3, 0), VectorXd::Zero(3)};
  const std::vector<double> w = {2, 0, 0};
  const std::vector<IndexRange> one = {{0, 1}}, zeros = {{1, 2}};
  EXPECT_EQ(libnorm::spherical_sharpness(f, w, one).value, 0);
  EXPECT_THROW(libnorm::spherical_hessian(f, w, one), libnorm::ValueError);
  EXPECT_THROW(libnorm::spherical_sharpness(f, w, zeros), libnorm::ValueError);
}

TEST(Rises, RefuseWhatHasNoMeaning) {
  const samples::Quadratic f = bowl(3, 0);
  const std::vector<double> w = {1, 2, 3};
  const double nan = std::numeric_limits<double>::quiet_NaN();
  for (const Ball& wrong : {Ball{0, {}}, Ball{-1, {}}, Ball{nan, {}}, Ball{1, {1, 1}},
                            Ball{1, {1, 1, -1}}, Ball{1, {1, 1, nan}}}) {
    EXPECT_THROW(libnorm::first_order_sharpness(f, w, wrong), libnorm::ValueError);
    EXPECT_THROW(libnorm::worst_case_sharpness(f, w, wrong), libnorm::ValueError);
    EXPECT_THROW(libnorm::average_case_sharpness(f, w, wrong), libnorm::ValueError);
  }
  EXPECT_THROW(libnorm::adaptive_ball(w, 0), libnorm::ValueError);
  EXPECT_THROW(libnorm::adaptive_ball(w, 1, -1), libnorm::ValueError);
  EXPECT_THROW(libnorm::worst_case_sharpness(f, w, {.radius = 1}, {.iterations = 0}),
               libnorm::ValueError);
  EXPECT_THROW(libnorm::average_case_sharpness(f, w, {.radius = 1}, {.pairs = 1}),
               libnorm::ValueError);
  struct Cliff {
    Index dimension() const { return 1; }
    double loss(samples::In at) const {
      return at[0] > 1 ? std::numeric_limits<double>::infinity() : at[0];
    }
    void gradient(samples::In, samples::Out g) const { g[0] = 1; }
  } cliff;
  const std::vector<double> edge = {0.5};
  try {
    libnorm::worst_case_sharpness(cliff, edge, {.radius = 1});
    FAIL() << "need a throw";
  } catch (const libnorm::ValueError& error) {
    EXPECT_THAT(
        error.what(),
        HasSubstr("worst_case_sharpness: the loss is not finite (inf, at a distance of 1)"));
  }
  // With floor 0, weights of 0 stay: the ball is a point.
  const std::vector<double> zeros = {0, 0, 0};
  const auto point = libnorm::worst_case_sharpness(f, zeros, libnorm::adaptive_ball(zeros, 1, 0));
  EXPECT_EQ(point.value, 0);
  EXPECT_TRUE(point.converged);
}

TEST(Rises, PrintTheirCertificates) {
  const samples::Quadratic f = bowl(3, 0);
  const std::vector<double> w = {1, 2, 3};
  const auto rise = libnorm::worst_case_sharpness(f, w, {.radius = 0.5});
  EXPECT_THAT(libnorm::text_of(libnorm::values_of(rise)),
              HasSubstr("worst_case_sharpness_converged = 1"));
  EXPECT_THAT(
      libnorm::json_of(libnorm::values_of(libnorm::average_case_sharpness(f, w, {.radius = 0.5}))),
      HasSubstr("\"average_case_sharpness_standard_error\""));
  const std::vector<IndexRange> all = {{0, 3}};
  EXPECT_THAT(libnorm::text_of(libnorm::values_of(libnorm::spherical_sharpness(f, w, all))),
              HasSubstr("of block of Hessian on the sphere"));
}

}  // namespace
