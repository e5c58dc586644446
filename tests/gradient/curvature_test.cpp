#include "libnorm/models/curvature.hpp"

#include <algorithm>
#include <string>

#include <gtest/gtest.h>

#include "tests/support/compare.hpp"
#include "tests/support/everywhere.hpp"
#include "tests/support/models.hpp"
#include "tests/tolerances.hpp"

/// Products with the Hessian against difference quotients of gradients, and against each other.
namespace libnorm::test {
namespace {

std::vector<double> draw_direction(Index size, std::uint64_t stream) {
  const Random random(17, Purpose::test, stream);
  std::vector<double> v;
  for (Index i = 0; i < size; ++i) v.push_back(random.normal(std::uint64_t(i)));
  return v;
}

double dot(const std::vector<double>& a, const std::vector<double>& b) {
  double total = 0;
  for (std::size_t i = 0; i < a.size(); ++i) total += a[i] * b[i];
  return total;
}

std::vector<double> product(Curvature& curvature, const std::vector<double>& v) {
  std::vector<double> hv(v.size(), NAN);
  curvature.hessian_vector_product(curvature.weights(), v, hv);
  return hv;
}

/// The gradients at w + t v by five points, t = +-h, +-2h, of a model that is no curvature.
std::vector<double> difference(Transformer<double> model, const Batch& batch,
                               const std::vector<double>& v, double h) {
  const std::vector<double> w = model.weights();
  std::vector<double> d(v.size(), 0.0);
  for (const auto& [step, weight] : {std::pair(1, 8.0), {-1, -8.0}, {2, -1.0}, {-2, 1.0}}) {
    for (std::size_t i = 0; i < w.size(); ++i) model.weights()[i] = w[i] + step * h * v[i];
    model.loss_and_gradient(batch);
    for (std::size_t i = 0; i < w.size(); ++i) d[i] += weight * model.gradient()[i] / (12 * h);
  }
  return d;
}

void expect_difference_quotient(const Transformer<double>& model, const Batch& batch) {
  Curvature curvature(model, batch);
  const auto v = draw_direction(curvature.dimension(), 1);
  const auto hv = product(curvature, v);
  const auto coarse = difference(model, batch, v, 0x1p-11),
             fine = difference(model, batch, v, 0x1p-14);
  // The coarse quotient's distance from the fine one is what the formula errs by, 8^4 times.
  double error = 0;
  for (std::size_t i = 0; i < v.size(); ++i) error = std::max(error, std::abs(coarse[i] - fine[i]));
  EXPECT_TRUE(within("H v", fine, hv, 1.0, 1e-9 * std::max(1.0, largest_size(hv)) + error / 1024));
}

class CurvatureOf : public testing::TestWithParam<std::string> {};

TEST_P(CurvatureOf, HessianProductIsTheGradientsDifferenceQuotient) {
  for (const Depth& depth : kDepths) {
    for (const Sample& sample : samples()) {
      // A difference quotient sees nothing where a norm magnifies every step by 317 and more.
      if (sample.amplification(GetParam()) > 1) continue;
      for (Path path : {Path::shortcut, Path::dense}) {
        SCOPED_TRACE(testing::Message() << depth.blocks << " blocks, " << sample.name
                                        << (path == Path::dense ? ", dense" : ", shortcut"));
        expect_difference_quotient(small_model<double>(GetParam(), depth), sample.batch(path));
      }
    }
  }
}

TEST_P(CurvatureOf, HessianIsSymmetricAndFurtherProductsAreExact) {
  const auto model = small_model<double>(GetParam(), {2, 2});
  const Batch batch = samples()[0].batch(Path::shortcut);
  Curvature curvature(model, batch);
  const auto u = draw_direction(curvature.dimension(), 1),
             v = draw_direction(curvature.dimension(), 2);
  const auto hu = product(curvature, u), hv = product(curvature, v);
  const double size = std::sqrt(dot(hu, hu) * dot(v, v));
  EXPECT_NEAR(dot(hu, v), dot(hv, u), size * tolerance<double>(kModelGradient));
  // A product that finds a pass before it has the bits of one that does not.
  Curvature fresh(model, batch);
  EXPECT_TRUE(same_bits("H v", product(fresh, v), hv));
  std::vector<double> elsewhere = curvature.weights(), g(u.size());
  for (double& w : elsewhere) w *= 1.5;
  curvature.gradient(elsewhere, g);
  EXPECT_TRUE(same_bits("H v", product(curvature, v), hv));
}

TEST_P(CurvatureOf, LossAndGradientAreTheModels) {
  auto model = small_model<double>(GetParam(), {2, 2});
  const Batch batch = samples()[0].batch(Path::shortcut);
  Curvature curvature(model, batch);
  product(curvature, draw_direction(curvature.dimension(), 1));
  std::vector<double> g(std::size_t(curvature.dimension()));
  curvature.gradient(curvature.weights(), g);
  EXPECT_EQ(curvature.loss(curvature.weights()), model.loss_and_gradient(batch));
  EXPECT_TRUE(same_bits("gradient", model.gradient(), g));
}

INSTANTIATE_TEST_SUITE_P(Catalogue, CurvatureOf, testing::ValuesIn(model_texts()),
                         [](const auto& text) { return word_of(text.param); });

TEST(Curvature, OfAMultipliedHeadIsTheGradientsDifferenceQuotient) {
  for (const char* norm : {"layernorm", "rms+gain@pre", "batchnorm"}) {
    for (Path path : {Path::shortcut, Path::dense}) {
      SCOPED_TRACE(testing::Message() << norm << (path == Path::dense ? ", dense" : ", shortcut"));
      expect_difference_quotient(small_model<double>(norm, {2, 2}, 1, 3, 0.3),
                                 samples()[0].batch(path));
    }
  }
}

TEST(Curvature, OfChosenTensorsIsABlockOfTheWhole) {
  const auto model = small_model<double>("layernorm", {2, 2});
  const Batch batch = samples()[0].batch(Path::shortcut);
  const std::vector<std::string> names = {"head.bias", "blocks.0.norm1.gain"};
  Curvature whole(model, batch), part(model, batch, names);
  const auto v = draw_direction(part.dimension(), 3);
  // In the order of the model, whatever the order of the names.
  const Parameter& gain = model.parameters().find(names[1]);
  const Parameter& bias = model.parameters().find(names[0]);
  std::vector<double> wide(std::size_t(whole.dimension()), 0.0);
  std::copy_n(v.begin(), gain.size(), wide.begin() + gain.offset);
  std::copy_n(v.begin() + gain.size(), bias.size(), wide.begin() + bias.offset);
  const auto hv = product(whole, wide);
  std::vector<double> want = slice(hv, gain.offset, gain.size());
  const auto rest = slice(hv, bias.offset, bias.size());
  want.insert(want.end(), rest.begin(), rest.end());
  EXPECT_TRUE(same_bits("block", want, product(part, v)));
}

TEST(Curvature, GaussNewtonIsTheHessianWhereLogitsAreLinear) {
  const auto model = small_model<double>("rms+gain@pre", {2, 2});
  const Batch batch = samples()[0].batch(Path::shortcut);
  Curvature head(model, batch, {"head.weight", "head.bias"}), all(model, batch);
  const auto v = draw_direction(head.dimension(), 4);
  std::vector<double> gv(v.size());
  head.gauss_newton_product(head.weights(), v, gv);
  EXPECT_TRUE(close("G v", product(head, v), gv, tolerance<double>(kModelGradient)));
  // On all weights it differs, but is never negative.
  const auto u = draw_direction(all.dimension(), 5);
  std::vector<double> gu(u.size());
  all.gauss_newton_product(all.weights(), u, gu);
  EXPECT_GT(dot(u, gu), 0.0);
  EXPECT_FALSE(close("G u", product(all, u), gu, 1e-3));
}

/// What is kept of a pass for the next one shows in no number.
TEST(Curvature, GivesTheSameInAnyOrder) {
  const auto model = small_model<double>("layernorm@qk:rms", {2, 2});
  const Batch batch = samples()[0].batch(Path::shortcut);
  const auto fresh = [&] { return Curvature(model, batch); };
  Curvature used = fresh();
  const std::vector<double> w = used.weights();
  std::vector<double> other = w;
  for (double& x : other) x *= 0.9;
  const auto n = std::size_t(used.dimension());
  const auto v = draw_direction(used.dimension(), 6);
  const auto gradient = [&](Curvature& of, const std::vector<double>& at) {
    std::vector<double> g(n);
    of.gradient(at, g);
    return g;
  };
  const auto gauss_newton = [&](Curvature& of, const std::vector<double>& at) {
    std::vector<double> gv(n);
    of.gauss_newton_product(at, v, gv);
    return gv;
  };
  const auto expect_all = [&](const std::vector<double>& at) {
    Curvature a = fresh(), b = fresh();
    EXPECT_TRUE(same_bits("G v", gauss_newton(a, at), gauss_newton(used, at)));
    EXPECT_TRUE(same_bits("gradient", gradient(b, at), gradient(used, at)));
    EXPECT_EQ(b.loss(at), used.loss(at));
    EXPECT_TRUE(same_bits("G v again", gauss_newton(a, at), gauss_newton(used, at)));
    Curvature c = fresh();
    std::vector<double> want(n), have(n);
    c.hessian_vector_product(at, v, want);
    used.hessian_vector_product(at, v, have);
    EXPECT_TRUE(same_bits("H v", want, have));
    EXPECT_TRUE(same_bits("G v once more", gauss_newton(a, at), gauss_newton(used, at)));
    EXPECT_EQ(b.loss(at), used.loss(at));
  };
  expect_all(w);
  expect_all(other);
  expect_all(w);
}

TEST(Curvature, HasTheSameBitsEverywhere) {
  for (const char* text : {"layernorm", "batchnorm", "derf@pre", "instancenorm@sandwich"}) {
    const auto model = small_model<float>(text, {2, 2});
    const Batch batch = samples()[0].batch(Path::shortcut);
    expect_same_everywhere(text, [&] {
      Curvature curvature(model, batch);
      return product(curvature, draw_direction(curvature.dimension(), 6));
    });
  }
}

TEST(Curvature, TellsWhatIsWrong) {
  const auto model = small_model<double>("none", {1, 1});
  const Batch batch = samples()[0].batch(Path::shortcut);
  EXPECT_THROW(Curvature(model, batch, {"head.bia"}), ValueError);
  EXPECT_THROW(Curvature(model, batch, {"head.bias", "head.bias"}), ValueError);
  Curvature curvature(model, batch);
  std::vector<double> few(3);
  EXPECT_THROW(curvature.loss(few), ShapeError);
  EXPECT_THROW(curvature.hessian_vector_product(curvature.weights(), few, few), ShapeError);
}

}  // namespace
}  // namespace libnorm::test
