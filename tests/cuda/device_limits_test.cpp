#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "libnorm/core/device.hpp"
#include "tests/emulator/emulator.hpp"
#include "tests/support/nothing.hpp"
#include "tests/support/training.hpp"

/// What a device says no to is one clear error. The emulator can be told to be small, or not there.
namespace libnorm::test {
namespace {

class DeviceLimits : public testing::Test {
 protected:
  ~DeviceLimits() override {
    emulator::set_memory(std::size_t{4} << 30);
    emulator::set_devices(1);
  }
};

template <class F>
std::string message_of(F f) {
  try {
    f();
  } catch (const BackendError& e) {
    return e.what();
  }
  return "no error";
}

TEST_F(DeviceLimits, WhatDoesNotFitIsNamed) {
  Transformer<float> model = task_model<float>("layernorm", {1, 1});
  Batch batch;
  kTask.draw(1, Purpose::training_batch, 0, Path::dense, batch);
  emulator::set_memory(1 << 20);
  const DeviceScope scope(Device::cuda);
  const std::string message = message_of([&] { model.loss_and_gradient(batch); });
  EXPECT_THAT(message, testing::StartsWith("device memory: an array ["));
  EXPECT_THAT(message, testing::HasSubstr("does not fit"));
  EXPECT_THAT(message, testing::HasSubstr("--device cpu"));
}

TEST_F(DeviceLimits, AModelGoesOnWhereThereIsMemoryAgain) {
  const auto run = [](bool is_small_first) {
    Transformer<float> model = task_model<float>("layernorm", {1, 1});
    Batch batch;
    kTask.draw(1, Purpose::training_batch, 0, Path::dense, batch);
    if (is_small_first) {
      emulator::set_memory(1 << 20);
      EXPECT_THROW(model.loss_and_gradient(batch), BackendError);
      emulator::set_memory(std::size_t{4} << 30);
    }
    model.loss_and_gradient(batch);
    return model.gradient();
  };
  const auto expected = run(false);
  const DeviceScope scope(Device::cuda);
  EXPECT_TRUE(same_bits("gradient", expected, run(true)));
}

TEST_F(DeviceLimits, WithoutADeviceThereIsNoScope) {
  emulator::set_devices(0);
  const std::string message = message_of([] { const DeviceScope scope(Device::cuda); });
  EXPECT_THAT(message, testing::StartsWith("device: no usable GPU ("));
  EXPECT_EQ(current_device(), Device::cpu);
}

TEST_F(DeviceLimits, AStabilizerOfOnesOwnHasNoKernels) {
  TransformerOptions options;
  options.normalization.norm = {custom_rows(Nothing{}), Affine::none};
  Transformer<float> model(options);
  Batch batch;
  kTask.draw(1, Purpose::training_batch, 0, Path::shortcut, batch);
  const DeviceScope scope(Device::cuda);
  EXPECT_THAT(message_of([&] { model.loss(batch); }),
              testing::StartsWith("norm: a custom stabilizer has no GPU kernel"));
}

TEST_F(DeviceLimits, AScopeWithinAnotherLeavesItAsItWas) {
  const DeviceScope outer(Device::cuda);
  Buffer<float> buffer;
  zero_rows<float>(buffer.view(3, 5));
  {
    const DeviceScope processor(Device::cpu);
    EXPECT_EQ(current_device(), Device::cpu);
    const DeviceScope inner(Device::cuda);
    zero_rows<float>(buffer.view(3, 5));
  }
  EXPECT_EQ(current_device(), Device::cuda);
  zero_rows<float>(buffer.view(4, 5));
  EXPECT_NO_THROW(finish_launches());
}

TEST_F(DeviceLimits, MemoryIsGivenBack) {
  const std::size_t before = emulator::live_allocations();
  {
    const DeviceScope scope(Device::cuda);
    train<float>("rms+gain@pre@qk:rms+gain", {1, 2}, Path::shortcut, {3, 4, 5, 6});
  }
  EXPECT_EQ(emulator::live_allocations(), before);
}

/// Few enough that a small model is not bound by them; CUDA.md says how long they take.
TEST_F(DeviceLimits, AStepTakesFewLaunches) {
  const DeviceScope scope(Device::cuda);
  const AssociativeRecall task{3, 4, 5, 6};
  for (const auto& [blocks, most] : {std::pair{1, 43}, std::pair{6, 208}}) {
    Transformer<float> model = task_model<float>("layernorm", {blocks, 1}, task);
    Adam<float> adam(model.size(), {});
    Batch batch;
    task.draw(1, Purpose::training_batch, 0, Path::shortcut, batch);
    model.loss_and_gradient(batch);
    const auto before = emulator::counts().launches;
    model.loss_and_gradient(batch);
    adam.step(model.weights_data(), model.gradient_data());
    EXPECT_LE(emulator::counts().launches - before, std::uint64_t(most)) << blocks << " blocks";
  }
}

}  // namespace
}  // namespace libnorm::test
