#include "harness/runs/run_memory.hpp"

namespace harness {

double bytes_of_training(const TrainingSizes& sizes) {
  const libnorm::TransformerOptions& m = sizes.model;
  const double c = double(m.channels), h = double(m.hidden), heads = double(m.heads),
               blocks = double(m.blocks), outputs = double(m.outputs);
  // Weights: embedding, attention's projections, the ffn's, head.
  const double weights =
      double(m.vocabulary) * c + blocks * (4 * c * c + 2 * h * c + 5 * c + h) + outputs * (c + 1);
  // Floats: the weights, gradient and two moments; a checkpoint has all but the gradient.
  const double state = weights * 4 * (4 + 3);
  // What a block needs at any width: the names of its tensors, and the objects that locate its
  // arrays.
  constexpr double kBlock = 4096;

  // The last block computes the prediction positions' rows only, unless the batch is dense.
  const double rows = sizes.sequences * sizes.rows;
  const double full_blocks = sizes.path == libnorm::Path::dense ? blocks : blocks - 1;
  const double last_rows = sizes.path == libnorm::Path::dense ? 0 : sizes.sequences;
  // Queries, keys and values, heads' outputs, two residuals' outputs; the ffn's numbers and slopes.
  const double kept = (full_blocks * rows + last_rows) * (6 * c + 2 * h) * 4;
  const double shares = full_blocks * rows * sizes.rows * heads * 4;
  // The ids twice, and for each row id, count, the count's log, sequence, token and member.
  const double batch = sizes.sequences * sizes.positions * 4 + rows * 28;
  const double logits = 2 * sizes.sequences * outputs * 4;
  return state + blocks * kBlock + kept + shares + batch + logits + sizes.steps * 4;
}

}  // namespace harness
