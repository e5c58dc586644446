#pragma once

#include <cstdint>
#include <vector>

#include "libnorm/core/rng.hpp"
#include "libnorm/data/batch.hpp"

namespace libnorm {

/// What the last position of a sequence asks for: itself, or what the sequence says about it.
enum class RecallKind { copy, lookup };

/// Synthetic tasks. Keys are entities x attributes, the key of entity e and attribute a being
/// e attributes + a; a sequence has rank + 1 positions, and the last is the query.
///
/// `copy` is the task of Experiments 1 to 3 as its notebooks draw it: rank distinct keys are drawn,
/// the first is the query, the others fill positions 0 .. rank-2, position rank-1 is never written
/// and stays id 0 (which is a key too), and the last position holds the query, which is also the
/// target. So copying the last token solves the task; nothing has to be recalled.
///
/// `lookup` needs attention: positions 0 .. rank-1 hold keys of rank distinct entities, drawn with
/// their order, each with an attribute drawn for it; the query is a token of one of these
/// entities, drawn evenly, and the target is its attribute. By the query alone every attribute is
/// equally likely: a guess is right once in `attributes`, at a loss of log(attributes).
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
  /// Which task.
  RecallKind kind = RecallKind::copy;

  /// Keys are ids 0 .. keys() - 1.
  Index keys() const { return entities * attributes; }
  /// Of `copy` two ids, PAD and MASK, are never used; of `lookup` ids from keys() on ask for
  /// entities.
  Index vocabulary() const { return keys() + (kind == RecallKind::copy ? 2 : entities); }
  /// Classes of the targets: ids, or attributes.
  Index outputs() const { return kind == RecallKind::copy ? vocabulary() : attributes; }
  /// T, the positions of a sequence.
  Index length() const { return rank + 1; }

  /// Throws: ValueError unless every number is positive, rank <= keys (of `lookup`, <= entities),
  /// and ids and the positions of a batch are at most 2^31 - 3.
  void check() const;

  /// Batch number `index` of a seed and purpose (training_batch or probe_batch).
  void draw(std::uint64_t seed, Purpose purpose, std::uint32_t index, Path path, Batch& out) const;

 private:
  void draw_copy(const Random& random, std::vector<std::int32_t>& ids,
                 std::vector<std::int32_t>& targets) const;
  void draw_lookup(const Random& random, std::vector<std::int32_t>& ids,
                   std::vector<std::int32_t>& targets) const;
};

}  // namespace libnorm
