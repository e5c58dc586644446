#pragma once

#include <cstddef>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "harness/results/result.hpp"
#include "harness/results/spec.hpp"
#include "harness/runs/lease.hpp"

namespace harness {

/// Why a run could not be made, and where.
struct Failure {
  /// The error's sentence.
  std::string message;
  std::string node, job;
  /// As 2026-01-31T12:00:00Z.
  std::string time;
};

/// How a store locks its runs.
struct Locks {
  /// With leases, which need nothing but link(); else with flock().
  bool leases = false;
  /// With leases: a holder that has given no sign of life for so long loses its run.
  double seconds = 300;
};

/// A lock on a run's folder. While it lives, nobody else can lock the same run, in this process or
/// another. With flock() the kernel releases it when the process ends, however it ends; a lease is
/// taken over by another process after a time (Lease).
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

  /// Names who made the run, in its lock. Throws: WriteError.
  void set_maker(const Holder& maker) const;

  /// Replaces the checkpoint by a file of another store. Throws: DataError.
  void copy_checkpoint(const std::filesystem::path& file) const;

  /// Stores the file that `write` makes in place of the old one. The run's result must name it.
  /// Returns: the file's sha256. Throws: DataError, and what `write` throws.
  std::string keep(const std::function<void(const std::filesystem::path&)>& write) const;

  /// Stores the run's result, which makes the run a finished one, and removes the checkpoint, which
  /// nobody needs any more. If the lease was lost and the run has a result by now, an equal one is
  /// dropped; a different one is kept in the store's folder `conflicts`, and is an error.
  /// Throws: ValueError if the result is of another spec; DataError if it cannot be written.
  void finish(const RunResult& result) const;

  /// Whether another process has the run now, since this one was silent for too long.
  bool is_lost() const { return lease_ && lease_->is_lost(); }

  /// Notes that the run failed; finish() removes the note. Throws: WriteError.
  void record_failure(const std::string& message) const;

 private:
  friend class Store;
  LockedRun(Spec spec, std::filesystem::path folder);
  /// folder_is_gone: the folder was removed meanwhile, and must be made again.
  enum class Taken { taken, held, folder_is_gone };
  Taken take_lock();
  Taken take_lease(double seconds, LeaseWatch& watch);
  void settle_spec() const;
  void settle_result();
  void accept(const RunResult& result) const;
  /// Where this process writes: the run's folder, or the attempt of its lease.
  const std::filesystem::path& work() const { return lease_ ? lease_->attempt() : folder_; }

  Spec spec_;
  std::filesystem::path folder_;
  int descriptor_ = -1;
  std::unique_ptr<Lease> lease_;
  /// Whether the run was finished when it was locked.
  bool had_result_ = false;
};

/// The files of a run's folder, besides its lock.
/// @{
inline constexpr const char* kSpecFile = "spec.txt";
inline constexpr const char* kCheckpointFile = "checkpoint.bin";
inline constexpr const char* kKeptFile = "kept.safetensors";
inline constexpr const char* kResultFile = "row.json";
inline constexpr const char* kFailureFile = "failed.json";
inline constexpr const char* kRunFiles[] = {kSpecFile, kCheckpointFile, kKeptFile, kResultFile,
                                            kFailureFile};
inline constexpr const char* kLockFile = "lock";
/// @}

/// Files and folders of a store, besides `runs` and `cache`: how it locks, and results that differ
/// from the run's own.
/// @{
inline constexpr const char* kLocksFile = "locks";
inline constexpr const char* kConflictsFolder = "conflicts";
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
  /// wanted: how a store for writing is to lock. Throws: DataError also if it locks otherwise.
  Store(std::filesystem::path directory, Access access,
        const std::optional<Locks>& wanted = std::nullopt);

  /// How its runs are locked: as its file `locks` says; without one by leases if its file system
  /// is not known to lock files between nodes, else by flock().
  const Locks& locks() const { return locks_; }

  const std::filesystem::path& runs() const { return runs_; }

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

  /// Who holds a run, by the folder of it in `runs`; nothing if nobody does.
  std::optional<Holder> holder_of(const std::filesystem::path& folder) const;

  /// The newest checkpoint of an unfinished run; empty if it has none.
  std::filesystem::path checkpoint_of(const std::filesystem::path& folder) const;

  /// Who made a finished run, if its folder still tells.
  std::optional<Holder> maker_of(const std::filesystem::path& folder) const;

  /// Why the run failed the last time, by its folder; nothing if it did not, or is finished.
  std::optional<Failure> failure_of(const std::filesystem::path& folder) const;

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
  void settle_locks(const std::optional<Locks>& wanted);

  std::filesystem::path runs_;
  Access access_;
  Locks locks_;
  std::shared_ptr<LeaseWatch> watch_ = std::make_shared<LeaseWatch>();
};

/// A difference between two results of one run, in what training and measuring decide; empty if
/// there is none. Where they were measured by different versions, only training is compared.
std::string difference_of(const RunResult& a, const RunResult& b);

/// Whether training and measuring gave two results the same bits.
bool have_equal_bits(const RunResult& a, const RunResult& b);

/// Where a result was made: node and job as far as the run's folder tells, processor, instruction
/// set, device, compiler, version.
std::string maker_of(const RunResult& result, const std::optional<Holder>& maker);

/// Keeps a result that differs from the run's own in the store's folder `conflicts`.
/// Returns: the file. Throws: DataError.
std::filesystem::path keep_conflict(const std::filesystem::path& store, const RunResult& result);

}  // namespace harness
