#include <algorithm>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "libnorm/metrics/landscape/lanczos.hpp"
#include "libnorm/metrics/landscape/objective.hpp"
#include "libnorm/metrics/landscape/sharpness.hpp"
#include "libnorm/models/curvature.hpp"
#include "libnorm/norms/catalogue.hpp"
#include "tests/support/models.hpp"
#include "tests/unit/metrics/landscape/objective_samples.hpp"

/// The sharpness metrics on transformers: every mechanism against a dense eigensolve, and what
/// scale invariance says.
namespace libnorm::test {
namespace {

static_assert(TwiceDifferentiable<Curvature>);
static_assert(HasGaussNewton<Curvature>);

Batch batch_of_samples() { return samples()[0].batch(Path::shortcut); }

/// Tensors of about 150 numbers: a weight behind which the first norms stand, and all that the
/// norms learn.
template <class T>
std::vector<std::string> few_tensors(const Transformer<T>& model) {
  std::vector<std::string> names;
  for (const Parameter& p : model.parameters().all()) {
    const bool of_norm = p.name.find("norm") != std::string::npos;
    if (of_norm || p.name == "blocks.0.attention.out_proj.weight" || p.name == "head.bias") {
      names.push_back(p.name);
    }
  }
  return names;
}

samples::MatrixXd dense(const LinearOperator& a) {
  const Index n = a.dimension();
  samples::MatrixXd m(n, n);
  std::vector<double> unit(std::size_t(n), 0.0);
  for (Index i = 0; i < n; ++i) {
    unit[std::size_t(i)] = 1;
    a.apply(unit, {m.col(i).data(), std::size_t(n)});
    unit[std::size_t(i)] = 0;
  }
  return m;
}

class ModelSharpness : public testing::TestWithParam<std::string> {};

TEST_P(ModelSharpness, ExtremeEigenvaluesAreTheDenseOnes) {
  const auto model = small_model<double>(GetParam(), {1, 1});
  Curvature curvature(model, batch_of_samples(), few_tensors(model));
  const LinearOperator h = hessian(curvature, curvature.weights());
  const samples::VectorXd want = samples::eigenvalues(dense(h));
  for (const End end : {End::largest, End::smallest}) {
    const auto found = extreme_eigenvalues(h, end);
    ASSERT_TRUE(found.converged);
    const double expected = end == End::largest ? want(want.size() - 1) : want(0);
    EXPECT_NEAR(found.values[0], expected, 1e-6 * std::abs(expected)) << end_name(end);
  }
}

INSTANTIATE_TEST_SUITE_P(Catalogue, ModelSharpness, testing::ValuesIn(model_texts()),
                         [](const auto& text) { return word_of(text.param); });

/// A model whose attention ends in a norm without epsilon: out_proj's weight and bias can be scaled
/// together and nothing changes.
Transformer<double> scale_invariant_model(const Stabilizer& stabilizer) {
  TransformerOptions options = small_model<double>("layernorm@sandwich", {1, 1}).options();
  options.normalization.norm = {stabilizer, Affine::gain_and_bias};
  Transformer<double> model(options);
  model.initialize(3);
  return model;
}

const std::vector<std::string> kInvariant = {"blocks.0.attention.out_proj.weight",
                                             "blocks.0.attention.out_proj.bias"};

class ScaleInvariance : public testing::TestWithParam<Stabilizer> {};

TEST_P(ScaleInvariance, HoldsOfLossGradientAndHessian) {
  const auto model = scale_invariant_model(GetParam());
  Curvature f(model, batch_of_samples(), kInvariant);
  const std::vector<double> w = f.weights();
  std::vector<double> g(w.size()), hw(w.size());
  f.gradient(w, g);
  f.hessian_vector_product(w, w, hw);
  const auto size = [](const std::vector<double>& x) { return samples::seen(std::span(x)).norm(); };
  double radial = 0;
  for (std::size_t i = 0; i < w.size(); ++i) {
    radial += g[i] * w[i];
    EXPECT_NEAR(hw[i], -g[i], 1e-6 * size(g));
  }
  EXPECT_NEAR(radial, 0.0, 1e-6 * size(g) * size(w));
}

TEST_P(ScaleInvariance, LambdaMaxGoesWithTheInverseSquareAndScaledSharpnessStays) {
  auto model = scale_invariant_model(GetParam());
  double loss = 0, lambda = 0, scaled = 0;
  for (const double factor : {1.0, 0.5, 2.0, 4.0}) {
    Transformer<double> other = model;
    for (const std::string& name : kInvariant) {
      const Parameter& p = model.parameters().find(name);
      for (Index i = p.offset; i < p.offset + p.size(); ++i)
        other.weights()[std::size_t(i)] *= factor;
    }
    Curvature f(other, batch_of_samples(), kInvariant);
    const auto found = extreme_eigenvalues(hessian(f, f.weights()), End::largest);
    const auto sharpness = scale_invariant_sharpness(f, f.weights(), {{0, f.dimension()}});
    if (factor == 1.0) {
      loss = f.loss(f.weights());
      lambda = found.values[0];
      scaled = sharpness.value;
    }
    EXPECT_NEAR(f.loss(f.weights()), loss, 1e-12);
    EXPECT_NEAR(found.values[0] * factor * factor, lambda, 1e-6 * lambda);
    EXPECT_NEAR(sharpness.value, scaled, 1e-6 * scaled);
  }
}

std::string name_of(const Stabilizer& stabilizer) {
  for (const NamedStabilizer& named : named_stabilizers()) {
    if (named.stabilizer.index() == stabilizer.index()) return std::string(named.name);
  }
  return "none";
}

INSTANTIATE_TEST_SUITE_P(Stabilizers, ScaleInvariance,
                         testing::Values(Stabilizer(Sphere{}), Stabilizer(Rms{0}),
                                         Stabilizer(StandardizeRows{0}),
                                         Stabilizer(StandardizeColumns{0}),
                                         Stabilizer(PowerColumns{0})),
                         [](const auto& s) { return name_of(s.param); });

}  // namespace
}  // namespace libnorm::test
