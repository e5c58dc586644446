#include "libnorm/data/associative_recall.hpp"

#include <numeric>
#include <string>
#include <utility>
#include <vector>

namespace libnorm {

void AssociativeRecall::check() const {
  // Of ids and of the positions of a batch, which are 32 bits wide.
  constexpr Index kMost = (Index(1) << 31) - 3;
  const bool positive = entities > 0 && attributes > 0 && rank > 0 && batch > 0;
  const bool is_lookup = kind == RecallKind::lookup;
  // The tokens that ask for entities are as many as those of one attribute.
  const Index asking = is_lookup ? 1 : 0;
  if (positive && (attributes > kMost || entities > kMost / (attributes + asking) ||
                   rank >= kMost || batch > kMost / length())) {
    throw ValueError("AssociativeRecall: too large a task (entities " + std::to_string(entities) +
                     ", attributes " + std::to_string(attributes) + ", rank " +
                     std::to_string(rank) + ", batch " + std::to_string(batch) +
                     "); need at most 2^31 - 3 keys, and positions in a batch");
  }
  if (!positive || rank > (is_lookup ? entities : keys())) {
    throw ValueError("AssociativeRecall: impossible sizes (entities " + std::to_string(entities) +
                     ", attributes " + std::to_string(attributes) + ", rank " +
                     std::to_string(rank) + ", batch " + std::to_string(batch) +
                     "); need positive numbers and rank <= entities" +
                     (is_lookup ? "" : " x attributes"));
  }
}

namespace {

/// A shuffle that stops after `count` draws, numbered from `first` on. The items may stand in any
/// order.
void shuffle(std::vector<std::int32_t>& items, Index count, const Random& random, Index first) {
  for (Index i = 0; i < count; ++i) {
    const Index j = i + random.below(std::uint64_t(first + i), Index(items.size()) - i);
    std::swap(items[std::size_t(i)], items[std::size_t(j)]);
  }
}

std::vector<std::int32_t> numbers_below(Index count) {
  std::vector<std::int32_t> numbers(static_cast<std::size_t>(count));
  std::iota(numbers.begin(), numbers.end(), 0);
  return numbers;
}

}  // namespace

void AssociativeRecall::draw(std::uint64_t seed, Purpose purpose, std::uint32_t index, Path path,
                             Batch& out) const {
  const Random random(seed, purpose, index);
  std::vector<std::int32_t> ids(std::size_t(batch * length()), 0), targets;
  targets.reserve(std::size_t(batch));
  kind == RecallKind::copy ? draw_copy(random, ids, targets) : draw_lookup(random, ids, targets);
  out.assign(ids, batch, length(), rank, targets, vocabulary(), path);
}

void AssociativeRecall::draw_copy(const Random& random, std::vector<std::int32_t>& ids,
                                  std::vector<std::int32_t>& targets) const {
  std::vector<std::int32_t> deck = numbers_below(keys());
  for (Index b = 0; b < batch; ++b) {
    shuffle(deck, rank, random, b * rank);
    std::int32_t* sequence = ids.data() + b * length();
    for (Index i = 1; i < rank; ++i) sequence[i - 1] = deck[std::size_t(i)];
    sequence[rank] = deck[0];
    targets.push_back(deck[0]);
  }
}

void AssociativeRecall::draw_lookup(const Random& random, std::vector<std::int32_t>& ids,
                                    std::vector<std::int32_t>& targets) const {
  std::vector<std::int32_t> deck = numbers_below(entities);
  for (Index b = 0; b < batch; ++b) {
    // Draws of a sequence: its entities, their attributes, the one that is asked for.
    const Index first = b * (2 * rank + 1);
    shuffle(deck, rank, random, first);
    std::int32_t* sequence = ids.data() + b * length();
    const Index asked = random.below(std::uint64_t(first + 2 * rank), rank);
    for (Index i = 0; i < rank; ++i) {
      const Index entity = deck[std::size_t(i)];
      const Index attribute = random.below(std::uint64_t(first + rank + i), attributes);
      sequence[i] = std::int32_t(entity * attributes + attribute);
      if (i != asked) continue;
      sequence[rank] = std::int32_t(keys() + entity);
      targets.push_back(std::int32_t(attribute));
    }
  }
}

}  // namespace libnorm
