#pragma once

#include "libnorm/norms/family.hpp"

namespace libnorm {

/// z = (x - mean x) / sqrt(var x + epsilon) over the positions of each channel: the stabilizer of
/// BatchNorm (Ioffe, Szegedy 2015, arXiv:1502.03167). var is the mean squared deviation; the
/// running variance takes the unbiased one, and
/// running = (1 - momentum) running + momentum batch, PyTorch's convention.
/// A row that stands for several positions enters the statistics so often.
struct StandardizeColumns {
  static constexpr Family kFamily = Family::column;
  static constexpr bool kCentred = true;
  double epsilon = 1e-5;
  double momentum = 0.1;
};

}  // namespace libnorm
