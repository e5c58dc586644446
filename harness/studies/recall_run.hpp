#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "harness/runs/model_run.hpp"
#include "harness/studies/landmarks.hpp"
#include "harness/studies/recall_options.hpp"

namespace harness {

/// One arm of Experiments 1 to 3 in training.
class RecallRun final : public ModelRun {
 public:
  /// Throws: ValueError for options outside their domain.
  RecallRun(const RecallOptions& options, const RecallArm& arm, std::uint64_t seed);

  void expect(const std::vector<std::string>& measures) override;
  void step() override;
  std::vector<std::byte> state() const override;
  void restore(std::span<const std::byte> state) override;
  RunResult result(std::string_view profile) override;
  void measure(const std::vector<std::string>& which, RunResult& result) override;

 private:
  RecallOptions options_;
  RecallArm arm_;
  libnorm::AssociativeRecall task_;
  libnorm::Batch batch_;
  /// Only where they will be measured.
  std::optional<TrainingLandmarks> landmarks_;
};

}  // namespace harness
