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

/// A lock on a run's folder. While it lives, nobody else can lock the same run, in this process or
/// another. The kernel releases it when the process ends, however it ends.
class LockedRun {
 public:
  LockedRun(LockedRun&& other) noexcept;
  LockedRun& operator=(LockedRun&&) = delete;
  ~LockedRun();

  const Spec& spec() const { return spec_; }
  const std::filesystem::path& folder() const { return folder_; }

  /// Replaces the checkpoint. Throws: DataError; the old checkpoint is then unchanged.
  void save_checkpoint(std::span<const std::byte> state) const;

  /// The state that was saved last, or nothing if none was.
  /// Throws: DataError for a checkpoint that is torn, edited or of another run.
  std::optional<std::vector<std::byte>> load_checkpoint() const;

  /// Stores the file that `write` makes in place of the old one. The run's result must name it.
  /// Returns: the file's sha256. Throws: DataError, and what `write` throws.
  std::string keep(const std::function<void(const std::filesystem::path&)>& write) const;

  /// Stores the run's result, which makes the run a finished one, and removes the checkpoint, which
  /// nobody needs any more.
  /// Throws: ValueError if the result is of another spec; DataError if it cannot be written.
  void finish(const RunResult& result) const;

 private:
  friend class Store;
  LockedRun(Spec spec, std::filesystem::path folder);
  /// folder_is_gone: the folder was removed meanwhile, and must be made again.
  enum class Taken { taken, held, folder_is_gone };
  Taken take_lock();
  void settle_spec() const;

  Spec spec_;
  std::filesystem::path folder_;
  int descriptor_ = -1;
};

/// The files of a run's folder, besides its lock.
/// @{
inline constexpr const char* kSpecFile = "spec.txt";
inline constexpr const char* kCheckpointFile = "checkpoint.bin";
inline constexpr const char* kKeptFile = "kept.safetensors";
inline constexpr const char* kResultFile = "row.json";
inline constexpr const char* kRunFiles[] = {kSpecFile, kCheckpointFile, kKeptFile, kResultFile};
inline constexpr const char* kLockFile = "lock";
/// @}

/// A run's folder is named by so many digits of its spec's hash.
inline constexpr std::size_t kFolderDigits = 16;

/// What a store is opened for.
enum class Access { reading, writing };

/// Runs on disk, one folder each: `<store>/runs/<first 16 digits of the spec's hash>/` with
/// spec.txt, checkpoint.bin, kept.safetensors, row.json and lock. A run with a row.json is
/// finished, and its result says what kept.safetensors is. A file that is torn or edited is an
/// error that names the file; it is never skipped.
///
/// A run from the time when measures were part of a spec stays in the folder of its old name, with
/// its old text. Its result is returned with today's spec and hash.
class Store {
 public:
  /// Opens a store. For writing, it makes missing folders. For reading, it changes nothing and
  /// needs no right to write.
  /// Throws: DataError if the store cannot be written to, or is no store to read from.
  Store(std::filesystem::path directory, Access access);

  /// The folder of a run: the one that it has, or else the one that it will get.
  /// @{
  std::filesystem::path folder(const Spec& spec) const;
  std::filesystem::path folder(const RunResult& result) const;
  /// @}

  /// Locks a run; makes its folder and spec.txt if needed.
  /// Throws: DataError at once, with the process id, if another holder has it; ValueError in a
  /// store that was opened for reading.
  LockedRun lock(const Spec& spec) const;
  /// The same; nothing if another holder has it.
  std::optional<LockedRun> try_lock(const Spec& spec) const;
  /// The process that holds a run or held it last: its id, or `unknown`.
  std::string holder(const Spec& spec) const;

  /// The result of a run, or nothing if it is not finished. Throws: DataError.
  std::optional<RunResult> find(const Spec& spec) const;

  /// The same for a folder in `runs`.
  std::optional<RunResult> find_in(const std::filesystem::path& folder) const;

  /// Whether the file that the run has kept, by its result, exists. It may be damaged.
  bool has_kept(const RunResult& result) const;

  /// The path of that file, whose hash was compared with the result's.
  /// Throws: DataError if it is missing or damaged, or if the run has kept none.
  std::filesystem::path kept_file(const RunResult& result) const;

  /// The results of all finished runs, by task, profile, arm, seed and spec hash.
  /// Throws: DataError.
  std::vector<RunResult> results() const;

 private:
  std::filesystem::path runs_;
  Access access_;
};

}  // namespace harness
