#pragma once

#include "libnorm/norms/family.hpp"

namespace libnorm {

/// z = x / sqrt(mean x^2 + epsilon) over the positions of each channel, with a running mean square
/// for evaluation: the stabilizer of PowerNorm-V (Shen et al. 2020, arXiv:2003.07845, section 4.1).
/// The gradient is the exact one. PowerNorm itself, which divides by the running value in training
/// too, replaces it by a running estimate that is no function's gradient, and is not here.
/// running = (1 - momentum) running + momentum batch.
struct PowerColumns {
  /// A stabilizer of channels, over all positions.
  static constexpr Family kFamily = Family::column;
  /// Whether it subtracts the mean, and so keeps a running one.
  static constexpr bool kCentred = false;
  /// Keeps the root above 0.
  double epsilon = 1e-5;
  /// Share of a batch in the running values, 0 .. 1.
  double momentum = 0.1;
};

}  // namespace libnorm
