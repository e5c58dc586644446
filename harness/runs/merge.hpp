#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <vector>

namespace harness {

/// What a merge did.
struct Merged {
  /// Results that the store did not have; that it had, and that are equal; and of these, how many
  /// are equal to 1e-9 but not to the bit, in the numbers of a solver.
  std::size_t added = 0, equal = 0, rounded = 0;
  /// Unfinished runs whose checkpoints were added.
  std::size_t begun = 0;
  /// A sentence for each result that differs from the store's: which, in what, and where both were
  /// made. The store keeps its own, and the other one in its folder `conflicts`.
  std::vector<std::string> conflicts;
  /// A sentence for each run that a process is at work on in the store: it was left out.
  std::vector<std::string> held;
  /// A sentence for each run that is damaged.
  std::vector<std::string> faults;
};

/// Adds the runs of stores to another one, which is made if it is not there. The stores stay as
/// they are. If it is ended in between, the same merge completes it. Throws: DataError for a store
/// that is none, or cannot be written to.
Merged merge_stores(const std::vector<std::filesystem::path>& from,
                    const std::filesystem::path& into);

}  // namespace harness
