#pragma once

#include <cstddef>
#include <string>

#include "harness/results/result.hpp"

namespace harness {

/// A comparison of two results, member by member.
struct MemberComparison {
  /// The first member that differs, with both of its values; empty if none does.
  std::string difference;
  /// How many numbers were compared, alone or in lists.
  std::size_t numbers = 0;
};

/// Compares every member, numbers bit for bit.
MemberComparison compare_members(const RunResult& a, const RunResult& b);

}  // namespace harness
