#include <algorithm>
#include <numeric>
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
class EncoderReference : public testing::Test {};
using Numbers = testing::Types<float, double>;
TYPED_TEST_SUITE(EncoderReference, Numbers);

Corpus corpus_of(const Json& shared) {
  Corpus corpus;
  const auto ids = numbers<std::int32_t>(shared, "ids");
  const auto lengths = numbers<Index>(shared, "lengths");
  for (std::size_t b = 0; b < lengths.size(); ++b) {
    const auto begin = ids.begin() + Index(b) * extent(shared, "ids", 1);
    corpus.ids.insert(corpus.ids.end(), begin, begin + lengths[b]);
    corpus.first.push_back(Index(corpus.ids.size()));
  }
  corpus.labels = numbers<std::int32_t>(shared, "targets");
  return corpus;
}

/// What padding there is: none, if a mask hides it.
Padding padding_of(const Json& shared, const Json& settings) {
  const bool published = settings.at("protocol") == "published";
  return {0, published ? extent(shared, "ids", 1) : 0};
}

Batch batch_of(const Corpus& corpus, const Padding& padding, Index vocabulary, Path path) {
  std::vector<std::int32_t> all(std::size_t(corpus.size()));
  std::iota(all.begin(), all.end(), 0);
  Batch batch;
  batch.assign(corpus, all, padding, 0, vocabulary, path);
  return batch;
}

/// Products of rows with the file's vector of that length.
template <class T>
std::vector<double> probed(const Json& shared, const MatrixView<const T>& m) {
  const auto probe = numbers<double>(shared, "probe." + std::to_string(m.cols));
  std::vector<double> products;
  for (Index r = 0; r < m.rows; ++r) {
    products.push_back(std::inner_product(m.row(r), m.row(r) + m.cols, probe.begin(), 0.0));
  }
  return products;
}

/// Products of activations, written out for each position that counts.
template <class T>
std::vector<double> by_position(const Batch& batch, const Corpus& corpus, const Padding& padding,
                                const std::vector<double>& rows) {
  std::vector<double> values;
  for (Index b = 0; b < corpus.size(); ++b) {
    const auto text = corpus.sequence(b);
    std::vector<std::int32_t> ids(text.begin(), text.end());
    if (padding.length > 0) ids.resize(std::size_t(padding.length), padding.id);
    Index row = batch.first[std::size_t(b)];
    for (const std::int32_t id : ids) {
      if (batch.path == Path::shortcut) {
        row = batch.first[std::size_t(b)];
        while (batch.ids[std::size_t(row)] != id) ++row;
      }
      values.push_back(rows[std::size_t(row++)]);
    }
  }
  return values;
}

/// Gradients of the blocks' matrices are held against products, all others as they are.
template <class T>
void expect_gradients(const Transformer<T>& model, const Json& shared, const Json& outputs) {
  // None of its arms has a norm that takes away what all rows share.
  std::vector<GradientPart> parts = gradient_parts(model.parameters(), "none");
  for (const Parameter& p : model.parameters().all()) {
    const auto expected = numbers<double>(outputs, "grad." + p.name);
    const bool matrix = p.name.rfind("blocks.", 0) == 0 && Index(expected.size()) != p.size();
    auto actual = widened(slice(model.gradient(), p.offset, p.size()));
    if (matrix) actual = probed<double>(shared, {actual.data(), p.rows, p.cols, p.cols});
    ASSERT_EQ(actual.size(), expected.size()) << p.name;
    for (const GradientPart& part : parts) {
      if (part.first < p.offset || part.first >= p.offset + p.size()) continue;
      const Index size = matrix ? Index(expected.size()) : part.size;
      const auto want = slice(expected, part.first - p.offset, size);
      EXPECT_TRUE(within(part.name, want, slice(actual, part.first - p.offset, size),
                         tolerance<T>(kEncoderGradient), part.noise ? 1.0 : largest_size(want)));
    }
  }
}

template <class T>
void expect_training(Transformer<T>& model, const Batch& batch, double rate, const Json& outputs) {
  AdamOptions options;
  options.learning_rate = rate;
  Adam<T> adam(model.size(), options);
  std::vector<double> losses;
  const auto expected = numbers<double>(outputs, "losses");
  for (std::size_t step = 0; step < expected.size(); ++step) {
    losses.push_back(model.loss_and_gradient(batch));
    adam.step(model.weights().data(), model.gradient().data());
  }
  EXPECT_TRUE(close("losses", expected, losses, tolerance<T>(kEncoderTraining)));
  EXPECT_TRUE(close("final_logits", numbers<double>(outputs, "final_logits"),
                    values_of(model.logits(batch)), tolerance<T>(kEncoderTraining)));
}

template <class T>
void expect_case(const Json& shared, const Json& c, Path path) {
  SCOPED_TRACE(c.at("name").get<std::string>() + (path == Path::dense ? " dense" : " shortcut"));
  const Json& settings = c.at("settings");
  const Json& outputs = c.at("outputs");
  Transformer<T> model = model_of<T>(shared, settings);
  const Corpus corpus = corpus_of(shared);
  const Padding padding = padding_of(shared, settings);
  const Batch batch = batch_of(corpus, padding, model.options().vocabulary, path);

  const double value = tolerance<T>(kEncoderValue);
  for (Index block = 0; block < model.options().blocks; ++block) {
    const std::string name = "activations." + std::to_string(block);
    const auto rows = probed<T>(shared, model.activations(batch, block));
    EXPECT_TRUE(close(name, numbers<double>(outputs, name),
                      by_position<T>(batch, corpus, padding, rows), value));
  }
  EXPECT_TRUE(
      close("logits", numbers<double>(outputs, "logits"), values_of(model.logits(batch)), value));
  const double loss = number(outputs, "loss");
  EXPECT_NEAR(model.loss(batch), loss, value * loss);
  EXPECT_NEAR(model.loss_and_gradient(batch), loss, value * loss);
  expect_gradients(model, shared, outputs);
  expect_training(model, batch, settings.at("learning_rate"), outputs);
}

TYPED_TEST(EncoderReference, ThreeBlocksOnPaddedAndMaskedTexts) {
  const ReferenceFile file("encoder");
  EXPECT_EQ(file.cases().size(), 8u) << "four arms under two protocols";
  for (const Json& c : file.cases()) {
    for (Path path : {Path::shortcut, Path::dense}) expect_case<TypeParam>(file.shared(), c, path);
  }
}

}  // namespace
}  // namespace libnorm::test
