#include "libnorm/metrics/landscape/loss_surface.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "tests/support/rows.hpp"
#include "tests/unit/metrics/landscape/objective_samples.hpp"

namespace {

using libnorm::DirectionScale;
using libnorm::Index;
using libnorm::Purpose;
using libnorm::Random;
using libnorm::VectorPolicy;
using libnorm::test::message;
using samples::span_of;
using samples::VectorXd;
using testing::HasSubstr;

libnorm::ParameterList list() {
  libnorm::ParameterList parameters;
  parameters.add("first", 4, 3, libnorm::Initial::normal);
  parameters.add("gain", 1, 5, libnorm::Initial::normal);
  parameters.add("second", 2, 37, libnorm::Initial::normal);
  parameters.add("bias", 1, 6, libnorm::Initial::zero);
  return parameters;
}

std::vector<double> weights() {
  std::vector<double> w(std::size_t(list().size()));
  list().draw(5, w.data());
  return w;
}

double norm(std::span<const double> x) { return samples::seen(x).norm(); }

std::span<const double> part(const std::vector<double>& x, const libnorm::Parameter& p) {
  return std::span(x).subspan(std::size_t(p.offset), std::size_t(p.size()));
}

TEST(DrawDirection, AgreesToTheBitWithTheSlicesDirections) {
  const Random random(3, Purpose::direction, 1);
  const auto w = weights();
  EXPECT_EQ(libnorm::draw_direction(random, list(), w, DirectionScale::filter, VectorPolicy::zero),
            libnorm::filter_normalized_direction<double>(random, list(), w));
  EXPECT_EQ(
      libnorm::draw_direction(random, list(), w, DirectionScale::unit, VectorPolicy::as_drawn),
      libnorm::unit_direction<double>(random, list().size()));
}

TEST(DrawDirection, HasTheLengthsOfItsScaleAndPolicy) {
  const Random random(3, Purpose::direction, 2);
  const auto w = weights();
  const auto parameters = list();
  using enum DirectionScale;
  for (const DirectionScale scale : {raw, unit, layer, filter}) {
    for (const VectorPolicy policy :
         {VectorPolicy::as_drawn, VectorPolicy::zero, VectorPolicy::normalized}) {
      const auto d = libnorm::draw_direction(random, parameters, w, scale, policy);
      // In `unit`, all is divided by one number.
      double whole = 1;
      if (scale == unit) {
        EXPECT_NEAR(norm(d), 1, 1e-14);
        whole = d[0] / random.normal(0);
      }
      for (const auto& p : parameters.all()) {
        const auto here = part(d, p), weight = part(w, p);
        if (!p.is_matrix()) {
          const double expected = policy == VectorPolicy::zero         ? 0
                                  : policy == VectorPolicy::normalized ? whole * norm(weight)
                                                                       : -1;
          if (expected >= 0) {
            EXPECT_NEAR(norm(here), expected, 1e-13) << p.name;
          } else {
            EXPECT_NEAR(here[0], whole * random.normal(std::uint64_t(p.offset)), 1e-13) << p.name;
          }
        } else if (scale == layer) {
          EXPECT_NEAR(norm(here), norm(weight), 1e-13) << p.name;
          // One number for all of a layer.
          EXPECT_NEAR(
              here[0] / here[4],
              random.normal(std::uint64_t(p.offset)) / random.normal(std::uint64_t(p.offset) + 4),
              1e-12);
        } else if (scale == filter) {
          for (std::size_t r = 0; r < std::size_t(p.rows); ++r) {
            const std::size_t cols = std::size_t(p.cols);
            EXPECT_NEAR(norm(here.subspan(r * cols, cols)), norm(weight.subspan(r * cols, cols)),
                        1e-13);
          }
        } else {
          EXPECT_NEAR(here[1], whole * random.normal(std::uint64_t(p.offset) + 1), 1e-13);
        }
      }
    }
  }
}

TEST(DrawDirection, RefusesWhatDoesNotFit) {
  const Random random(3, Purpose::direction, 2);
  EXPECT_THROW(libnorm::draw_direction(random, list(), std::vector<double>(7), DirectionScale::raw,
                                       VectorPolicy::zero),
               libnorm::ShapeError);
  libnorm::ParameterList vectors;
  vectors.add("gain", 1, 5, libnorm::Initial::one);
  EXPECT_THROW(libnorm::draw_direction(random, vectors, std::vector<double>(5),
                                       DirectionScale::unit, VectorPolicy::zero),
               libnorm::ValueError);
}

TEST(MakeOrthogonal, LeavesARightAngleAndTheLength) {
  const VectorXd first = samples::normals(50, 1, 0) * 3;
  VectorXd second = samples::normals(50, 1, 1);
  const VectorXd before = second;
  libnorm::make_orthogonal({second.data(), 50}, span_of(first));
  EXPECT_NEAR(first.dot(second), 0, 1e-13);
  EXPECT_NEAR(second.norm(), before.norm(), 1e-13);
  // It stays in the plane of the two.
  const VectorXd u = first.normalized(), v = (before - u.dot(before) * u).normalized();
  EXPECT_LT((second - u.dot(second) * u - v.dot(second) * v).norm(), 1e-13);
  // Nearly parallel: still at right angles.
  VectorXd near = first + 1e-7 * before;
  libnorm::make_orthogonal({near.data(), 50}, span_of(first));
  EXPECT_LT(std::abs(first.dot(near)), 1e-13 * first.norm() * near.norm());
  VectorXd parallel = -2 * first;
  EXPECT_THROW(libnorm::make_orthogonal({parallel.data(), 50}, span_of(first)),
               libnorm::ValueError);
  VectorXd same = before;
  libnorm::make_orthogonal({same.data(), 50}, span_of(VectorXd::Zero(50)));
  EXPECT_EQ(same, before);
  // Neither may hold a number that is not finite: no silence, and no other cause named.
  for (const double bad : {std::nan(""), std::numeric_limits<double>::infinity()}) {
    VectorXd strange = first;
    strange[7] = bad;
    EXPECT_THAT(message([&] {
                  libnorm::make_orthogonal({same.data(), 50}, span_of(strange));
                }),
                HasSubstr("not finite"));
    EXPECT_THAT(message([&] {
                  libnorm::make_orthogonal({strange.data(), 50}, span_of(first));
                }),
                HasSubstr("not finite"));
  }
}

TEST(LossSurface, OfAQuadraticIsAQuadratic) {
  const samples::Quadratic f{samples::symmetric(9, 0), samples::normals(9, 1, 1)};
  const VectorXd w = samples::normals(9, 1, 2), d = samples::normals(9, 1, 3),
                 e = samples::normals(9, 1, 4);
  const VectorXd g = f.b + f.a * w;
  const std::vector<double> alpha = {-1, 0, 0.5}, beta = {0, 2};
  const auto surface = libnorm::loss_surface(f, span_of(w), span_of(d), span_of(e), alpha, beta);
  ASSERT_EQ(surface.loss.size(), 6u);
  for (std::size_t i = 0; i < 3; ++i) {
    for (std::size_t j = 0; j < 2; ++j) {
      const VectorXd move = alpha[i] * d + beta[j] * e;
      const double expected = f.loss(span_of(w)) + g.dot(move) + move.dot(f.a * move) / 2;
      EXPECT_NEAR(surface.loss[i * 2 + j], expected, 1e-12) << i << j;
    }
  }
  const auto line = libnorm::loss_line(f, span_of(w), span_of(d), alpha);
  for (std::size_t i = 0; i < 3; ++i) EXPECT_EQ(line.loss[i], surface.loss[i * 2]);
  EXPECT_EQ(line.alpha, alpha);
  const VectorXd eight = VectorXd::Zero(8);
  EXPECT_THROW(libnorm::loss_line(f, span_of(w), span_of(eight), alpha), libnorm::ShapeError);
  EXPECT_THROW(libnorm::loss_surface(f, span_of(w), span_of(d), span_of(eight), alpha, beta),
               libnorm::ShapeError);
}

TEST(LossSurface, DoesNotChangeWithTheScaleOfAScaleInvariantLoss) {
  const samples::Rayleigh f{samples::symmetric(12, 0)};
  libnorm::ParameterList parameters;
  parameters.add("filters", 3, 4, libnorm::Initial::normal);
  const VectorXd w = samples::normals(12, 1, 1), larger = 4 * w;
  const std::vector<double> alpha = {-1, -0.25, 0.5};
  const Random random(1, Purpose::direction, 3);
  const auto line_at = [&](const VectorXd& at, DirectionScale scale) {
    const auto d =
        libnorm::draw_direction(random, parameters, span_of(at), scale, VectorPolicy::zero);
    return libnorm::loss_line(f, span_of(at), d, alpha).loss;
  };
  for (const auto scale : {DirectionScale::filter, DirectionScale::layer}) {
    const auto small = line_at(w, scale), large = line_at(larger, scale);
    for (std::size_t i = 0; i < 3; ++i) EXPECT_NEAR(small[i], large[i], 1e-13);
  }
  EXPECT_GT(
      std::abs(line_at(w, DirectionScale::unit)[0] - line_at(larger, DirectionScale::unit)[0]),
      1e-3);
}

TEST(LossSurface, IsWrittenAsRows) {
  const libnorm::LossSurface surface{{0, 1}, {2, 3, 4}, {1, 2, 3, 4, 5, 6}};
  EXPECT_EQ(libnorm::json_of(surface),
            "{\"alpha\": [0, 1], \"beta\": [2, 3, 4], \"loss\": [[1, 2, 3], [4, 5, 6]]}");
  EXPECT_EQ(libnorm::json_of(libnorm::LossSlice{{0, 1}, {2.5, 3}}),
            "{\"alpha\": [0, 1], \"loss\": [2.5, 3]}");
}

}  // namespace
