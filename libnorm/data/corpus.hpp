#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "libnorm/core/error.hpp"

namespace libnorm {

/// Tokenized texts with their classes.
struct Corpus {
  /// Token ids of all sequences, one after the other and unpadded: [CLS] ... [SEP].
  std::vector<std::int32_t> ids;
  /// [N + 1]: sequence i is ids[first[i]] .. ids[first[i + 1] - 1].
  std::vector<Index> first{0};
  /// [N] class of each sequence, from 0.
  std::vector<std::int32_t> labels;

  /// N
  Index size() const { return Index(labels.size()); }
  /// The ids of sequence i, which is not checked; valid while `ids` does not change.
  std::span<const std::int32_t> sequence(Index i) const {
    const Index begin = first[std::size_t(i)], end = first[std::size_t(i) + 1];
    return {ids.data() + begin, std::size_t(end - begin)};
  }
};

}  // namespace libnorm
