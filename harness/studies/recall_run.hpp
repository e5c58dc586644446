#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "harness/results/result.hpp"
#include "harness/studies/recall_options.hpp"

namespace harness {

/// One arm of Experiments 1 to 3 in training.
class RecallRun final : public TrainingRun {
 public:
  /// Throws: ValueError for options outside their domain.
  RecallRun(const RecallOptions& options, const RecallArm& arm, std::uint64_t seed);

  Index steps_done() const override { return Index(losses_.size()); }
  bool finished() const override { return steps_done() == options_.steps || diverged_; }
  double last_loss() const override { return losses_.empty() ? 0 : double(losses_.back()); }

  double flop() const override { return model_.flop(); }
  libnorm::Transformer<float>& model() override { return model_; }
  libnorm::Adam<float>& adam() override { return adam_; }
  void step() override;
  std::vector<std::byte> state() const override;
  void restore(std::span<const std::byte> state) override;
  RunResult row(std::string_view profile) override;
  void measure(const std::vector<std::string>& which, RunResult& row) override;

 private:
  RecallOptions options_;
  RecallArm arm_;
  std::uint64_t seed_;
  libnorm::AssociativeRecall task_;
  libnorm::Transformer<float> model_;
  libnorm::Adam<float> adam_;
  libnorm::Batch batch_;
  std::vector<float> losses_;
  bool diverged_ = false;
};

}  // namespace harness
