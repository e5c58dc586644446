#include <algorithm>
#include <cstddef>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "libnorm/data/associative_recall.hpp"
#include "tests/support/training.hpp"

namespace libnorm::test {
namespace {

/// All models; with ThreadSanitizer, which takes twenty minutes for them, one of each family and
/// placement: what races in one does so in all that share its bodies.
std::vector<std::string> texts_here() {
#if defined(__SANITIZE_THREAD__)
  return {"layernorm",
          "batchnorm",
          "dyt",
          "layernorm@pre@qk:rms+gain",
          "instancenorm@sandwich",
          "layernorm@deep",
          "identity@pre@residual_scalar"};
#else
  return model_texts();
#endif
}

class ModelParity : public testing::TestWithParam<std::string> {};

TEST_P(ModelParity, TrainingHasTheSameBitsEverywhere) {
  for (const Depth& depth : kDepths) {
    for (Path path : {Path::shortcut, Path::dense}) {
      SCOPED_TRACE(testing::Message() << depth.blocks << " blocks"
                                      << (path == Path::dense ? ", dense" : ", shortcut"));
      expect_same_everywhere("float", [&] { return train<float>(GetParam(), depth, path); });
    }
  }
  expect_same_everywhere("double", [&] {
    return train<double>(GetParam(), {2, 2}, Path::shortcut);
  });
}

/// A batch of many row blocks, and each of some of its sequences in one of its own.
TEST_P(ModelParity, SequencesHaveTheSameLogitsAlone) {
  const AssociativeRecall many{6, 10, 12, 150};
  Sample drawn{"drawn", many.length(), many.length() - 1, {}, {}};
  const Random random(3, Purpose::test);
  for (Index i = 0; i < many.batch * many.length(); ++i) {
    drawn.ids.push_back(std::int32_t(random.below(std::uint64_t(i), many.keys())));
  }
  for (const Depth& depth : kDepths) {
    Transformer<float> model = task_model<float>(GetParam(), depth);
    const Index width = many.vocabulary();
    for (Path path : {Path::shortcut, Path::dense}) {
      for_each_isa([&] {
        const auto all = values_of(model.logits(drawn.batch(path, width)));
        for (Index b : {0, 1, 71, 143, 144, 149}) {
          Sample alone = drawn;
          alone.ids = slice(drawn.ids, b * drawn.length, drawn.length);
          EXPECT_TRUE(same_bits("logits", slice(all, b * width, width),
                                values_of(model.logits(alone.batch(path, width)))))
              << "sequence " << b;
        }
      });
    }
  }
}

TEST_P(ModelParity, OrderOfTokensDoesNotMatter) {
  const Sample sample = samples()[0];
  Sample turned = sample;
  // Each sequence backwards: the last prediction position comes first.
  for (Index b = 0; b < sample.sequences(); ++b) {
    const auto first = turned.ids.begin() + b * sample.length;
    std::reverse(first, first + sample.length);
  }
  turned.prediction_position = sample.length - 1 - sample.prediction_position;
  for (const Depth& depth : kDepths) {
    Transformer<float> model = small_model<float>(GetParam(), depth), other = model;
    const Batch batch = sample.batch(Path::shortcut), backwards = turned.batch(Path::shortcut);
    EXPECT_EQ(model.loss_and_gradient(batch), other.loss_and_gradient(backwards));
    EXPECT_TRUE(same_bits("gradient", model.gradient(), other.gradient()));
    EXPECT_TRUE(
        same_bits("logits", values_of(model.logits(batch)), values_of(other.logits(backwards))));
  }
}

TEST(ModelRecipe, TrainingHasTheSameBitsEverywhere) {
  const AssociativeRecall lookup{12, 5, 9, 40, RecallKind::lookup};
  for (const char* text : {"layernorm", "batchnorm", "rms+gain@pre"}) {
    for (Path path : {Path::shortcut, Path::dense}) {
      expect_same_everywhere("float", [&] {
        return train<float>(text, {2, 2}, path, lookup, Recipe::full);
      });
    }
  }
  EXPECT_NE(train<float>("layernorm", {2, 2}, Path::shortcut, lookup, Recipe::full),
            train<float>("layernorm", {2, 2}, Path::shortcut, lookup));
}

INSTANTIATE_TEST_SUITE_P(Catalogue, ModelParity, testing::ValuesIn(texts_here()),
                         [](const auto& text) { return word_of(text.param); });

}  // namespace
}  // namespace libnorm::test
