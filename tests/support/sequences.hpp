#pragma once

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "libnorm/core/rng.hpp"
#include "libnorm/ops/attention.hpp"

namespace libnorm::test {

/// Sequences of the given lengths, their rows counted 1 to 4 times unless told.
class SequenceSet {
 public:
  explicit SequenceSet(std::vector<std::size_t> lengths, std::vector<double> counts = {})
      : lengths_(std::move(lengths)), counts_(std::move(counts)) {
    std::int32_t b = 0;
    for (std::size_t length : lengths_) {
      first_.push_back(first_.back() + Index(length));
      square_first_.push_back(square_first_.back() + Index(length * length));
      of_row_.insert(of_row_.end(), length, b++);
    }
    const Random random(11, Purpose::test);
    for (std::size_t r = counts_.size(); r < of_row_.size(); ++r) {
      counts_.push_back(double(1 + random.below(r, 4)));
    }
    for (double count : counts_) log_counts_.push_back(std::log(count));
  }

  Sequences view() const {
    const auto most = std::max_element(lengths_.begin(), lengths_.end());
    return {Index(lengths_.size()), rows(),         Index(*most),      first_.data(),
            square_first_.data(),   of_row_.data(), log_counts_.data()};
  }
  Index rows() const { return first_.back(); }
  Index squares() const { return square_first_.back(); }
  const std::vector<std::size_t>& lengths() const { return lengths_; }
  const std::vector<double>& counts() const { return counts_; }
  const std::vector<double>& log_counts() const { return log_counts_; }
  const std::vector<Index>& first() const { return first_; }
  const std::vector<Index>& square_first() const { return square_first_; }
  const std::vector<std::int32_t>& of_row() const { return of_row_; }

  /// One of `size` unique rows for each row.
  std::vector<std::int32_t> gather_map(Index size) const {
    const Random random(12, Purpose::test);
    std::vector<std::int32_t> rows;
    for (std::size_t r = 0; r < of_row_.size(); ++r) {
      rows.push_back(std::int32_t(random.below(r, size)));
    }
    return rows;
  }

 private:
  std::vector<std::size_t> lengths_;
  std::vector<double> counts_, log_counts_;
  std::vector<Index> first_ = {0}, square_first_ = {0};
  std::vector<std::int32_t> of_row_;
};

/// The members of each of `count` groups, `group_of` telling each member's group.
struct GroupLists {
  GroupLists(const std::vector<std::int32_t>& group_of, Index count) {
    for (Index g = 0; g < count; ++g) {
      for (std::size_t i = 0; i < group_of.size(); ++i) {
        if (group_of[i] == g) members.push_back(std::int32_t(i));
      }
      first.push_back(Index(members.size()));
    }
  }
  Groups view() const { return {Index(first.size()) - 1, first.data(), members.data()}; }

  std::vector<Index> first = {0};
  std::vector<std::int32_t> members;
};

}  // namespace libnorm::test
