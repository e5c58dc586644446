#include <algorithm>
#include <cmath>
#include <string>

#include <gtest/gtest.h>

#include "libnorm/models/transformer.hpp"
#include "tests/support/compare.hpp"
#include "tests/support/models.hpp"

namespace libnorm::test {
namespace {

TEST(Taps, ShowEveryRowOfWhatTheyName) {
  for (const std::string& text : model_texts()) {
    SCOPED_TRACE(text);
    auto model = small_model<float>(text, {2, 2});
    const Batch batch = samples()[0].batch(Path::shortcut);
    const auto outputs = model.all_activations(batch);
    const auto names = model.tap_names();
    ASSERT_EQ(names.size(), 1u + 2 * 8);
    for (const std::string& name : names) {
      const auto tap = model.tap(name);
      const bool hidden = name.find("hidden") != std::string::npos;
      EXPECT_EQ(tap.rows, batch.rows()) << name;
      EXPECT_EQ(tap.cols, hidden ? 37 : 10) << name;
    }
    EXPECT_TRUE(same_bits("out", values_of(outputs[1]), values_of(model.tap("blocks.1.out"))));
    for (Index r = 0; r < batch.rows(); ++r) {
      const Index id = batch.ids[std::size_t(r)];
      EXPECT_EQ(model.tap("embedding")(r, 3), model.weights()[std::size_t(id * 10 + 3)]);
    }
  }
}

TEST(Taps, StandBeforeAndBehindTheAffinePart) {
  auto model = small_model<double>("layernorm", {2, 2});
  const Batch batch = samples()[0].batch(Path::shortcut);
  model.all_activations(batch);
  const auto z = model.tap("blocks.1.norm2.stabilized"), y = model.tap("blocks.1.norm2.out");
  const double* gain =
      model.weights().data() + model.parameters().find("blocks.1.norm2.gain").offset;
  const double* bias =
      model.weights().data() + model.parameters().find("blocks.1.norm2.bias").offset;
  for (Index r = 0; r < z.rows; ++r) {
    double squares = 0;
    for (Index c = 0; c < z.cols; ++c) {
      squares += z(r, c) * z(r, c) / double(z.cols);
      EXPECT_EQ(y(r, c), std::fma(z(r, c), gain[c], bias[c]));
    }
    EXPECT_NEAR(squares, 1.0, 1e-4);
  }
  EXPECT_TRUE(same_bits("post-norm", values_of(y), values_of(model.tap("blocks.1.out"))));
}

TEST(Taps, TellWhatIsWrong) {
  auto model = small_model<float>("layernorm", {2, 2});
  const Batch batch = samples()[0].batch(Path::shortcut);
  EXPECT_THROW(model.tap("embedding"), ValueError) << "there was no pass";
  model.all_activations(batch);
  EXPECT_THROW(model.tap("blocks.2.out"), ValueError);
  model.loss(batch);
  EXPECT_THROW(model.tap("embedding"), ValueError) << "the last pass left rows out";
}

}  // namespace
}  // namespace libnorm::test
