#include "harness/runs/run_store.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <sstream>
#include <tuple>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "harness/base/files.hpp"
#include "harness/base/node.hpp"
#include "harness/base/sha256.hpp"
#include "harness/results/compare.hpp"
#include "harness/results/result_json.hpp"
#include "harness/results/result_members.hpp"
#include "harness/runs/run_folder.hpp"
#include "libnorm/core/error.hpp"
#include "libnorm/data/printable.hpp"

namespace harness {
namespace {

namespace fs = std::filesystem;
using libnorm::DataError;
using libnorm::ValueError;

/// The most bytes of the file `locks`.
constexpr std::uintmax_t kMostLocks = 1024;

/// Two results of one run, without what may differ between machines, and without measures if these
/// are of different versions.
std::pair<RunResult, RunResult> comparable(RunResult a, RunResult b) {
  b.seconds = a.seconds;
  b.environment = a.environment;
  b.kept = a.kept;
  b.spec = a.spec;
  b.spec_sha256 = a.spec_sha256;
  if (a.measures == b.measures) return {std::move(a), std::move(b)};
  for (RunResult* result : {&a, &b}) {
    result->measures.clear();
    result->metrics.clear();
    result->singular_values.clear();
    result->slices.clear();
    result->epochs.clear();
    result->spectra.clear();
    result->held_out_correct.clear();
  }
  return {std::move(a), std::move(b)};
}

}  // namespace

bool have_equal_bits(const RunResult& a, const RunResult& b) {
  const auto [own, other] = comparable(a, b);
  return compare_members(own, other).difference.empty();
}

std::string difference_of(const RunResult& a, const RunResult& b) {
  const auto [own, other] = comparable(a, b);
  // A solver's last digits are no difference (compare.hpp).
  if (compare(other, own).empty()) return "";
  return compare_members(own, other).difference;
}

std::string maker_of(const RunResult& result, const std::optional<Holder>& maker) {
  const Environment& e = result.environment;
  std::string text;
  if (maker && !maker->node.empty()) text += "node " + maker->node + ", ";
  if (maker && !maker->job.empty()) text += "job " + maker->job + ", ";
  return libnorm::printable(text + e.cpu + ", " + e.isa + ", " + e.device + ", " + e.compiler +
                            ", version " + e.version);
}

fs::path keep_conflict(const fs::path& store, const RunResult& result) {
  const std::string text = seal("row", to_line(result));
  const fs::path folder = store / kConflictsFolder;
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) fail_to_write(folder, "make", error.value());
  const fs::path path = folder / (result.spec_sha256.substr(0, kFolderDigits) + "-" +
                                  sha256_hex(text).substr(0, 8) + ".json");
  write_atomically(path, text);
  return path;
}

Store::Store(fs::path directory, Access access, const std::optional<Locks>& wanted)
    : runs_(directory / "runs"), access_(access) {
  std::error_code error;
  if (access == Access::reading) {
    // A folder that is missing, or is no store, is a mistyped name, not an empty store.
    if (!is_there(directory)) {
      throw DataError("store: no such folder (" + directory.string() +
                      "); need one that `norm-harness run` made");
    }
    if (!fs::is_directory(runs_, error)) {
      throw DataError("store: not a store (" + directory.string() +
                      " has no folder `runs`); need one that `norm-harness run` made");
    }
    settle_locks(std::nullopt);
    return;
  }
  fs::create_directories(runs_, error);
  if (error) fail_to_write(runs_, "make", error.value());
  // Modes and access() are not reliable (root user, read-only mounts), so this tries to write.
  std::string probe = (runs_ / ".probe.XXXXXX").string();
  const Descriptor file(::mkstemp(probe.data()));
  if (file.get() < 0) fail_to_write(runs_, "write to", errno);
  ::unlink(probe.c_str());
  settle_locks(wanted);
}

void Store::settle_locks(const std::optional<Locks>& wanted) {
  const fs::path path = runs_.parent_path() / kLocksFile;
  if (!is_there(path)) {
    locks_ = wanted.value_or(Locks{!file_system_of(runs_).locks_between_nodes});
    if (access_ == Access::reading || (!wanted && !locks_.leases)) return;
    // The first of several processes decides.
    const fs::path aside = runs_ / (aside_in(runs_).filename().string() + "-" + node_name());
    write_atomically(aside, locks_.leases ? fmt::format("lease {}\n", locks_.seconds) : "flock\n");
    const int reason = ::link(aside.c_str(), path.c_str()) == 0 ? 0 : errno;
    ::unlink(aside.c_str());
    if (reason != 0 && reason != EEXIST) fail_to_write(path, "link", reason);
  }
  const std::string text = read_file(path, kMostLocks);
  std::istringstream words(text);
  std::string word;
  words >> word;
  locks_ = {word == "lease", 0};
  if (locks_.leases ? !(words >> locks_.seconds) || !(locks_.seconds > 0) : word != "flock") {
    throw DataError("store: " + path.string() + " is none of ours (" +
                    libnorm::printable(text.substr(0, 40)) + "); need `flock` or `lease SECONDS`");
  }
  if (wanted &&
      (wanted->leases != locks_.leases || (locks_.leases && wanted->seconds != locks_.seconds))) {
    throw DataError("store: its runs are locked otherwise (" + path.string() + " says " +
                    libnorm::printable(text.substr(0, text.find('\n'))) +
                    "); need the same for all processes, or another store");
  }
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
  if (!result.spec.empty()) return folder(Spec::parse(result.spec, "result: spec"));
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
    const auto taken = locks_.leases ? run.take_lease(locks_.seconds, *watch_) : run.take_lock();
    if (taken == LockedRun::Taken::held) return std::nullopt;
    if (taken == LockedRun::Taken::folder_is_gone) continue;
    run.settle_spec();
    run.settle_result();
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
  const fs::path run = folder(spec);
  if (const auto holder = lease_holder(run)) return holder->pid;
  const auto holder = lock_of(run);
  return holder ? holder->pid : "unknown";
}

std::optional<Holder> Store::holder_of(const fs::path& folder) const {
  if (auto holder = lease_holder(folder)) return holder;
  const Descriptor lock(::open((folder / kLockFile).c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
  if (lock.get() < 0 || ::flock(lock.get(), LOCK_SH | LOCK_NB) == 0 || errno != EWOULDBLOCK) {
    return std::nullopt;
  }
  return lock_of(folder).value_or(Holder{"unknown", "", ""});
}

std::optional<Holder> Store::maker_of(const fs::path& folder) const { return lock_of(folder); }

fs::path Store::checkpoint_of(const fs::path& folder) const { return find_checkpoint(folder); }

std::optional<Failure> Store::failure_of(const fs::path& folder) const {
  const fs::path path = folder / kFailureFile;
  if (!is_there(path) || is_there(folder / kResultFile)) return std::nullopt;
  const std::string sealed = read_file(path);
  const auto text = unseal("failure", sealed);
  if (!text) fail_damaged(path, "is torn or edited (its checksum does not hold)");
  const nlohmann::json value = parse_json(*text, path.string());
  JsonObjectReader members(value, path.string());
  return Failure{members.text("message"), members.text("node"), members.text("job"),
                 members.text("time")};
}

std::optional<RunResult> Store::find(const Spec& spec) const { return read_result(folder(spec)); }

std::optional<RunResult> Store::find_in(const fs::path& folder) const {
  return read_result(folder);
}

bool Store::has_kept(const RunResult& result) const {
  return result.kept && !find_kept(folder(result), result.kept->sha256).empty();
}

fs::path Store::kept_file(const RunResult& result) const {
  const fs::path in = folder(result);
  if (!result.kept) {
    throw DataError("store: the run " + in.string() +
                    " has kept no weights; delete its folder and run it again with --keep weights");
  }
  const fs::path path = find_kept(in, result.kept->sha256);
  if (path.empty()) {
    fail_damaged(in / kKeptFile, "is missing, and the run's result says that it is kept");
  }
  if (!is_whole(path) || file_sha256(path) != result.kept->sha256) {
    fail_damaged(path, "is torn or edited (its sha256 is not the one in the run's result)");
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
