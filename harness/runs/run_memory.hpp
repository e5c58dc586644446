#pragma once

#include "libnorm/data/batch.hpp"
#include "libnorm/models/transformer.hpp"

namespace harness {

/// What decides the memory that training a model takes.
struct TrainingSizes {
  libnorm::TransformerOptions model;
  /// Sequences of a batch, positions of each, and of these the rows that are computed.
  double sequences = 0, positions = 0, rows = 0;
  libnorm::Path path = libnorm::Path::shortcut;
  double steps = 0;
};

/// Bytes that a run takes at least: weights, gradient and Adam's moments, the copy of them that
/// becomes a checkpoint, what blocks keep for the backward pass, batch, logits and losses. In
/// double, so that no product of sizes overflows.
double bytes_of_training(const TrainingSizes& sizes);

}  // namespace harness
