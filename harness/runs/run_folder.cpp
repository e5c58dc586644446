#include "harness/runs/run_folder.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <sstream>

#include "harness/base/files.hpp"
#include "harness/base/sha256.hpp"
#include "harness/results/result_json.hpp"
#include "harness/runs/run_store.hpp"
#include "libnorm/core/error.hpp"
#include "libnorm/data/safetensors.hpp"

namespace harness {
namespace {

namespace fs = std::filesystem;
using libnorm::DataError;

/// The most bytes of a lock.
constexpr std::uintmax_t kMostLock = 1024;

/// The text of a lock, which holds a process id, a node and a job, a line each.
std::optional<Holder> holder_from(const std::string& text) {
  std::istringstream lines(text);
  Holder holder;
  std::getline(lines, holder.pid);
  std::getline(lines, holder.node);
  std::getline(lines, holder.job);
  // The holder writes its id just after it has the lock, so the file may be empty for a moment.
  const bool is_id =
      !holder.pid.empty() && holder.pid.find_first_not_of("0123456789") == std::string::npos;
  return is_id ? std::optional(holder) : std::nullopt;
}

}  // namespace

void fail_damaged(const fs::path& file, const std::string& damage) {
  throw DataError("store: " + file.string() + " " + damage + "; delete the folder " +
                  file.parent_path().string() + " to train this run again");
}

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

std::string stored_text(const RunResult& result) {
  RunResult stored = result;
  stored.spec.clear();  // It stands beside it.
  return seal("row", to_line(stored));
}

int open_lock(const fs::path& path, int way) {
  // A link is not followed: its target is not ours to write to. A pipe is not waited for.
  const int file = ::open(path.c_str(), way | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0644);
  if (file < 0 && errno == ENOENT) return -1;
  struct stat status = {};
  const bool is_file = file >= 0 && ::fstat(file, &status) == 0 && S_ISREG(status.st_mode);
  if (is_file) return file;
  const int reason = errno;
  if (file >= 0) ::close(file);
  const bool is_other = ::lstat(path.c_str(), &status) == 0 && !S_ISREG(status.st_mode);
  if (!is_other) fail_to_write(path, "open", reason);
  throw DataError("store: " + path.string() + " is " + kind_of(status.st_mode) +
                  "; need a regular file, or none: remove it");
}

fs::path find_checkpoint(const fs::path& folder) {
  for (const fs::path& attempt : attempts_of(folder)) {
    if (is_there(attempt / kCheckpointFile)) return attempt / kCheckpointFile;
  }
  const fs::path own = folder / kCheckpointFile;
  return is_there(own) ? own : fs::path();
}

fs::path find_kept(const fs::path& folder, const std::string& hash) {
  if (is_there(folder / kKeptFile)) return folder / kKeptFile;
  for (const fs::path& attempt : attempts_of(folder)) {
    const fs::path file = attempt / kKeptFile;
    if (is_there(file) && is_whole(file) && file_sha256(file) == hash) return file;
  }
  return {};
}

bool is_whole(const fs::path& kept) try {
  // A file as long as its head says: a torn one, or one of a terabyte of zeros, is not read whole.
  libnorm::SafetensorsFile{kept};
  return true;
} catch (const libnorm::Error&) {
  return false;
}

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
    result = result_from_line(*line, "result");
  } catch (const DataError& error) {
    fail_damaged(path, "does not fit this version (" + std::string(error.what()) + ")");
  }
  std::string mismatch;
  try {
    const Spec spec = Spec::parse(spec_text, "spec.txt");
    mismatch = spec.has_hash(result->spec_sha256)
                   ? describe_mismatch(*result, spec)
                   : "is the result of another run (of spec " + result->spec_sha256 + ")";
    result->spec = spec.canonical();
    result->spec_sha256 = spec.sha256();
  } catch (const libnorm::Error& error) {
    fail_damaged(folder / "spec.txt", "is none (" + std::string(error.what()) + ")");
  }
  if (!mismatch.empty()) fail_damaged(path, mismatch);
  return result;
}

std::optional<Holder> lock_of(const fs::path& folder) {
  try {
    return holder_from(read_file(folder / kLockFile, kMostLock));
  } catch (const DataError&) {
    return std::nullopt;  // The holder may have removed the file, as gc does.
  }
}

}  // namespace harness
