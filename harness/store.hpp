#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "harness/results.hpp"
#include "harness/spec.hpp"

namespace harness {

/// A run's folder, held: while this object lives no other one, in this process or another, can
/// hold the same run. The kernel lets go of it when the process ends, however it ends.
class LockedRun {
 public:
  LockedRun(LockedRun&& other) noexcept;
  LockedRun& operator=(LockedRun&&) = delete;
  ~LockedRun();

  const Spec& spec() const { return spec_; }
  const std::filesystem::path& folder() const { return folder_; }

  /// Replaces the checkpoint. Throws: DataError; the checkpoint before is whole then.
  void save_checkpoint(std::span<const std::byte> state) const;

  /// The state last saved, or nothing if none was.
  /// Throws: DataError for a checkpoint that is torn, edited or of another run.
  std::optional<std::vector<std::byte>> load_checkpoint() const;

  /// Stores the run's row, which is what makes it a finished run. The checkpoint stays.
  /// Throws: ValueError when the row is of another spec; DataError when it cannot be written.
  void finish(const Row& row) const;

 private:
  friend class Store;
  LockedRun(Spec spec, std::filesystem::path folder);
  bool take_lock();
  void settle_spec() const;

  Spec spec_;
  std::filesystem::path folder_;
  int descriptor_ = -1;
};

/// Runs on disk, one folder each:
/// `<store>/runs/<first 16 digits of the spec's hash>/{spec.txt, checkpoint.bin, row.json, lock}`.
/// A run with a row.json is finished. What is torn or edited is an error that names the file,
/// never passed over.
class Store {
 public:
  /// Opens a store, making the folders that are not there.
  /// Throws: DataError when it cannot be written to.
  explicit Store(std::filesystem::path directory);

  std::filesystem::path folder(const Spec& spec) const;

  /// Takes hold of a run; makes its folder and spec.txt if need be.
  /// Throws: DataError at once when another holder has it, with the process id.
  LockedRun lock(const Spec& spec) const;
  /// The same, or nothing when another holder has it.
  std::optional<LockedRun> try_lock(const Spec& spec) const;
  /// The process that holds a run, or held it last: its id, or `unknown`.
  std::string holder(const Spec& spec) const;

  /// The row of a run, or nothing if it is not finished. Throws: DataError.
  std::optional<Row> find(const Spec& spec) const;

  /// The rows of all finished runs, by task, profile, arm, seed and spec hash. Throws: DataError.
  std::vector<Row> rows() const;

 private:
  std::filesystem::path runs_;
};

}  // namespace harness
