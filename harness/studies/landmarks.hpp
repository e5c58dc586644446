#pragma once

#include <cstddef>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "harness/results/result.hpp"
#include "libnorm/models/transformer.hpp"

namespace harness {

/// A model at some points of its training: after an eighth, three eighths, a half and three
/// quarters of the steps, and where its training loss (the mean of the last 100 steps, or of all so
/// far) first is at most 1, 0.1 and 0.01 nats. These points were fixed before a run was looked at.
class TrainingLandmarks {
 public:
  /// For a run of so many steps.
  explicit TrainingLandmarks(libnorm::Index steps);

  /// Looks at the model after a step; `losses` are those of all steps so far.
  void look(const libnorm::Transformer<float>& model, const std::vector<float>& losses);

  /// As a part of a checkpoint.
  /// @{
  void append_to(std::vector<std::byte>& state) const;
  /// model: gives the sizes. Throws: DataError for a state without them.
  void take_from(std::span<const std::byte>& state, const libnorm::Transformer<float>& model);
  /// @}

  /// Measures each point that was reached, by `measure`, into a result:
  ///
  ///     landmarks.POINT.step     the steps done there; infinite where it was not reached
  ///     landmarks.POINT.loss     the mean training loss there, in nats
  ///     landmarks.POINT.METRIC, slices landmarks.POINT.SLICE and the spectrum landmarks.POINT
  ///
  /// POINT is step_500, ..., or loss_1, loss_1e-1, loss_1e-2.
  void add_to(RunResult& result, const libnorm::TransformerOptions& options,
              const std::function<void(libnorm::Transformer<float>& model, RunResult& result)>&
                  measure) const;

 private:
  /// A point, and the model there; `step` is -1 where it was not reached.
  struct Point {
    std::string name;
    /// After this many steps; or where the loss is at most `level`.
    libnorm::Index due = -1;
    double level = 0;
    libnorm::Index step = -1;
    double loss = 0;
    std::vector<float> weights = {}, running = {};
  };

  std::vector<Point> points_;
};

}  // namespace harness
