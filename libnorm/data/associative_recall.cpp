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
  if (positive && (entities > kMost / attributes || rank >= kMost || batch > kMost / length())) {
    throw ValueError("AssociativeRecall: too large a task (entities " + std::to_string(entities) +
                     ", attributes " + std::to_string(attributes) + ", rank " +
                     std::to_string(rank) + ", batch " + std::to_string(batch) +
                     "); need at most 2^31 - 3 keys, and positions in a batch");
  }
  if (!positive || rank > keys()) {
    throw ValueError("AssociativeRecall: impossible sizes (entities " + std::to_string(entities) +
                     ", attributes " + std::to_string(attributes) + ", rank " +
                     std::to_string(rank) + ", batch " + std::to_string(batch) +
                     "); need positive numbers and rank <= entities x attributes");
  }
}

void AssociativeRecall::draw(std::uint64_t seed, Purpose purpose, std::uint32_t index, Path path,
                             Batch& out) const {
  const Random random(seed, purpose, index);
  std::vector<std::int32_t> deck, ids, targets;
  deck.resize(std::size_t(keys()));
  std::iota(deck.begin(), deck.end(), 0);
  ids.resize(std::size_t(batch * length()), 0);
  targets.reserve(std::size_t(batch));
  for (Index b = 0; b < batch; ++b) {
    // A shuffle that stops after `rank` draws. The deck may start in any order.
    for (Index i = 0; i < rank; ++i) {
      const Index j = i + random.below(std::uint64_t(b * rank + i), keys() - i);
      std::swap(deck[std::size_t(i)], deck[std::size_t(j)]);
    }
    std::int32_t* sequence = ids.data() + b * length();
    for (Index i = 1; i < rank; ++i) sequence[i - 1] = deck[std::size_t(i)];
    sequence[rank] = deck[0];
    targets.push_back(deck[0]);
  }
  out.assign(ids, batch, length(), rank, targets, vocabulary(), path);
}

}  // namespace libnorm
