#include "harness/studies/encoder_run.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "harness/results/result_json.hpp"
#include "harness/studies/encoder_data.hpp"
#include "libnorm/core/launch.hpp"
#include "libnorm/metrics/activations/activation_spectrum.hpp"
#include "libnorm/metrics/activations/spectrum.hpp"

namespace {

using harness::EncoderArm;
using harness::EncoderData;
using harness::EncoderOptions;
using harness::EncoderRun;
using libnorm::Index;

/// 5 steps an epoch, the last of 4 texts.
EncoderOptions small() {
  EncoderOptions o;
  o.texts = harness::Texts::topics;
  o.rows = 36;
  o.test_rows = 20;
  o.epochs = 2;
  o.batch = 8;
  o.length = 20;
  o.channels = 12;
  o.hidden = 20;
  o.heads = 2;
  o.blocks = 3;
  o.vocabulary = 400;
  o.learning_rate = 1e-2;
  return o;
}

std::shared_ptr<const EncoderData> data(const EncoderOptions& options, std::uint64_t seed = 0) {
  return harness::EncoderCorpora(options, {}, harness::Trust::known, {}).of_seed(seed);
}

harness::RunResult train(EncoderRun& run) {
  while (!run.finished()) run.step();
  return run.result("custom");
}

class EveryEncoderArm : public testing::TestWithParam<EncoderArm> {};

TEST_P(EveryEncoderArm, GoesOnFromAnyStepWithTheSameBits) {
  const auto texts = data(small());
  EncoderRun whole(small(), GetParam(), 3, texts);
  const harness::RunResult expected = train(whole);
  EXPECT_EQ(expected.steps, 10);
  // Before, within and after an epoch.
  for (const int steps : {0, 1, 4, 5, 6, 9, 10}) {
    EncoderRun first(small(), GetParam(), 3, texts), second(small(), GetParam(), 3, texts);
    for (int i = 0; i < steps; ++i) first.step();
    second.restore(first.state());
    const harness::RunResult result = train(second);
    EXPECT_EQ(result.weights_sha256, expected.weights_sha256) << steps;
    EXPECT_EQ(result.losses_sha256, expected.losses_sha256) << steps;
    EXPECT_EQ(result.metrics, expected.metrics) << steps;
    EXPECT_EQ(result.epochs, expected.epochs) << steps;
    EXPECT_EQ(result.spectra, expected.spectra) << steps;
    EXPECT_EQ(result.held_out_correct, expected.held_out_correct) << steps;
  }
}

TEST(EncoderRun, GoesOnWithinItsWarmUpWithTheSameBits) {
  EncoderOptions options = small();
  options.initial_std = 0.1;
  options.head_multiplier = 3;
  options.weight_decay = 0.1;
  options.clip_norm = 0.5;
  options.warmup_steps = 7;
  options.cosine_to = 0;
  const EncoderArm& arm = harness::find_encoder_arm("layernorm");
  const auto texts = data(options);
  EncoderRun whole(options, arm, 3, texts);
  const harness::RunResult expected = train(whole);
  for (const int steps : {3, 5, 9}) {
    EncoderRun first(options, arm, 3, texts), second(options, arm, 3, texts);
    for (int i = 0; i < steps; ++i) first.step();
    second.restore(first.state());
    EXPECT_EQ(train(second).weights_sha256, expected.weights_sha256) << steps;
  }
  // The cosine ends with the run: half as many epochs have other rates after the warm-up.
  options.epochs = 4;
  EncoderRun longer(options, arm, 3, texts);
  for (int i = 0; i < 10; ++i) longer.step();
  EXPECT_NE(longer.result("custom").weights_sha256, expected.weights_sha256);
}

TEST(EncoderRun, OfNoEpochsIsTheUntrainedNetwork) {
  EncoderOptions options = small();
  options.epochs = 0;
  const EncoderArm& arm = harness::find_encoder_arm("layernorm");
  const auto texts = data(options);
  EncoderRun run(options, arm, 3, texts);
  EXPECT_TRUE(run.finished());
  harness::RunResult result = run.result("custom");
  EXPECT_EQ(result.steps, 0);
  EXPECT_TRUE(std::isnan(result.final_loss));
  EXPECT_EQ(result.spectra.size(), 3u * 4u);
  EXPECT_EQ(result.held_out_correct.size(), 20u);
  EXPECT_EQ(result.metrics.count("layer3.published.effective_rank"), 1u);
  EXPECT_EQ(result.metrics.count("training_loss"), 0u) << "nothing was trained";
  run.measure({"rows", "untrained"}, result);
  EXPECT_EQ(result.metrics.at("rows.layer3.read.plain.effective_rank"),
            result.metrics.at("untrained.layer3.read.plain.effective_rank"));
  EncoderRun again(options, arm, 3, texts);
  again.restore(run.state());
  EXPECT_EQ(again.result("custom").weights_sha256, result.weights_sha256);
  EXPECT_EQ(again.result("custom").held_out_correct, result.held_out_correct);
}

TEST_P(EveryEncoderArm, HasTheSameBitsWithAnyThreads) {
  const auto texts = data(small());
  std::string expected;
  for (const int threads : {1, 2, 8}) {
    libnorm::with_threads(threads, [&] {
      EncoderRun run(small(), GetParam(), 0, texts);
      const harness::RunResult result = train(run);
      if (expected.empty()) expected = result.weights_sha256;
      EXPECT_EQ(result.weights_sha256, expected) << threads;
    });
  }
}

TEST_P(EveryEncoderArm, DenseTrainingIsTheSameButForRounding) {
  EncoderOptions options = small();
  options.learning_rate = 1e-4;
  const auto texts = data(options);
  EncoderRun shortcut(options, GetParam(), 1, texts);
  options.path = libnorm::Path::dense;
  EncoderRun dense(options, GetParam(), 1, texts);
  const auto a = train(shortcut), b = train(dense);
  EXPECT_NE(a.spec_sha256, b.spec_sha256);
  for (std::size_t i = 0; i < a.loss_curve.size(); ++i) {
    // Ten steps of Adam at this rate move weights by 1e-3; rounding, by parts in a thousand of it.
    EXPECT_NEAR(a.loss_curve[i], b.loss_curve[i], 1e-4 * a.loss_curve[i]);
  }
  for (const auto& [name, s] : a.spectra) {
    for (std::size_t i = 0; i < s.size(); ++i) {
      EXPECT_NEAR(s[i], b.spectra.at(name)[i], 1e-3 * s[0]) << name << " " << i;
    }
  }
}

TEST_P(EveryEncoderArm, ResultHoldsWhatClaimsAndFiguresNeed) {
  EncoderRun run(small(), GetParam(), 0, data(small()));
  const harness::RunResult result = train(run);
  EXPECT_EQ(result.task, "topics");
  EXPECT_THAT(result.data, testing::HasSubstr("NOT AG News"));
  EXPECT_EQ(result.spectra.size(), 3u * 4u);
  for (const auto& [name, values] : result.epochs) {
    EXPECT_EQ(values.size(), 2u) << name;
    EXPECT_EQ(values.back(), result.metrics.at(name)) << name;
    EXPECT_TRUE(std::all_of(values.begin(), values.end(), [](double v) { return v >= 0; })) << name;
  }
  for (const auto& [name, s] : result.spectra) {
    for (const auto& m : libnorm::values_of(s)) {
      EXPECT_EQ(result.metrics.at(name + "." + m.name), m.value) << name << " " << m.name;
    }
  }
  for (const char* accuracy : {"training_accuracy", "held_out_accuracy"}) {
    EXPECT_LE(result.metrics.at(accuracy), 1.0);
  }
}

INSTANTIATE_TEST_SUITE_P(EncoderRun, EveryEncoderArm, testing::ValuesIn(harness::encoder_arms()),
                         [](const auto& arm) { return std::string(arm.param.name); });

TEST(EncoderRun, TakesTheSpectraOfThePositionsThatPyTorchHas) {
  // All texts in one batch, so that the batch's order does not matter, and no step that is kept.
  EncoderOptions options = small();
  options.rows = 7;
  options.epochs = 1;
  options.learning_rate = 1e-30;
  const auto texts = data(options);
  const EncoderArm& arm = harness::find_encoder_arm("layernorm");
  EncoderRun run(options, arm, 5, texts);
  const harness::RunResult result = train(run);

  libnorm::Transformer<float> model(harness::model_options(options, arm, *texts));
  model.initialize(5);
  libnorm::Batch batch;
  batch.assign(texts->train, std::vector<std::int32_t>{0, 1, 2, 3, 4, 5, 6}, {0, options.length}, 0,
               options.vocabulary, libnorm::Path::dense);
  const auto output = model.activations(batch, 1);
  std::vector<float> all(output.data, output.data + output.size()), text;
  for (Index r = 0; r < output.rows; ++r) {
    if (batch.ids[std::size_t(r)] == 0) continue;
    text.insert(text.end(), output.row(r), output.row(r) + output.cols);
  }
  const auto expect = [&](const std::string& name, std::vector<float> rows, bool centre) {
    const Index c = options.channels, n = Index(rows.size()) / c;
    ASSERT_GT(n, c);
    for (Index j = 0; centre && j < c; ++j) {
      double mean = 0;
      for (Index r = 0; r < n; ++r) mean += double(rows[std::size_t(r * c + j)]) / double(n);
      for (Index r = 0; r < n; ++r) rows[std::size_t(r * c + j)] -= float(mean);
    }
    const auto want = libnorm::singular_values<float>({rows.data(), n, c});
    const auto& have = result.spectra.at(name);
    ASSERT_EQ(have.size(), want.size()) << name;
    for (std::size_t i = 0; i < want.size(); ++i) {
      // Activations of the two paths, and centring in float, round by parts in 1e7.
      EXPECT_NEAR(have[i], want[i], 2e-6 * want[0]) << name << " " << i;
    }
  };
  expect("layer2.published", all, false);
  expect("layer2.centred", all, true);
  expect("layer2.no_padding", text, false);
  expect("layer2.no_padding_centred", text, true);
}

TEST(EncoderRun, CountsRunningAndHeldOutAccuracy) {
  // At a rate of nothing the model stays as it is, and its answers can be counted afterwards.
  EncoderOptions options = small();
  options.epochs = 1;
  options.learning_rate = 1e-30;
  const auto texts = data(options);
  const EncoderArm& arm = harness::find_encoder_arm("none");
  EncoderRun run(options, arm, 2, texts);
  const harness::RunResult result = train(run);
  libnorm::Transformer<float> model(harness::model_options(options, arm, *texts));
  model.initialize(2);
  std::vector<bool> right;
  const auto accuracy = [&](const libnorm::Corpus& corpus) {
    int correct = 0;
    right.clear();
    for (std::int32_t i = 0; i < corpus.size(); ++i) {
      libnorm::Batch one;
      one.assign(corpus, std::vector<std::int32_t>{i}, {0, options.length}, 0, options.vocabulary,
                 libnorm::Path::shortcut);
      const auto logits = model.logits(one);
      right.push_back(std::max_element(logits.data, logits.data + 4) - logits.data ==
                      corpus.labels[std::size_t(i)]);
      correct += right.back();
    }
    return double(correct) / double(corpus.size());
  };
  EXPECT_EQ(result.metrics.at("training_accuracy"), accuracy(texts->train));
  EXPECT_EQ(result.metrics.at("held_out_accuracy"), accuracy(texts->test));
  EXPECT_EQ(result.held_out_correct, right) << "each text in the order of the test set";
}

TEST(EncoderRun, EachTextsBitIsOfTheTrainedModel) {
  const auto texts = data(small());
  for (const char* name : {"layernorm", "none", "batchnorm"}) {
    EncoderRun run(small(), harness::find_encoder_arm(name), 4, texts);
    const harness::RunResult result = train(run);
    ASSERT_EQ(result.held_out_correct.size(), 20u);
    const auto right =
        std::count(result.held_out_correct.begin(), result.held_out_correct.end(), true);
    EXPECT_EQ(double(right) / 20.0, result.metrics.at("held_out_accuracy")) << name;
    EXPECT_EQ(result.metrics.at("held_out_accuracy"), result.epochs.at("held_out_accuracy").back());
    EXPECT_EQ(harness::result_from_line(harness::to_line(result), "row").held_out_correct,
              result.held_out_correct);
  }
}

TEST(EncoderRun, LearnsGeneratedTexts) {
  EncoderOptions options = small();
  options.rows = 512;
  options.test_rows = 200;
  options.epochs = 12;
  options.batch = 16;
  options.length = 40;
  options.channels = 16;
  options.hidden = 32;
  options.blocks = 2;
  options.learning_rate = 3e-3;
  const auto texts = data(options);
  EncoderRun run(options, harness::find_encoder_arm("layernorm"), 0, texts);
  const harness::RunResult result = train(run);
  EXPECT_LT(result.epochs.at("training_loss").back(),
            0.8 * result.epochs.at("training_loss").front());
  // Of four classes; the words of 512 texts do not tell as much of others.
  EXPECT_GT(result.metrics.at("training_accuracy"), 0.6);
  EXPECT_GT(result.metrics.at("held_out_accuracy"), 0.4);
}

TEST(EncoderRun, RefusesAStateOfAnotherModel) {
  const auto texts = data(small());
  EncoderRun run(small(), harness::find_encoder_arm("layernorm"), 0, texts);
  run.step();
  auto state = run.state();
  EncoderOptions other = small();
  other.channels = 16;
  EncoderRun wider(other, harness::find_encoder_arm("layernorm"), 0, texts);
  EXPECT_THROW(wider.restore(state), libnorm::DataError);
  state.push_back({});
  EXPECT_THROW(run.restore(state), libnorm::DataError);
  EXPECT_THROW(run.restore({}), libnorm::DataError);
}

TEST(EncoderRun, EndsAtALossThatIsNotFinite) {
  EncoderOptions options = small();
  options.learning_rate = 1e30;
  EncoderRun run(options, harness::find_encoder_arm("none"), 0, data(options));
  const harness::RunResult result = train(run);
  EXPECT_GE(result.diverged_at, 1);
  EXPECT_EQ(result.diverged_at, result.steps - 1);
  EXPECT_TRUE(result.held_out_correct.empty());
}

TEST(EncoderSpec, TellsProfilesOfAllGeneratedTextsApart) {
  EncoderOptions paper, subset;
  subset.texts = harness::Texts::subset;
  ASSERT_EQ(paper.rows, 0);
  const auto spec_of = [](const EncoderOptions& options) {
    return harness::encoder_spec(options, harness::find_encoder_arm("none"), 1,
                                 harness::EncoderCorpora::expected(options, "topics"));
  };
  EXPECT_EQ(spec_of(paper).integer("rows"), 120000);
  EXPECT_EQ(spec_of(subset).integer("rows"), 47598);
}

TEST(EncoderSpec, TellsArmsSeedsAndDataApart) {
  const EncoderOptions options = small();
  const EncoderData topics = harness::EncoderCorpora::expected(options, "topics");
  const EncoderData news = harness::EncoderCorpora::expected(options, "ag_news");
  const auto& arm = harness::find_encoder_arm("none");
  const auto spec = harness::encoder_spec(options, arm, 1, topics);
  EXPECT_NE(harness::encoder_spec(options, arm, 1, news), spec);
  EXPECT_NE(harness::encoder_spec(options, arm, 2, topics), spec);
  EXPECT_NE(harness::encoder_spec(options, harness::find_encoder_arm("none_masked"), 1, topics),
            spec);
  EncoderOptions other = options;
  other.rows = 35;
  EXPECT_NE(harness::encoder_spec(other, arm, 1, topics), spec);
  other = options;
  other.path = libnorm::Path::dense;
  EXPECT_NE(harness::encoder_spec(other, arm, 1, topics), spec);
}

}  // namespace
