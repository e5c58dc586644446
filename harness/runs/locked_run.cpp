#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <ctime>
#include <thread>
#include <utility>

#include <nlohmann/json.hpp>

#include "harness/base/files.hpp"
#include "harness/base/node.hpp"
#include "harness/base/sha256.hpp"
#include "harness/base/writing.hpp"
#include "harness/results/result_json.hpp"
#include "harness/runs/run_folder.hpp"
#include "harness/runs/run_store.hpp"
#include "libnorm/core/error.hpp"

namespace harness {
namespace {

namespace fs = std::filesystem;
using libnorm::DataError;
using libnorm::ValueError;

constexpr std::string_view kCheckpointMagic = "libnorm checkpoint 1\n";

/// The most bytes of a checkpoint's head.
constexpr std::uintmax_t kMostHead = 160;
/// How often a held lock is tried again, a millisecond apart.
constexpr int kLockTries = 3;

/// What stands in a run's lock: who works on it, or worked on it last.
std::string lock_text(const Holder& holder) {
  return holder.pid + "\n" + holder.node + "\n" + holder.job + "\n";
}

/// Bytes of this machine's memory. No larger checkpoint was written here.
std::uintmax_t memory_size() {
  return static_cast<std::uintmax_t>(::sysconf(_SC_PHYS_PAGES)) *
         static_cast<std::uintmax_t>(::sysconf(_SC_PAGESIZE));
}

}  // namespace

LockedRun::LockedRun(Spec spec, fs::path folder)
    : spec_(std::move(spec)), folder_(std::move(folder)) {}

LockedRun::LockedRun(LockedRun&& other) noexcept
    : spec_(std::move(other.spec_)),
      folder_(std::move(other.folder_)),
      descriptor_(std::exchange(other.descriptor_, -1)),
      lease_(std::move(other.lease_)),
      had_result_(other.had_result_) {}

LockedRun::~LockedRun() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

LockedRun::Taken LockedRun::take_lock() {
  const fs::path path = folder_ / kLockFile;
  descriptor_ = open_lock(path, O_RDWR | O_CREAT);
  if (descriptor_ < 0) return Taken::folder_is_gone;
  for (int tries = 1; ::flock(descriptor_, LOCK_EX | LOCK_NB) != 0; ++tries) {
    if (errno != EWOULDBLOCK) fail_to_write(path, "lock", errno);
    // `status` looks at a lock by holding it for a moment.
    if (tries == kLockTries) return Taken::held;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  struct stat locked = {}, there = {};
  if (::fstat(descriptor_, &locked) != 0 || ::stat(path.c_str(), &there) != 0 ||
      locked.st_ino != there.st_ino) {
    ::close(std::exchange(descriptor_, -1));
    return Taken::folder_is_gone;
  }
  const std::string id = lock_text({std::to_string(::getpid()), node_name(), job_name()});
  if (::ftruncate(descriptor_, 0) != 0 ||
      ::pwrite(descriptor_, id.data(), id.size(), 0) != static_cast<ssize_t>(id.size())) {
    fail_to_write(path, "write", errno);
  }
  return Taken::taken;
}

LockedRun::Taken LockedRun::take_lease(double seconds, LeaseWatch& watch) {
  try {
    lease_ = Lease::take(folder_, seconds, watch);
  } catch (const DataError&) {
    if (!is_there(folder_)) return Taken::folder_is_gone;
    throw;
  }
  return lease_ ? Taken::taken : Taken::held;
}

void LockedRun::settle_spec() const {
  // Temporary files of a process that was killed before it renamed them.
  remove_asides(folder_);
  const fs::path path = folder_ / kSpecFile;
  if (!is_there(path)) {
    if (is_there(folder_ / kResultFile)) fail_damaged(path, "is missing");
    write_atomically(path, spec_.canonical());
  } else if (Spec::parse(read_spec_text(folder_), path.string()) != spec_) {
    fail_damaged(path, "is of another run whose hash begins alike");
  }
}

void LockedRun::settle_result() {
  had_result_ = is_there(folder_ / kResultFile);
  if (!lease_ || !had_result_) return;
  // Its maker may have been killed before it moved what the run keeps.
  const auto result = read_result(folder_);
  const fs::path kept = result->kept ? find_kept(folder_, result->kept->sha256) : fs::path();
  if (!kept.empty() && kept != folder_ / kKeptFile) fs::rename(kept, folder_ / kKeptFile);
}

void LockedRun::save_checkpoint(std::span<const std::byte> state) const {
  const std::string head =
      std::string(kCheckpointMagic) + spec_.sha256() + " " + std::to_string(state.size()) + "\n";
  const std::string hash = Sha256().update(head).update(state).hex();
  const auto as_bytes = [](const std::string& text) { return std::as_bytes(std::span(text)); };
  std::vector<std::byte> file;
  file.reserve(head.size() + hash.size() + state.size());
  for (const auto part : {as_bytes(head), as_bytes(hash), state}) {
    file.insert(file.end(), part.begin(), part.end());
  }
  if (is_lost())
    throw LeaseLost("store: another process has taken over the run in " + folder_.string());
  write_atomically(work() / kCheckpointFile, file);
  if (lease_) {
    lease_->gave_sign();
    lease_->drop_earlier();
  }
}

std::optional<std::vector<std::byte>> LockedRun::load_checkpoint() const {
  const fs::path path = find_checkpoint(folder_);
  if (path.empty()) return std::nullopt;
  const std::size_t hash_digits = 64;
  const std::string start = read_start(path, kMostHead);
  if (!start.starts_with(kCheckpointMagic)) {
    fail_damaged(path, "is torn, edited or of another version (it does not begin with \"" +
                           std::string(kCheckpointMagic.substr(0, kCheckpointMagic.size() - 1)) +
                           "\")");
  }
  const std::size_t head_end = start.find('\n', kCheckpointMagic.size());
  if (head_end == std::string::npos) fail_damaged(path, "is torn (it ends inside its head)");
  const std::string head = start.substr(0, head_end + 1);
  // Check before reading: a file that is larger than its head says may have any size.
  const std::uintmax_t bytes_there = fs::file_size(path), around = head.size() + hash_digits;
  const std::uintmax_t size = bytes_there - std::min(bytes_there, around);
  if (!head.ends_with(" " + std::to_string(size) + "\n")) {
    fail_damaged(path, "is torn or edited (it has " + std::to_string(size) +
                           " bytes of state, and its head gives another number)");
  }
  const std::string file = read_file(path, std::min(around + size, memory_size()));
  const std::string_view all = file;
  const std::string_view hash = all.substr(std::min(head.size(), all.size()), hash_digits);
  const std::string_view state = all.substr(std::min(head.size() + hash_digits, all.size()));
  if (Sha256().update(head).update(state).hex() != hash) {
    fail_damaged(path, "is torn or edited (its checksum does not hold; " +
                           std::to_string(state.size()) + " bytes of state)");
  }
  // This stands between the magic line and the size.
  const std::string end = " " + std::to_string(state.size()) + "\n";
  const std::size_t around_hash = kCheckpointMagic.size() + end.size();
  if (head.size() < around_hash ||
      !spec_.has_hash(head.substr(kCheckpointMagic.size(), head.size() - around_hash))) {
    fail_damaged(path, "is the checkpoint of another run");
  }
  const auto bytes = std::as_bytes(std::span(state));
  return std::vector<std::byte>(bytes.begin(), bytes.end());
}

void LockedRun::set_maker(const Holder& maker) const {
  const std::string text = lock_text(maker);
  if (descriptor_ < 0) return write_atomically(folder_ / kLockFile, text);
  // The lock itself stays the same file.
  if (::ftruncate(descriptor_, 0) != 0 ||
      ::pwrite(descriptor_, text.data(), text.size(), 0) != static_cast<ssize_t>(text.size())) {
    fail_to_write(folder_ / kLockFile, "write", errno);
  }
}

void LockedRun::copy_checkpoint(const fs::path& file) const {
  replace_atomically(work() / kCheckpointFile, [&](const fs::path& aside) {
    std::error_code error;
    if (!fs::copy_file(file, aside, error)) fail_to_write(aside, "write", error.value());
  });
}

std::string LockedRun::keep(const std::function<void(const fs::path&)>& write) const {
  std::string hash;
  replace_atomically(work() / kKeptFile, [&](const fs::path& aside) {
    write(aside);
    hash = file_sha256(aside);
  });
  return hash;
}

void LockedRun::finish(const RunResult& result) const {
  if (result.spec_sha256 != spec_.sha256()) {
    throw ValueError("store: the result is of another spec (" + result.spec_sha256 + "); need " +
                     spec_.sha256());
  }
  if (const std::string mismatch = describe_mismatch(result, spec_); !mismatch.empty()) {
    throw ValueError("store: the result " + mismatch + "; need the result of the run");
  }
  if (lease_ && !had_result_) {
    accept(result);
  } else {
    write_atomically(folder_ / kResultFile, stored_text(result));
  }
  ::unlink((folder_ / kCheckpointFile).c_str());
  ::unlink((folder_ / kFailureFile).c_str());
}

void LockedRun::accept(const RunResult& result) const {
  try {
    write_atomically(work() / kResultFile, stored_text(result));
    if (lease_->accept(kResultFile)) {
      if (::rename((work() / kKeptFile).c_str(), (folder_ / kKeptFile).c_str()) != 0 &&
          errno != ENOENT) {
        fail_to_write(folder_ / kKeptFile, "write", errno);
      }
      set_maker({std::to_string(::getpid()), node_name(), job_name()});
      return;
    }
  } catch (const WriteError&) {
    // Whoever took the run over, and finished it, has removed this attempt.
    if (!is_there(folder_ / kResultFile)) throw;
  }
  const auto accepted = read_result(folder_);
  const std::string difference = accepted ? difference_of(*accepted, result) : "";
  if (difference.empty()) return;
  RunResult other = result;
  other.spec = spec_.canonical();
  const fs::path kept = keep_conflict(folder_.parent_path().parent_path(), other);
  throw DataError("store: two results of one run differ: " + folder_.string() + ": " + difference +
                  "; the stored one was made on " + maker_of(*accepted, lock_of(folder_)) +
                  ", this one on " + maker_of(result, Holder{"", node_name(), job_name()}) +
                  " (kept as " + kept.string() + "); one of the machines computes wrongly");
}

void LockedRun::record_failure(const std::string& message) const {
  const std::time_t now = std::time(nullptr);
  std::tm utc = {};
  ::gmtime_r(&now, &utc);
  char time[32] = {};
  std::strftime(time, sizeof time, "%Y-%m-%dT%H:%M:%SZ", &utc);
  const nlohmann::json failure = {
      {"message", message}, {"node", node_name()}, {"job", job_name()}, {"time", time}};
  using Handler = nlohmann::json::error_handler_t;
  write_atomically(folder_ / kFailureFile,
                   seal("failure", failure.dump(-1, ' ', false, Handler::replace)));
}

}  // namespace harness
