#pragma once

#include "libnorm/data/batch.hpp"
#include "libnorm/models/transformer.hpp"

namespace harness {

/// The sizes that determine the memory of training a model.
struct TrainingSizes {
  libnorm::TransformerOptions model;
  /// Sequences of a batch, positions of a sequence, and rows that are computed for a sequence.
  double sequences = 0, positions = 0, rows = 0;
  libnorm::Path path = libnorm::Path::shortcut;
  double steps = 0;
};

/// A lower bound of a run's bytes: weights, gradient and Adam's moments, their copy for a
/// checkpoint, the blocks' saved activations, batch, logits and losses. It is a double, so that
/// products of sizes do not overflow.
double bytes_of_training(const TrainingSizes& sizes);

}  // namespace harness
