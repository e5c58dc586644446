#include <algorithm>
#include <string>

#include <gtest/gtest.h>

#include "libnorm/models/transformer.hpp"
#include "tests/support/compare.hpp"
#include "tests/support/models.hpp"
#include "tests/tolerances.hpp"

/// The exact shortcuts give what the dense path gives, but for rounding.
namespace libnorm::test {
namespace {

template <class T>
class Shortcut : public testing::Test {};
using Numbers = testing::Types<float, double>;
TYPED_TEST_SUITE(Shortcut, Numbers);

template <class F>
void for_each_case(F f) {
  for (const std::string& norm : model_texts()) {
    for (const Depth& depth : kDepths) {
      for (const Sample& sample : samples()) {
        SCOPED_TRACE(testing::Message()
                     << norm << ", " << depth.blocks << " blocks, " << sample.name);
        f(norm, depth, sample);
      }
    }
  }
}

/// Rows of the batch written out for each position.
template <class T>
std::vector<T> by_position(const MatrixView<const T>& rows, const Batch& batch,
                           const Sample& sample) {
  std::vector<T> values;
  for (Index i = 0; i < Index(sample.ids.size()); ++i) {
    const T* row = rows.row(row_of_position(batch, sample, i));
    values.insert(values.end(), row, row + rows.cols);
  }
  return values;
}

TYPED_TEST(Shortcut, GivesTheDenseLossAndGradients) {
  using T = TypeParam;
  for_each_case([](std::string_view norm, Depth depth, const Sample& sample) {
    Transformer<T> few = small_model<T>(norm, depth), dense = few;
    const double loss = dense.loss_and_gradient(sample.batch(Path::dense));
    const double value = tolerance<T>(kModelValue) * sample.amplification(norm);
    EXPECT_NEAR(few.loss_and_gradient(sample.batch(Path::shortcut)), loss, value * loss);
    if (!few.running_values().empty()) {
      EXPECT_TRUE(close("running", widened(dense.running_values()), few.running_values(), value));
    }
    const double gradient =
        tolerance<T>(kModelGradient) * sample.amplification(norm, 2 * depth.blocks);
    // In float, four BatchNorms of variance 0 leave nothing but noise (317^4 u = 600).
    if (gradient > 0.1) return;
    for (const GradientPart& part : gradient_parts(few.parameters(), norm)) {
      const auto want = widened(slice(dense.gradient(), part.first, part.size));
      // Where all tokens are equal, every gradient before a norm may be noise.
      EXPECT_TRUE(within(part.name, want, slice(few.gradient(), part.first, part.size), gradient,
                         sample.all_equal() ? 1.0 : part.scale(largest_size(want))));
    }
  });
}

TYPED_TEST(Shortcut, GivesTheDenseLogitsAndLossInEvaluation) {
  using T = TypeParam;
  for_each_case([](std::string_view norm, Depth depth, const Sample& sample) {
    Transformer<T> model = small_model<T>(norm, depth);
    const Batch few = sample.batch(Path::shortcut), dense = sample.batch(Path::dense);
    // A norm of instances has its statistics of the batch in evaluation too.
    const bool of_instances = norm.find("instancenorm") != norm.npos;
    const double value =
        tolerance<T>(kModelValue) * (of_instances ? sample.amplification(norm) : 1);
    EXPECT_TRUE(close("logits", widened(values_of(model.logits(dense))),
                      values_of(model.logits(few)), value));
    const double loss = model.loss(dense);
    EXPECT_NEAR(model.loss(few), loss, value * loss);
  });
}

/// Texts of 5, 1 and 8 tokens with nothing behind them, as with a mask over the padding.
TYPED_TEST(Shortcut, GivesTheDenseGradientsOfTextsWithoutPadding) {
  using T = TypeParam;
  Corpus corpus;
  corpus.ids = {4, 7, 7, 1, 4, 9, 4, 2, 2, 2, 12, 11, 3, 2};
  corpus.first = {0, 5, 6, 14};
  corpus.labels = {3, 0, 10};
  const std::vector<std::int32_t> which = {2, 0, 1, 0};
  Batch few, all;
  few.assign(corpus, which, {}, 0, 13, Path::shortcut);
  all.assign(corpus, which, {}, 0, 13, Path::dense);
  ASSERT_LT(few.rows(), all.rows());
  for (const std::string& norm : model_texts()) {
    SCOPED_TRACE(norm);
    Transformer<T> model = small_model<T>(norm, {2, 2}), dense = model;
    const double loss = dense.loss_and_gradient(all);
    EXPECT_NEAR(model.loss_and_gradient(few), loss, tolerance<T>(kModelValue) * loss);
    for (const GradientPart& part : gradient_parts(model.parameters(), norm)) {
      const auto want = widened(slice(dense.gradient(), part.first, part.size));
      EXPECT_TRUE(within(part.name, want, slice(model.gradient(), part.first, part.size),
                         tolerance<T>(kModelGradient), part.scale(largest_size(want))));
    }
    EXPECT_TRUE(close("logits", widened(values_of(dense.logits(all))), values_of(model.logits(few)),
                      tolerance<T>(kModelValue)));
  }
}

TEST(ShortcutCost, GoesWithTheTextAndNotWithItsPaddedLength) {
  Corpus corpus;
  corpus.ids = {4, 7, 7, 1, 4, 9, 4};
  corpus.first = {0, 5, 7};
  corpus.labels = {3, 0};
  std::vector<double> cost;
  for (const Index length : {8, 512}) {
    Batch batch;
    batch.assign(corpus, std::vector<std::int32_t>{0, 1}, {0, length}, 0, 13, Path::shortcut);
    EXPECT_EQ(batch.positions, 2 * length);
    Transformer<float> model = small_model<float>("layernorm", {2, 2});
    model.loss_and_gradient(batch);
    cost.push_back(model.flop());
  }
  EXPECT_EQ(cost[0], cost[1]);
}

TYPED_TEST(Shortcut, GivesTheDenseActivations) {
  using T = TypeParam;
  for_each_case([](std::string_view norm, Depth depth, const Sample& sample) {
    Transformer<T> model = small_model<T>(norm, depth);
    const Batch few = sample.batch(Path::shortcut), dense = sample.batch(Path::dense);
    for (Phase phase : {Phase::training, Phase::evaluation}) {
      for (Index b = 0; b < depth.blocks; ++b) {
        const auto want = by_position(model.activations(dense, b, phase), dense, sample);
        const auto have = by_position(model.activations(few, b, phase), few, sample);
        // Where a norm leaves nothing but rounding, there is no largest number to go by.
        EXPECT_TRUE(within("activations", widened(want), have,
                           tolerance<T>(kModelValue) * sample.amplification(norm),
                           std::max(1.0, largest_size(widened(want)))));
      }
    }
  });
}

}  // namespace
}  // namespace libnorm::test
