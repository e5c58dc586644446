#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "harness/experiments/recall.hpp"
#include "harness/results.hpp"

namespace harness {

/// One arm in training, from one seed: step by step, and able to stop and go on at any of them
/// with the same bits.
class RecallRun {
 public:
  /// Throws: ValueError for options outside their domain.
  RecallRun(const RecallOptions& options, const RecallArm& arm, std::uint64_t seed);

  Index steps_done() const { return Index(losses_.size()); }
  bool finished() const { return steps_done() == options_.steps || diverged_; }
  double last_loss() const { return losses_.empty() ? 0 : double(losses_.back()); }

  /// One training step. A loss that is not finite ends the run.
  void step();

  /// All that a later step depends on.
  std::vector<std::byte> state() const;
  /// Throws: DataError for a state of another size.
  void restore(std::span<const std::byte> state);

  /// The row of a finished run, with everything measured; of a diverged run, without.
  Row row(std::string_view profile);

 private:
  void measure(Row& row);
  void measure_slices(Row& row);

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

/// Throws: ValueError for options outside their domain, before anything is trained.
void check(const RecallOptions& options);

}  // namespace harness
