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
  /// A description.
  std::string what;
};

/// Files and folders of a store that nothing needs.
struct Garbage {
  /// Checkpoints of finished runs, incomplete files of killed writers, kept states that no result
  /// names, folders of runs that never began.
  std::vector<StoredThing> things;
  /// Folders of runs of other numerics than this version's, which it neither makes nor compares.
  /// Their results still count.
  std::vector<StoredThing> old_runs;
  /// Folders in use by a process; not inspected.
  std::vector<std::filesystem::path> held;
  /// A sentence for each thing that was left because it is damaged or could not be removed.
  std::vector<std::string> faults;
};

/// Which garbage to remove.
enum class Removal { nothing, things, things_and_old_runs };

/// Finds garbage in a store and removes what `removal` selects, under the lock of each run. If
/// killed, the store keeps the same finished runs; an old run is unfinished once its first file is
/// removed.
/// Throws: DataError if the folder is not a store.
Garbage collect_garbage(const std::filesystem::path& store, Removal removal);

}  // namespace harness
