#pragma once

#include <cstdint>

#include "libnorm/core/rng.hpp"
#include "libnorm/data/batch.hpp"

namespace libnorm {

/// The synthetic task of Experiments 1 to 3 as its notebooks draw it. Keys are entities x
/// attributes; a sequence has rank + 1 positions: rank distinct keys are drawn, the first is the
/// query, the others fill positions 0 .. rank-2, position rank-1 is never written and stays id 0
/// (which is a key too), and the last position holds the query, which is also the target. So
/// copying the last token solves the task; nothing has to be recalled.
struct AssociativeRecall {
  /// Every pair (entity, attribute) is a key.
  /// @{
  Index entities = 20;
  Index attributes = 20;
  /// @}
  /// Distinct keys that are drawn for a sequence.
  Index rank = 40;
  /// B, the sequences of a batch.
  Index batch = 128;

  /// Keys are ids 0 .. keys() - 1.
  Index keys() const { return entities * attributes; }
  /// Two ids, PAD and MASK, are never used.
  Index vocabulary() const { return keys() + 2; }
  /// T, the positions of a sequence.
  Index length() const { return rank + 1; }

  /// Throws: ValueError unless every number is positive, rank <= keys, and keys and the positions
  /// of a batch are at most 2^31 - 3.
  void check() const;

  /// Batch number `index` of a seed and purpose (training_batch or probe_batch).
  void draw(std::uint64_t seed, Purpose purpose, std::uint32_t index, Path path, Batch& out) const;
};

}  // namespace libnorm
