#include <string>

#include <gtest/gtest.h>

#include "libnorm/core/device.hpp"
#include "tests/support/training.hpp"

/// Training has the processor's bits on a GPU, with every mechanism and in every place.
namespace libnorm::test {
namespace {

/// Small, since an emulator may be what runs it.
const AssociativeRecall kSmallTask{3, 4, 5, 6};

template <class F>
auto on(Device device, F f) {
  const DeviceScope scope(device);
  return f();
}

class DeviceTraining : public testing::TestWithParam<std::string> {};

TEST_P(DeviceTraining, HasTheProcessorsBits) {
  for (Path path : {Path::shortcut, Path::dense}) {
    SCOPED_TRACE(path == Path::dense ? "dense" : "shortcut");
    const auto run = [&] { return train<float>(GetParam(), {2, 2}, path, kSmallTask); };
    const auto expected = on(Device::cpu, run);
    EXPECT_TRUE(same_bits("training", expected, on(Device::cuda, run)));
  }
}

INSTANTIATE_TEST_SUITE_P(, DeviceTraining, testing::ValuesIn(model_texts()),
                         [](const auto& text) { return word_of(text.param); });

TEST(DeviceRecipe, HasTheProcessorsBits) {
  const AssociativeRecall lookup{4, 3, 3, 6, RecallKind::lookup};
  for (const char* text : {"layernorm", "batchnorm", "rms+gain@pre"}) {
    const auto run = [&] {
      return train<float>(text, {2, 2}, Path::shortcut, lookup, Recipe::full);
    };
    const auto expected = on(Device::cpu, run);
    EXPECT_TRUE(same_bits("training", expected, on(Device::cuda, run)));
  }
}

/// What a model shows of itself is in the processor's memory.
TEST(DeviceModel, ActivationsAndTapsHaveTheProcessorsBits) {
  const auto run = [] {
    const Transformer<float> untrained = task_model<float>("layernorm", {2, 2}, kSmallTask);
    Transformer<float> model = untrained;
    Batch batch;
    kSmallTask.draw(1, Purpose::probe_batch, 0, Path::shortcut, batch);
    std::vector<float> all = {float(model.loss(batch))};
    const auto take = [&](const MatrixView<const float>& m) {
      const auto values = values_of(m);
      all.insert(all.end(), values.begin(), values.end());
    };
    take(model.logits(batch));
    take(model.last_logits());
    for (const auto& m : model.all_activations(batch)) take(m);
    for (const std::string& name : model.tap_names()) take(model.tap(name));
    model.loss_and_gradient(batch);
    take(model.d_logits());
    all.insert(all.end(), model.gradient().begin(), model.gradient().end());
    return all;
  };
  const auto expected = on(Device::cpu, run);
  EXPECT_TRUE(same_bits("activations", expected, on(Device::cuda, run)));
}

/// As a slice through a loss is walked.
TEST(DeviceModel, WeightsCanBeWrittenThroughOneReference) {
  const auto run = [] {
    Transformer<float> model = task_model<float>("layernorm", {1, 1}, kSmallTask);
    Batch batch;
    kSmallTask.draw(1, Purpose::training_batch, 0, Path::shortcut, batch);
    std::vector<float>& weights = model.weights();
    std::vector<float> losses;
    for (int step = 0; step < 3; ++step) {
      losses.push_back(float(model.loss(batch)));
      for (float& w : weights) w *= 0.5f;
    }
    return losses;
  };
  const auto expected = on(Device::cpu, run);
  EXPECT_TRUE(same_bits("losses", expected, on(Device::cuda, run)));
}

/// Weights that are written on the processor are those that the GPU goes on with.
TEST(DeviceModel, WeightsCanBeWrittenBetweenSteps) {
  const auto run = [] {
    Transformer<float> model = task_model<float>("rms+gain@pre", {1, 1}, kSmallTask);
    Adam<float> adam(model.size(), {});
    Batch batch;
    kSmallTask.draw(1, Purpose::training_batch, 0, Path::shortcut, batch);
    for (int step = 0; step < 2; ++step) {
      model.loss_and_gradient(batch);
      adam.step(model.weights_data(), model.gradient_data());
      for (float& w : model.weights()) w *= 0.5f;
      for (float& m : adam.first_moment()) m *= 0.5f;
    }
    const Transformer<float> copy = model;
    return copy.weights();
  };
  const auto expected = on(Device::cpu, run);
  EXPECT_TRUE(same_bits("weights", expected, on(Device::cuda, run)));
}

}  // namespace
}  // namespace libnorm::test
