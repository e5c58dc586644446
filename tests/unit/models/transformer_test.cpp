#include "libnorm/models/transformer.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <vector>

#include <gtest/gtest.h>

#include "libnorm/data/associative_recall.hpp"
#include "tests/support/compare.hpp"
#include "tests/support/models.hpp"
#include "tests/tolerances.hpp"

namespace libnorm::test {
namespace {

template <class T>
class TransformerValues : public testing::Test {};
using Numbers = testing::Types<float, double>;
TYPED_TEST_SUITE(TransformerValues, Numbers);

/// The oracle's rows of the positions, in the order of the batch's rows.
std::vector<double> rows_of(const oracle::Matrix& positions, const Batch& batch,
                            const Sample& sample) {
  std::vector<double> rows(std::size_t(batch.rows()) * positions.cols);
  for (Index i = 0; i < Index(sample.ids.size()); ++i) {
    const Index row = row_of_position(batch, sample, i);
    std::copy_n(positions.data.begin() + i * Index(positions.cols), positions.cols,
                rows.begin() + row * Index(positions.cols));
  }
  return rows;
}

template <class T>
void expect_activations(Transformer<T>& model, oracle::Transformer& o, const Sample& sample,
                        const Batch& batch, Phase phase, double few) {
  const auto all =
      o.activations(sample.ids, std::size_t(sample.length),
                    phase == Phase::training ? oracle::Phase::training : oracle::Phase::evaluation);
  const auto running = model.running_values();
  for (Index b = 0; b < model.options().blocks; ++b) {
    const auto want = rows_of(all[std::size_t(b)], batch, sample);
    // Where a norm leaves nothing but rounding, there is no largest number to go by.
    EXPECT_TRUE(within("activations", want, values_of(model.activations(batch, b, phase)), few,
                       std::max(1.0, largest_size(want))));
  }
  EXPECT_EQ(running, model.running_values()) << "activations must not update statistics";
}

template <class T>
void expect_oracles(std::string_view norm, Depth depth, const Sample& sample, Path path,
                    double head_multiplier = 1) {
  Transformer<T> model = small_model<T>(norm, depth, 1, head_multiplier);
  const Batch batch = sample.batch(path);
  const double few = tolerance<T>(kModelValue) * sample.amplification(norm);
  oracle::Transformer o = oracle_of(model, norm);
  expect_activations(model, o, sample, batch, Phase::training, few);

  o = oracle_of(model, norm);
  const std::size_t length = std::size_t(sample.length),
                    prediction_position = std::size_t(sample.prediction_position);
  const double loss = model.loss_and_gradient(batch);
  const double expected = oracle::cross_entropy(
      o.logits(sample.ids, length, prediction_position, oracle::Phase::training), sample.targets);
  EXPECT_NEAR(loss, expected, few * expected);
  for (const Parameter& p : model.running().all()) {
    const auto& statistics = o.running.at(p.name.substr(0, p.name.rfind('.')));
    const bool mean = p.name.find("running_mean") != std::string::npos;
    const auto begin = model.running_values().begin() + p.offset;
    EXPECT_TRUE(close(p.name, mean ? statistics.mean : statistics.variance,
                      std::vector<T>(begin, begin + p.size()), few));
  }

  o = oracle_of(model, norm);
  expect_activations(model, o, sample, batch, Phase::evaluation, few);
  const oracle::Matrix logits =
      o.logits(sample.ids, length, prediction_position, oracle::Phase::evaluation);
  EXPECT_TRUE(close("logits", logits.data, values_of(model.logits(batch)), few));
  const double eval_loss = oracle::cross_entropy(logits, sample.targets);
  EXPECT_NEAR(model.loss(batch), eval_loss, few * eval_loss);
}

TYPED_TEST(TransformerValues, AreTheOracles) {
  for (const std::string& norm : model_texts()) {
    for (const Depth& depth : kDepths) {
      for (const Sample& sample : samples()) {
        for (Path path : {Path::shortcut, Path::dense}) {
          SCOPED_TRACE(testing::Message()
                       << norm << ", " << depth.blocks << " blocks, " << sample.name
                       << (path == Path::dense ? ", dense" : ", shortcut"));
          expect_oracles<TypeParam>(norm, depth, sample, path);
        }
      }
    }
  }
}

TYPED_TEST(TransformerValues, OfAMultipliedHeadAreTheOracles) {
  for (const char* norm : {"layernorm", "rms+gain@pre", "batchnorm"}) {
    for (Path path : {Path::shortcut, Path::dense}) {
      SCOPED_TRACE(testing::Message() << norm << (path == Path::dense ? ", dense" : ", shortcut"));
      expect_oracles<TypeParam>(norm, {2, 2}, samples()[0], path, 3);
    }
  }
}

/// A power of two costs no rounding, so it may as well stand in the head's weights.
TYPED_TEST(TransformerValues, AMultipliedHeadIsOneWithLargerWeights) {
  using T = TypeParam;
  for (const char* norm : {"layernorm", "batchnorm", "rms+gain@pre"}) {
    SCOPED_TRACE(norm);
    auto multiplied = small_model<T>(norm, {2, 2}, 1, 4), larger = small_model<T>(norm, {2, 2});
    const Parameter& head = larger.parameters().find("head.weight");
    const auto is_head = [&](Index i) { return head.offset <= i && i < head.offset + head.size(); };
    for (Index i = head.offset; is_head(i); ++i) larger.weights()[std::size_t(i)] *= 4;
    const Batch batch = samples()[0].batch(Path::shortcut);
    EXPECT_EQ(multiplied.loss_and_gradient(batch), larger.loss_and_gradient(batch));
    auto expected = larger.gradient();
    for (Index i = head.offset; is_head(i); ++i) expected[std::size_t(i)] *= 4;
    EXPECT_TRUE(same_bits("gradient", expected, multiplied.gradient()));
    EXPECT_TRUE(
        same_bits("logits", values_of(larger.logits(batch)), values_of(multiplied.logits(batch))));
    std::vector<T> rows = values_of(larger.read_rows(batch));
    for (T& x : rows) x *= 4;
    EXPECT_TRUE(same_bits("read rows", rows, values_of(multiplied.read_rows(batch))));
  }
}

/// Buffers are kept from call to call: a large batch must leave nothing for a small one.
TEST(Transformer, ForgetsTheBatchBefore) {
  for (const std::string& norm : model_texts()) {
    SCOPED_TRACE(norm);
    Transformer<float> used = small_model<float>(norm, {2, 2});
    Transformer<float> fresh = used;
    const auto running = used.running_values();
    for (const Sample& sample : samples()) {
      used.loss_and_gradient(sample.batch(Path::dense));
    }
    used.running_values() = running;
    const Batch batch = samples()[1].batch(Path::shortcut);
    EXPECT_EQ(fresh.loss_and_gradient(batch), used.loss_and_gradient(batch));
    EXPECT_TRUE(same_bits("gradient", fresh.gradient(), used.gradient()));
  }
}

TEST(Transformer, CountsFewerOperationsOnTheShortcutPath) {
  Transformer<float> model = small_model<float>("layernorm", {1, 1});
  model.loss_and_gradient(samples()[0].batch(Path::shortcut));
  const double shortcut = model.flop();
  model.loss_and_gradient(samples()[0].batch(Path::dense));
  EXPECT_GT(shortcut, 0.0);
  EXPECT_GT(model.flop() - shortcut, 2 * shortcut);
}

/// With nothing from attention the logits are a function of the query, so of the sequences with one
/// query the model is right for those of one attribute, a quarter of them.
TEST(Transformer, WithoutAttentionLooksUpByChance) {
  const AssociativeRecall task{6, 4, 6, 4000, RecallKind::lookup};
  TransformerOptions options;
  options.vocabulary = task.vocabulary();
  options.outputs = task.outputs();
  options.channels = 32;
  options.hidden = 64;
  Transformer<float> model(options);
  model.initialize(1);
  for (const char* name :
       {"blocks.0.attention.out_proj.weight", "blocks.0.attention.out_proj.bias"}) {
    const Parameter& p = model.parameters().find(name);
    std::fill_n(model.weights().begin() + p.offset, p.size(), 0.0f);
  }
  Batch batch, dense;
  task.draw(3, Purpose::training_batch, 0, Path::shortcut, batch);
  task.draw(3, Purpose::training_batch, 0, Path::dense, dense);
  const auto logits = model.logits(batch);
  std::map<std::int32_t, std::vector<float>> of_query;
  int right = 0;
  for (Index b = 0; b < task.batch; ++b) {
    const std::int32_t query = dense.ids[std::size_t(b * 7 + 6)];
    const std::vector<float> row(logits.row(b), logits.row(b) + 4);
    const auto [known, is_new] = of_query.emplace(query, row);
    EXPECT_EQ(known->second, row) << "one answer to a query, whatever the sequence says";
    right +=
        std::max_element(row.begin(), row.end()) - row.begin() == batch.targets[std::size_t(b)];
  }
  EXPECT_EQ(of_query.size(), 6u);
  EXPECT_NEAR(right, 1000, 5 * std::sqrt(4000 * 0.25 * 0.75));
}

}  // namespace
}  // namespace libnorm::test
