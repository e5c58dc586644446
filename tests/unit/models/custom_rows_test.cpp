#include <cmath>
#include <string>

#include <gtest/gtest.h>

#include "libnorm/models/curvature.hpp"
#include "tests/support/arrays.hpp"
#include "tests/support/training.hpp"

/// A stabilizer from outside the library: it trains, and has exact curvature, as one of the
/// library's.
namespace libnorm::test {
namespace {

/// The library's Rms, written anew.
struct OwnRms {
  template <class T>
  T forward(Pointer<T> x, Index channels) const {
    T squares(0);
    for (Index c = 0; c < channels; ++c) squares = squares + T(x[c]) * T(x[c]);
    const T scale = T(1) / square_root(squares / T(Real<T>(channels)) + T(1e-5f));
    for (Index c = 0; c < channels; ++c) x[c] = T(x[c]) * scale;
    return scale;
  }
  template <class T>
  void backward(Pointer<const T> z, T scale, Pointer<T> g, Index channels) const {
    T along(0);
    for (Index c = 0; c < channels; ++c) along = along + T(z[c]) * T(g[c]);
    const T share = along / T(Real<T>(channels));
    for (Index c = 0; c < channels; ++c) g[c] = (T(g[c]) - T(z[c]) * share) * scale;
  }
};
const Norm kOwn{custom_rows(OwnRms{}), Affine::gain};
const Norm kLibrarys{Rms{double(1e-5f)}, Affine::gain};

template <class T>
Transformer<T> model_with(const Norm& norm, Placement placement) {
  TransformerOptions options;
  options.vocabulary = options.outputs = kTask.vocabulary();
  options.channels = 12;
  options.hidden = 20;
  options.heads = 2;
  options.blocks = 2;
  options.normalization.norm = norm;
  options.normalization.placement = placement;
  Transformer<T> model(options);
  model.initialize(5);
  return model;
}

Batch small_batch() {
  Batch batch;
  AssociativeRecall{3, 4, 5, 6}.draw(1, Purpose::training_batch, 0, Path::shortcut, batch);
  return batch;
}

TEST(CustomRows, HaveTheLossAndGradientOfTheLibrarysNorm) {
  for (Placement placement : {Placement::post, Placement::pre, Placement::deep}) {
    Transformer<double> own = model_with<double>(kOwn, placement);
    Transformer<double> librarys = model_with<double>(kLibrarys, placement);
    const Batch batch = small_batch();
    EXPECT_NEAR(own.loss_and_gradient(batch), librarys.loss_and_gradient(batch), 1e-13);
    for (std::size_t i = 0; i < own.gradient().size(); ++i) {
      ASSERT_NEAR(own.gradient()[i], librarys.gradient()[i], 1e-13) << i;
    }
  }
}

TEST(CustomRows, HaveExactHessianVectorProducts) {
  const Batch batch = small_batch();
  Curvature own(model_with<double>(kOwn, Placement::post), batch, {});
  Curvature librarys(model_with<double>(kLibrarys, Placement::post), batch, {});
  const auto n = std::size_t(own.dimension());
  const std::vector<double> v = draw_vector<double>(Index(n), 3);
  std::vector<double> product(n), expected(n);
  own.hessian_vector_product(own.weights(), v, product);
  librarys.hessian_vector_product(librarys.weights(), v, expected);
  for (std::size_t i = 0; i < n; ++i) ASSERT_NEAR(product[i], expected[i], 1e-11) << i;
}

TEST(CustomRows, TrainWithTheSameBitsEverywhere) {
  expect_same_everywhere("weights", [] {
    Transformer<float> model = model_with<float>(kOwn, Placement::post);
    Adam<float> adam(model.size(), {});
    Batch batch;
    for (std::uint32_t step = 0; step < 3; ++step) {
      kTask.draw(1, Purpose::training_batch, step, Path::shortcut, batch);
      model.loss_and_gradient(batch);
      adam.step(model.weights_data(), model.gradient_data());
    }
    return model.weights();
  });
}

/// Rows of zeros and rows whose squares overflow are the library's business.
TEST(CustomRows, AreGivenRowsWithinTheirRange) {
  const Norm norm{custom_rows(OwnRms{}), Affine::none};
  for (float size : {0.0f, 1e-30f, 1e30f}) {
    std::vector<float> x(9, size), z(9);
    std::vector<float> scale(std::size_t(norm_scale_size(norm, 1, 9, 0)));
    NormArrays<float> a;
    a.input = MatrixView<const float>(x.data(), 1, 9);
    a.output = a.stabilized = MatrixView<float>(z.data(), 1, 9);
    a.scale = scale.data();
    norm_forward(norm, Phase::training, a);
    for (float value : z) EXPECT_TRUE(std::isfinite(value)) << size;
  }
}

}  // namespace
}  // namespace libnorm::test
