#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace harness {

/// A file of a store, or a run's folder.
struct StoredThing {
  std::filesystem::path path;
  std::uintmax_t bytes = 0;
  /// What it is, in words.
  std::string what;
};

/// What was found in a store that belongs to nothing.
struct Garbage {
  /// Checkpoints of finished runs, files that a killed writer left half, kept states that no row
  /// names, folders of runs that had not begun.
  std::vector<StoredThing> things;
  /// Folders of runs of other numerics than this version's, which makes and compares none of them.
  /// Their rows are results all the same.
  std::vector<StoredThing> old_runs;
  /// Folders that a process was at work in: nothing in them was looked at.
  std::vector<std::filesystem::path> held;
  /// A sentence for each thing that is damaged, and so was left alone, or could not be removed.
  std::vector<std::string> faults;
};

/// What of the garbage is removed.
enum class Removal { nothing, things, things_and_old_runs };

/// Looks through a store, and removes what it was asked to and finds, under the lock of each run.
/// Killed at any moment, it leaves a store of the same finished runs; an old run is no finished one
/// from the first file on that goes.
/// Throws: DataError for a folder that is no store.
Garbage collect_garbage(const std::filesystem::path& store, Removal removal);

}  // namespace harness
