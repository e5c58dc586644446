#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "libnorm/models/transformer.hpp"
#include "libnorm/optim/adam.hpp"
#include "tests/reference/reference_file.hpp"
#include "tests/reference/reference_model.hpp"
#include "tests/support/compare.hpp"
#include "tests/support/models.hpp"
#include "tests/tolerances.hpp"

namespace libnorm::test {
namespace {

using Json = nlohmann::json;

template <class T>
class TransformerReference : public testing::Test {};
using Numbers = testing::Types<float, double>;
TYPED_TEST_SUITE(TransformerReference, Numbers);

/// Activations of the batch's rows, written out for each position.
template <class T>
std::vector<T> as_published(const Batch& batch, const Sample& sample,
                            const MatrixView<const T>& rows) {
  std::vector<T> values;
  for (Index i = 0; i < Index(sample.ids.size()); ++i) {
    const T* row = rows.row(row_of_position(batch, sample, i));
    values.insert(values.end(), row, row + rows.cols);
  }
  return values;
}

template <class T>
void expect_weight_gradients(const Transformer<T>& model, const std::string& arm,
                             const Json& outputs) {
  std::vector<double> expected;
  for (const Parameter& p : model.parameters().all()) {
    const auto values = numbers<double>(outputs, "grad." + p.name);
    ASSERT_EQ(Index(values.size()), p.size()) << p.name;
    expected.insert(expected.end(), values.begin(), values.end());
  }
  for (const GradientPart& part : gradient_parts(model.parameters(), arm)) {
    const auto want = slice(expected, part.first, part.size);
    EXPECT_TRUE(within(part.name, want, slice(model.gradient(), part.first, part.size),
                       tolerance<T>(kModelGradient), part.noise ? 1.0 : largest_size(want)));
  }
}

template <class T>
void expect_statistics(const Transformer<T>& model, const Json& outputs) {
  for (const Parameter& p : model.running().all()) {
    const auto begin = model.running_values().begin() + p.offset;
    EXPECT_TRUE(close(p.name, numbers<double>(outputs, p.name),
                      std::vector<T>(begin, begin + p.size()), tolerance<T>(kModelValue)));
  }
}

template <class T>
void expect_transformer(const Json& shared, const Json& c, Path path) {
  SCOPED_TRACE(c.at("name").get<std::string>() + (path == Path::dense ? " dense" : " shortcut"));
  const Json& outputs = c.at("outputs");
  Transformer<T> model = model_of<T>(shared, c.at("settings"));
  const Index length = extent(shared, "ids", 1);
  const Sample sample{"reference", length, length - 1, numbers<std::int32_t>(shared, "ids"),
                      numbers<std::int32_t>(shared, "targets")};
  const Batch batch = sample.batch(path, model.options().vocabulary);
  const Index last = model.options().blocks - 1;

  const double value = tolerance<T>(kModelValue);
  EXPECT_TRUE(close("activations", numbers<double>(outputs, "activations"),
                    as_published(batch, sample, model.activations(batch, last, Phase::training)),
                    value));
  const double loss = model.loss_and_gradient(batch);
  EXPECT_NEAR(loss, number(outputs, "loss"), value * loss);
  expect_weight_gradients(model, c.at("settings").at("arm"), outputs);
  expect_statistics(model, outputs);

  EXPECT_TRUE(close("eval_logits", numbers<double>(outputs, "eval_logits"),
                    values_of(model.logits(batch)), value));
  EXPECT_NEAR(model.loss(batch), number(outputs, "eval_loss"), value * loss);
  EXPECT_TRUE(close("eval_activations", numbers<double>(outputs, "eval_activations"),
                    as_published(batch, sample, model.activations(batch, last)), value));
}

/// A published arm or control without a reference is a failure, not an omission.
void expect_all_norms(const ReferenceFile& file) {
  for (const char* norm : {"layernorm", "batchnorm", "manual_l2", "sphere", "none"}) {
    const bool found = std::any_of(file.cases().begin(), file.cases().end(), [&](const Json& c) {
      return c.at("settings").at("arm") == norm;
    });
    EXPECT_TRUE(found) << "no reference for " << norm;
  }
}

template <class T>
void expect_file(const std::string& name) {
  const ReferenceFile file(name);
  expect_all_norms(file);
  for (const Json& c : file.cases()) {
    for (Path path : {Path::shortcut, Path::dense}) expect_transformer<T>(file.shared(), c, path);
  }
}

TYPED_TEST(TransformerReference, OneBlockOneHead) { expect_file<TypeParam>("transformer_1"); }

TYPED_TEST(TransformerReference, TwoBlocksTwoHeads) { expect_file<TypeParam>("transformer_2"); }

template <class T>
std::vector<double> train(Transformer<T>& model, const Json& shared, double rate, Path path) {
  const auto ids = numbers<std::int32_t>(shared, "ids");
  const auto targets = numbers<std::int32_t>(shared, "targets");
  const Index steps = extent(shared, "ids", 0), sequences = extent(shared, "ids", 1);
  const Index length = extent(shared, "ids", 2);
  AdamOptions options;
  options.learning_rate = rate;
  Adam<T> adam(model.size(), options);
  Batch batch;
  std::vector<double> losses;
  for (Index step = 0; step < steps; ++step) {
    const auto id = ids.begin() + step * sequences * length;
    const auto target = targets.begin() + step * sequences;
    batch.assign({id, id + sequences * length}, sequences, length, length - 1,
                 {target, target + sequences}, model.options().vocabulary, path);
    losses.push_back(model.loss_and_gradient(batch));
    adam.step(model.weights().data(), model.gradient().data());
  }
  return losses;
}

/// Adam turns the noise of these gradients into steps of full size, so that the values differ; the
/// loss does not depend on them.
bool drifts(const std::string& name, const std::vector<GradientPart>& parts) {
  return std::any_of(parts.begin(), parts.end(), [&](const GradientPart& part) {
    return part.noise && part.name.rfind(name, 0) == 0;
  });
}

template <class T>
void expect_norms(const Transformer<T>& model, const std::string& arm, const Json& outputs) {
  const auto parts = gradient_parts(model.parameters(), arm);
  for (const Parameter& p : model.parameters().all()) {
    if (drifts(p.name, parts)) continue;
    double squares = 0;
    for (T w : slice(model.weights(), p.offset, p.size())) squares += double(w) * double(w);
    const double norm = number(outputs, "norm." + p.name);
    EXPECT_NEAR(std::sqrt(squares), norm, tolerance<T>(kTraining) * norm) << p.name;
  }
}

TYPED_TEST(TransformerReference, FiftyStepsOfTraining) {
  using T = TypeParam;
  const ReferenceFile file("training");
  expect_all_norms(file);
  for (const Json& c : file.cases()) {
    const Json& settings = c.at("settings");
    const std::string arm = settings.at("arm");
    for (Path path : {Path::shortcut, Path::dense}) {
      SCOPED_TRACE(arm + (path == Path::dense ? " dense" : " shortcut"));
      Transformer<T> model = model_of<T>(file.shared(), settings);
      const auto losses = train(model, file.shared(), settings.at("learning_rate"), path);
      const auto expected = numbers<double>(c.at("outputs"), "losses");
      ASSERT_EQ(losses.size(), expected.size());
      for (std::size_t i = 0; i < losses.size(); ++i) {
        EXPECT_NEAR(losses[i], expected[i], tolerance<T>(kTraining) * expected[i]) << "step " << i;
      }
      expect_norms(model, arm, c.at("outputs"));
    }
  }
}

TEST(Reference, MissingFileIsAnError) { EXPECT_THROW(ReferenceFile("no_such_vectors"), DataError); }

}  // namespace
}  // namespace libnorm::test
