#pragma once

#include <cstddef>
#include <filesystem>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "harness/results/result.hpp"
#include "harness/results/spec.hpp"

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

  /// Stores the file that `write` makes, in the place of the one before; its result is to name it.
  /// Returns: the file's sha256. Throws: DataError, and what `write` throws.
  std::string keep(const std::function<void(const std::filesystem::path&)>& write) const;

  /// Stores the run's result, which is what makes it a finished run, and removes the checkpoint,
  /// which nothing goes on from any more.
  /// Throws: ValueError when the result is of another spec; DataError when it cannot be written.
  void finish(const RunResult& result) const;

 private:
  friend class Store;
  LockedRun(Spec spec, std::filesystem::path folder);
  /// The folder is gone where it was removed meanwhile, and has to be made again.
  enum class Taken { taken, held, folder_is_gone };
  Taken take_lock();
  void settle_spec() const;

  Spec spec_;
  std::filesystem::path folder_;
  int descriptor_ = -1;
};

/// The files of a run's folder, beside its lock.
/// @{
inline constexpr const char* kSpecFile = "spec.txt";
inline constexpr const char* kCheckpointFile = "checkpoint.bin";
inline constexpr const char* kKeptFile = "kept.safetensors";
inline constexpr const char* kResultFile = "row.json";
inline constexpr const char* kRunFiles[] = {kSpecFile, kCheckpointFile, kKeptFile, kResultFile};
inline constexpr const char* kLockFile = "lock";
/// @}

/// Digits of the spec's hash that a run's folder has for a name.
inline constexpr std::size_t kFolderDigits = 16;

/// What a store is opened for.
enum class Access { reading, writing };

/// Runs on disk, one folder each:
/// `<store>/runs/<first 16 digits of the spec's hash>/{spec.txt, checkpoint.bin, kept.safetensors,
/// row.json, lock}`. A run with a row.json is finished, and kept.safetensors is what the result
/// says. What is torn or edited is an error that names the file, never passed over.
///
/// A run from the time when measures were part of a spec stays in the folder of its name then, with
/// the text of then; its result comes back with the spec and hash that it has now.
class Store {
 public:
  /// Opens a store: for writing, by making the folders that are not there; for reading, by changing
  /// nothing, and without a need for the right to.
  /// Throws: DataError when it cannot be written to, or is no store to read from.
  Store(std::filesystem::path directory, Access access);

  /// Of a run: the one it has, or is to get.
  /// @{
  std::filesystem::path folder(const Spec& spec) const;
  std::filesystem::path folder(const RunResult& result) const;
  /// @}

  /// Takes hold of a run; makes its folder and spec.txt if need be.
  /// Throws: DataError at once when another holder has it, with the process id; ValueError in a
  /// store that was opened for reading.
  LockedRun lock(const Spec& spec) const;
  /// The same, or nothing when another holder has it.
  std::optional<LockedRun> try_lock(const Spec& spec) const;
  /// The process that holds a run, or held it last: its id, or `unknown`.
  std::string holder(const Spec& spec) const;

  /// The result of a run, or nothing if it is not finished. Throws: DataError.
  std::optional<RunResult> find(const Spec& spec) const;

  /// The same of a folder in `runs`.
  std::optional<RunResult> find_in(const std::filesystem::path& folder) const;

  /// Whether the file that a result says it has kept is there; it may be damaged.
  bool has_kept(const RunResult& result) const;

  /// That file, found to be what the result says.
  /// Throws: DataError when it is missing or damaged, or the result says of none.
  std::filesystem::path kept_file(const RunResult& result) const;

  /// The results of all finished runs, by task, profile, arm, seed and spec hash. Throws:
  /// DataError.
  std::vector<RunResult> results() const;

 private:
  std::filesystem::path runs_;
  Access access_;
};

}  // namespace harness
