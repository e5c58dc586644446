#pragma once

#include <chrono>
#include <condition_variable>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

namespace harness {

/// Another process has taken a run over, since this one gave no sign of life for too long.
class LeaseLost : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Who holds a run.
struct Holder {
  std::string pid, node, job;
};

/// What one process has seen of other processes' leases, and when. It compares no clocks: a lease
/// is dead once its signs of life have not changed for a time on the clock of the one who watches.
class LeaseWatch {
 public:
  /// Whether a lease has shown the same sign for so many seconds.
  bool is_silent(const std::string& lease, const std::string& sign, double seconds);

 private:
  struct Seen {
    std::string sign;
    std::chrono::steady_clock::time_point since;
  };
  std::mutex mutex_;
  std::map<std::string, Seen> seen_;
};

/// The right to work on a run, on file systems whose locks do not hold between nodes. Leases of a
/// run have numbers; the highest one counts.
///
///   lease.N          made by link(), so only one process can make it; says who it is
///   attempt-TOKEN/   where the holder of one lease writes, and nobody else: beat, checkpoint.bin,
///                    kept.safetensors; and `released` once it has left
///
/// A thread changes `beat` several times within the seconds after which a silent lease is taken
/// over. A process that was stopped and wakes up writes into its own folder, if that is still
/// there, and learns that it has lost the run before the next step.
class Lease {
 public:
  /// Takes the lease of a run's folder, unless somebody holds it.
  /// seconds: after so long without a sign of life, a lease is taken over.
  /// Throws: DataError if the file system has no hard links, or cannot be written to.
  static std::unique_ptr<Lease> take(const std::filesystem::path& folder, double seconds,
                                     LeaseWatch& watch);

  /// Releases it. If the run is finished, removes the leases and attempts.
  ~Lease();
  Lease(const Lease&) = delete;
  Lease& operator=(const Lease&) = delete;

  /// The folder that only this lease writes to.
  const std::filesystem::path& attempt() const { return attempt_; }

  /// Whether another process has the run now. It looks only if the last look was long ago.
  bool is_lost();

  /// Tells that a checkpoint was written into the attempt, which others take for a beat.
  void gave_sign();

  /// Makes a file of the attempt the run's, by link(), unless the run has one of that name.
  /// Returns: whether it did; else the file is dropped.
  /// Throws: DataError, also if the attempt was removed.
  bool accept(const std::string& name) const;

  /// Removes earlier attempts, whose checkpoints nobody needs any more.
  void drop_earlier() const;

 private:
  Lease(std::filesystem::path folder, double seconds);
  bool claim(std::size_t number, const std::string& owner);
  bool look();
  void beat();
  void keep_beating();

  std::filesystem::path folder_, attempt_;
  std::string token_;
  double seconds_;
  std::size_t number_ = 0;
  int attempt_descriptor_ = -1;
  int slot_ = -1;
  std::mutex mutex_;
  std::condition_variable end_;
  bool ends_ = false, lost_ = false, gave_sign_ = false;
  std::size_t beats_ = 0;
  std::chrono::steady_clock::time_point looked_;
  std::thread thread_;
};

/// Who holds a run by a lease that was not released, and whose process is not known to have ended.
std::optional<Holder> lease_holder(const std::filesystem::path& folder);

/// The attempt folders of a run, the newest lease's first.
std::vector<std::filesystem::path> attempts_of(const std::filesystem::path& folder);

/// Removes an attempt's folder. It is gone at once, with all that is in it: whoever is about to
/// claim the run with it finds either all that it wrote there, or nothing. Returns: why it failed,
/// if so.
std::error_code remove_attempt(const std::filesystem::path& attempt);

/// Marks all leases of this process as released; allowed in a signal handler.
void release_leases();

}  // namespace harness
