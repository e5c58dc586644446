#pragma once

namespace libnorm {

/// The numbers that an output of a stabilizer depends on: its row, the input number alone, its
/// channel over all positions, or its channel (or group of channels) over the positions of its
/// sequence.
enum class Family { row, pointwise, column, instance };

/// The place of epsilon in a denominator: sqrt(m + epsilon), or sqrt(m) + epsilon.
enum class EpsilonPlace { inside_root, outside_root };

}  // namespace libnorm
