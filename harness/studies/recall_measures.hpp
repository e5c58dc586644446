#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "harness/results/measures.hpp"
#include "harness/studies/landmarks.hpp"
#include "harness/studies/recall_options.hpp"

namespace harness {

/// What is measured on a trained model of Experiments 1 to 3. At the end of each run: `spectrum`
/// and `slices`. On request:
///
///     rows        the last block's output, rows.all on the batch of `spectrum`, and rows.read: the
///                 rows that the head reads, of 4,096 sequences; see measure_rows. rows.task_rank
///     untrained   the same of the model before its first step, untrained.all and untrained.read
///     curvature   of the loss on the batch of `slices`; see curvature_numbers
///     rescaled    rescaled.RESCALING.DEFINITION: the rise along filter-normalized directions, the
///                 range of the published slice, and `curvature`'s numbers after a rescaling of the
///                 weights by 2 that leaves the function as it is, each over what it was before
///     engine      engine.PARAMETER.mean and .deviation of each norm's gain and bias; engine.loss
///     on
///                 the batch of `slices`; engine.reset.loss and the spectrum's metrics with all
///                 gains 1 and all biases 0
///     landmarks   `spectrum` and `slices` during training; see TrainingLandmarks
const std::vector<Measure>& recall_measures();

/// Sequences whose rows `rows.read` takes, from as few batches as hold them.
inline constexpr Index kReadSequences = 4096;

inline constexpr std::string_view kLandmarks = "landmarks";

/// A model of Experiments 1 to 3 as it is, with what its measures need.
struct TrainedRecall {
  const RecallOptions& options;
  std::uint64_t seed = 0;
  libnorm::Transformer<float>& model;
  /// Made no steps where the moments are not known.
  const libnorm::Adam<float>& adam;
  libnorm::AdamOptions adam_options;
  /// Null where the run has not been looked at in training.
  const TrainingLandmarks* landmarks = nullptr;
};

/// Measures a model into a result: every measure in `which`, in place of what the result had.
/// Throws: ValueError for an unknown measure, or one of something that is not there.
void measure_recall(const TrainedRecall& trained, const std::vector<std::string>& which,
                    RunResult& result);

}  // namespace harness
