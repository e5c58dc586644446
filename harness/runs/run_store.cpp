#include "harness/runs/run_store.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <tuple>
#include <utility>

#include "harness/base/files.hpp"
#include "harness/base/sha256.hpp"
#include "harness/results/result_json.hpp"
#include "libnorm/core/error.hpp"

namespace harness {
namespace {

namespace fs = std::filesystem;
using libnorm::DataError;
using libnorm::ValueError;

constexpr std::string_view kCheckpointMagic = "libnorm checkpoint 1\n";

/// The most bytes of small files: a process id, a checkpoint's head.
constexpr std::uintmax_t kMostLock = 64, kMostHead = 160;

/// Bytes of this machine's memory. No larger checkpoint was written here.
std::uintmax_t memory_size() {
  return static_cast<std::uintmax_t>(::sysconf(_SC_PHYS_PAGES)) *
         static_cast<std::uintmax_t>(::sysconf(_SC_PAGESIZE));
}

/// Reports a damaged file of a run. The remedy is the same for any damage.
[[noreturn]] void fail_damaged(const fs::path& file, const std::string& damage) {
  throw DataError("store: " + file.string() + " " + damage + "; delete the folder " +
                  file.parent_path().string() + " to train this run again");
}

/// The text of a run's spec.txt, checked against the folder's name.
std::string read_spec_text(const fs::path& folder) {
  const fs::path path = folder / kSpecFile;
  if (!is_there(path)) fail_damaged(path, "is missing");
  std::string text = read_file(path);
  const std::string hash = sha256_hex(text);
  if (hash.substr(0, kFolderDigits) != folder.filename().string()) {
    fail_damaged(path, "does not belong to its folder (its sha256 begins with " +
                           hash.substr(0, kFolderDigits) + "): edited, or the folder was renamed");
  }
  return text;
}

/// Where a result contradicts the spec of its run; empty if it does not.
std::string describe_mismatch(const RunResult& result, const Spec& spec) {
  const auto differs = [](const std::string& key, const std::string& has, const std::string& says) {
    return "has the " + key + " " + has + " where the spec says " + says;
  };
  // Specs that do not name a task are of the only one that there was.
  const std::string task = spec.has("task") ? spec.text("task") : kUnnamedTask;
  if (result.task != task) return differs("task", result.task, task);
  if (result.arm != spec.text("arm")) return differs("arm", result.arm, spec.text("arm"));
  if (result.seed != spec.unsigned_integer("seed")) {
    return differs("seed", std::to_string(result.seed), spec.text("seed"));
  }
  if (!spec.has("steps")) return "";
  const std::int64_t steps = spec.integer("steps");
  // Only a diverged run has fewer steps.
  const bool fits = result.diverged_at < 0 ? result.steps == steps : result.steps <= steps;
  return fits ? "" : differs("steps", std::to_string(result.steps), std::to_string(steps));
}

/// The result of a run's folder, or nothing if the run is not finished.
std::optional<RunResult> read_result(const fs::path& folder) {
  const fs::path path = folder / kResultFile;
  const bool finished = is_there(path);
  // A run that was killed before its spec.txt existed has nothing to check yet.
  if (!finished && !is_there(folder / kSpecFile)) return std::nullopt;
  const std::string spec_text = read_spec_text(folder);
  if (!finished) return std::nullopt;

  const std::string sealed = read_file(path);
  const auto line = unseal("row", sealed);
  if (!line) fail_damaged(path, "is torn or edited (its checksum does not hold)");
  std::optional<RunResult> result;
  try {
    result = result_from_line(*line, "row");
  } catch (const DataError& error) {
    fail_damaged(path, "does not fit this version (" + std::string(error.what()) + ")");
  }
  std::string mismatch;
  try {
    const Spec spec = Spec::parse(spec_text, "spec.txt");
    mismatch = spec.has_hash(result->spec_sha256)
                   ? describe_mismatch(*result, spec)
                   : "is the row of another run (of spec " + result->spec_sha256 + ")";
    result->spec = spec.canonical();
    result->spec_sha256 = spec.sha256();
  } catch (const libnorm::Error& error) {
    fail_damaged(folder / "spec.txt", "is none (" + std::string(error.what()) + ")");
  }
  if (!mismatch.empty()) fail_damaged(path, mismatch);
  return result;
}

}  // namespace

LockedRun::LockedRun(Spec spec, fs::path folder)
    : spec_(std::move(spec)), folder_(std::move(folder)) {}

LockedRun::LockedRun(LockedRun&& other) noexcept
    : spec_(std::move(other.spec_)),
      folder_(std::move(other.folder_)),
      descriptor_(std::exchange(other.descriptor_, -1)) {}

LockedRun::~LockedRun() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

LockedRun::Taken LockedRun::take_lock() {
  const fs::path path = folder_ / kLockFile;
  // Do not follow a link: its target is not ours to write to.
  descriptor_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0644);
  if (descriptor_ < 0 && errno == ENOENT) return Taken::folder_is_gone;
  if (descriptor_ < 0) fail_to_write(path, "open", errno);
  if (::flock(descriptor_, LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) fail_to_write(path, "lock", errno);
    return Taken::held;
  }
  struct stat locked = {}, there = {};
  if (::fstat(descriptor_, &locked) != 0 || ::stat(path.c_str(), &there) != 0 ||
      locked.st_ino != there.st_ino) {
    ::close(std::exchange(descriptor_, -1));
    return Taken::folder_is_gone;
  }
  const std::string id = std::to_string(::getpid());
  if (::ftruncate(descriptor_, 0) != 0 ||
      ::pwrite(descriptor_, id.data(), id.size(), 0) != static_cast<ssize_t>(id.size())) {
    fail_to_write(path, "write", errno);
  }
  return Taken::taken;
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
  write_atomically(folder_ / kCheckpointFile, file);
}

std::optional<std::vector<std::byte>> LockedRun::load_checkpoint() const {
  const fs::path path = folder_ / kCheckpointFile;
  if (!is_there(path)) return std::nullopt;
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

std::string LockedRun::keep(const std::function<void(const fs::path&)>& write) const {
  std::string hash;
  replace_atomically(folder_ / kKeptFile, [&](const fs::path& aside) {
    write(aside);
    hash = file_sha256(aside);
  });
  return hash;
}

void LockedRun::finish(const RunResult& result) const {
  if (result.spec_sha256 != spec_.sha256()) {
    throw ValueError("store: the row is of another spec (" + result.spec_sha256 + "); need " +
                     spec_.sha256());
  }
  if (const std::string mismatch = describe_mismatch(result, spec_); !mismatch.empty()) {
    throw ValueError("store: the row " + mismatch + "; need the row of the run");
  }
  RunResult stored = result;
  stored.spec.clear();  // It stands beside it.
  write_atomically(folder_ / kResultFile, seal("row", to_line(stored)));
  ::unlink((folder_ / kCheckpointFile).c_str());
}

Store::Store(fs::path directory, Access access) : runs_(directory / "runs"), access_(access) {
  std::error_code error;
  if (access == Access::reading) {
    // A folder that is missing, or is no store, is a mistyped name, not an empty store.
    if (!is_there(directory)) {
      throw DataError("store: no such folder (" + directory.string() +
                      "); need one that `norm-harness run` made");
    }
    if (!fs::is_directory(runs_, error)) {
      throw DataError("store: " + directory.string() +
                      " is none (it has no folder runs); need one that `norm-harness run` made");
    }
    return;
  }
  fs::create_directories(runs_, error);
  if (error) fail_to_write(runs_, "make", error.value());
  // Modes and access() are not reliable (root user, read-only mounts), so this tries to write.
  std::string probe = (runs_ / ".probe.XXXXXX").string();
  const Descriptor file(::mkstemp(probe.data()));
  if (file.get() < 0) fail_to_write(runs_, "write to", errno);
  ::unlink(probe.c_str());
}

fs::path Store::folder(const Spec& spec) const {
  const fs::path now = runs_ / spec.sha256().substr(0, kFolderDigits);
  const fs::path then = runs_ / spec.old_sha256().substr(0, kFolderDigits);
  // If a run is in both folders, since two stores were merged, take the finished one.
  for (const char* file : {kResultFile, kSpecFile}) {
    for (const fs::path& path : {now, then}) {
      if (is_there(path / file)) return path;
    }
  }
  return now;
}

fs::path Store::folder(const RunResult& result) const {
  if (!result.spec.empty()) return folder(Spec::parse(result.spec, "row: spec"));
  return runs_ / result.spec_sha256.substr(0, kFolderDigits);
}

std::optional<LockedRun> Store::try_lock(const Spec& spec) const {
  if (access_ == Access::reading) {
    throw ValueError("store: it was opened for reading (" + runs_.string() +
                     "); need one opened for writing");
  }
  while (true) {
    LockedRun run(spec, folder(spec));
    std::error_code error;
    fs::create_directory(run.folder(), error);
    if (error) fail_to_write(run.folder(), "make", error.value());
    const auto taken = run.take_lock();
    if (taken == LockedRun::Taken::held) return std::nullopt;
    if (taken == LockedRun::Taken::folder_is_gone) continue;
    run.settle_spec();
    sync_directory(runs_);
    return run;
  }
}

LockedRun Store::lock(const Spec& spec) const {
  auto run = try_lock(spec);
  if (run) return *std::move(run);
  throw DataError("store: the run " + folder(spec).string() + " is held by another process (pid " +
                  holder(spec) + "); wait for it or stop it");
}

std::string Store::holder(const Spec& spec) const {
  std::string id;
  try {
    id = read_file(folder(spec) / kLockFile, kMostLock);
  } catch (const DataError&) {
    // The holder may have released it and removed the file, as gc does.
  }
  // The holder writes its id just after it has the lock, so the file may be empty for a moment.
  const bool is_id = !id.empty() && id.find_first_not_of("0123456789") == std::string::npos;
  return is_id ? id : "unknown";
}

std::optional<RunResult> Store::find(const Spec& spec) const { return read_result(folder(spec)); }

std::optional<RunResult> Store::find_in(const fs::path& folder) const {
  return read_result(folder);
}

bool Store::has_kept(const RunResult& result) const {
  return result.kept && is_there(folder(result) / kKeptFile);
}

fs::path Store::kept_file(const RunResult& result) const {
  const fs::path path = folder(result) / kKeptFile;
  if (!result.kept) {
    throw DataError("store: the run " + path.parent_path().string() +
                    " has kept no weights; delete its folder and run it again with --keep weights");
  }
  if (!is_there(path)) fail_damaged(path, "is missing, and the run's row says that it is kept");
  if (file_sha256(path) != result.kept->sha256) {
    fail_damaged(path, "is torn or edited (its sha256 is not the one in the run's row)");
  }
  return path;
}

std::vector<RunResult> Store::results() const {
  std::vector<RunResult> results;
  std::error_code error;
  fs::directory_iterator entry(runs_, error);
  for (; !error && entry != fs::directory_iterator(); entry.increment(error)) {
    if (!entry->is_directory()) continue;
    auto result = read_result(entry->path());
    // If a run is in two folders, this takes the one that find() takes.
    if (result && folder(*result).filename() == entry->path().filename())
      results.push_back(*std::move(result));
  }
  if (error) fail_to_read(runs_, error.value());
  const auto order = [](const RunResult& result) {
    return std::tie(result.task, result.profile, result.arm, result.seed, result.spec_sha256);
  };
  std::sort(results.begin(), results.end(),
            [&](const RunResult& a, const RunResult& b) { return order(a) < order(b); });
  return results;
}

}  // namespace harness
