#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "harness/runs/training_run.hpp"
#include "libnorm/models/transformer.hpp"
#include "libnorm/optim/adam.hpp"

namespace harness {

/// A run that trains a transformer with Adam, one batch a step. A study's run decides what a batch
/// is, what else its checkpoints hold, and what is measured.
class ModelRun : public TrainingRun {
 public:
  Index steps_done() const override { return Index(losses_.size()); }
  bool finished() const override { return steps_done() == steps_ || diverged_; }
  double last_loss() const override { return losses_.empty() ? 0 : double(losses_.back()); }
  double flop() const override { return model_.flop(); }
  libnorm::Transformer<float>& model() override { return model_; }
  libnorm::Adam<float>& adam() override { return adam_; }

  /// Training steps of the whole run.
  Index steps() const { return steps_; }

 protected:
  /// Throws: ValueError for options outside their domain.
  ModelRun(const libnorm::TransformerOptions& model, const libnorm::AdamOptions& adam, Index steps,
           std::uint64_t seed);

  std::uint64_t seed() const { return seed_; }
  bool diverged() const { return diverged_; }
  /// The losses of the steps done, in their order.
  const std::vector<float>& losses() const { return losses_; }

  /// Computes the loss and the gradient of a step's batch.
  /// Returns: false if the loss is not finite. The run has then diverged; do not call update().
  bool add_gradient(const libnorm::Batch& batch);
  /// Adam's step along that gradient.
  void update() { adam_.step(model_.weights_data(), model_.gradient_data()); }

  /// The losses as a part of a state; `done` is their number.
  /// @{
  void append_losses(std::vector<std::byte>& state) const;
  /// Throws: DataError for a state without them, or if `done` is more than the run has steps.
  void take_losses(std::span<const std::byte>& state, Index done);
  /// @}

  /// Weights, running statistics and Adam's moments: the last part of a state.
  /// @{
  void append_model(std::vector<std::byte>& state) const;
  /// Call take_losses() first. Throws: DataError for a state of another size.
  void take_model(std::span<const std::byte> state);
  /// @}

  /// The result of the steps done so far, without measures.
  RunResult trained_result(std::string_view profile, std::string_view arm, const Spec& spec) const;

 private:
  libnorm::Transformer<float> model_;
  libnorm::Adam<float> adam_;
  Index steps_;
  std::uint64_t seed_;
  std::vector<float> losses_;
  bool diverged_ = false;
};

}  // namespace harness
