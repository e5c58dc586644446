#pragma once

#include "libnorm/norms/family.hpp"

namespace libnorm {

/// z = (x - mean x) / sqrt(var x + epsilon) over the positions of each channel: the stabilizer of
/// BatchNorm (Ioffe, Szegedy 2015, arXiv:1502.03167). var is the mean squared deviation; the
/// running variance takes the unbiased one, and
/// running = (1 - momentum) running + momentum batch, PyTorch's convention.
/// A row counts once for each position it represents.
struct StandardizeColumns {
  /// A stabilizer of channels, over all positions.
  static constexpr Family kFamily = Family::column;
  /// Whether it subtracts the mean, and so keeps a running one.
  static constexpr bool kCentred = true;
  /// Keeps the root above 0.
  double epsilon = 1e-5;
  /// Share of a batch in the running values, 0 .. 1.
  double momentum = 0.1;
};

}  // namespace libnorm
