#pragma once

namespace libnorm {

/// What a stabilizer looks at to make a number: the row it stands in, that number alone, its
/// channel over all positions, or its channel (or group of channels) over the positions of its
/// sequence.
enum class Family { row, pointwise, column, instance };

/// Where the small number stands that keeps a norm from dividing by 0: sqrt(m + epsilon), or
/// sqrt(m) + epsilon.
enum class EpsilonPlace { inside_root, outside_root };

}  // namespace libnorm
