#pragma once

#include <cstddef>
#include <string>

#include "harness/results/result.hpp"

namespace harness {

/// Two results, member by member.
struct MemberComparison {
  /// The first member that differs, with both of its values; empty where none does.
  std::string difference;
  /// Numbers that were compared, of those members that are numbers or lists of them.
  std::size_t numbers = 0;
};

/// Compares every member, numbers bit for bit.
MemberComparison compare_members(const RunResult& a, const RunResult& b);

}  // namespace harness
