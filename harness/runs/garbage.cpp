#include "harness/runs/garbage.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <set>
#include <system_error>

#include "harness/base/files.hpp"
#include "harness/base/sha256.hpp"
#include "harness/results/environment.hpp"
#include "harness/runs/lease.hpp"
#include "harness/runs/run_folder.hpp"
#include "harness/runs/run_store.hpp"
#include "libnorm/core/error.hpp"

namespace harness {
namespace {

namespace fs = std::filesystem;
using libnorm::DataError;

/// Names in a folder; empty if it is not there.
std::set<std::string> list(const fs::path& folder) {
  std::set<std::string> names;
  std::error_code error;
  fs::directory_iterator entry(folder, error);
  for (; !error && entry != fs::directory_iterator(); entry.increment(error)) {
    names.insert(entry->path().filename().string());
  }
  if (error && error != std::errc::no_such_file_or_directory) fail_to_read(folder, error.value());
  return names;
}

bool is_run_name(const std::string& name) {
  return name.size() == kFolderDigits && name.find_first_not_of("0123456789abcdef") == name.npos;
}

/// A run's lock while this object lives, unless another process has it.
class Hold {
 public:
  /// Inspecting takes a shared lock and needs no right to write.
  Hold(const fs::path& folder, bool removes)
      : file_(open_lock(folder / kLockFile, removes ? O_RDWR : O_RDONLY)) {
    // Without the file, no process has come as far as locking it.
    held_ = file_.get() < 0 || ::flock(file_.get(), (removes ? LOCK_EX : LOCK_SH) | LOCK_NB) == 0;
    if (file_.get() < 0 || !held_ || !removes) return;
    // A process that comes now is told who holds the run.
    const std::string id = std::to_string(::getpid());
    if (::ftruncate(file_.get(), 0) != 0 || ::pwrite(file_.get(), id.data(), id.size(), 0) < 0) {
      fail_to_write(folder / kLockFile, "write", errno);
    }
  }
  explicit operator bool() const { return held_; }

 private:
  Descriptor file_;
  bool held_ = false;
};

class Collector {
 public:
  Collector(const fs::path& store, Removal removal)
      : store_(store), removal_(removal), opened_(store, Access::reading) {}

  Garbage collect() {
    for (const std::string& name : list(store_ / "runs")) {
      // An earlier version tested with it whether it could write.
      if (name.starts_with(".probe.")) add(store_ / "runs" / name, "left by a process that ended");
      if (is_run_name(name)) look_at_run(store_ / "runs" / name);
    }
    for (const std::string& name : list(store_ / "cache")) {
      if (is_leftover(name)) add(store_ / "cache" / name, kAside);
    }
    return std::move(found_);
  }

 private:
  static constexpr const char* kAside = "left by a writer that was killed";

  /// A file that a killed writer prepared, named as today or as by earlier versions.
  static bool is_leftover(const std::string& name) {
    return is_aside(name) || (name.starts_with(".") && name.ends_with(".aside"));
  }

  static bool is_attempt(const std::string& name) { return name.starts_with("attempt-"); }
  static bool is_of_lease(const std::string& name) {
    return is_attempt(name) || name.starts_with("lease.");
  }

  bool removes() const { return removal_ != Removal::nothing; }

  /// Notes a file, and removes it if that was asked for.
  void add(const fs::path& file, const std::string& what) {
    const std::uintmax_t bytes = size_of(file);
    if (!removes() || remove(file)) found_.things.push_back({file, bytes, what});
  }

  /// Notes a run's folder, and removes it with all its files if that was asked for.
  void add_folder(const fs::path& folder, const std::set<std::string>& names,
                  std::vector<StoredThing>& to, const std::string& what, bool goes) {
    StoredThing thing{folder, 0, what};
    for (const std::string& name : names) thing.bytes += size_of(folder / name);
    // The result goes first: without it the run is not finished. The spec and the lock go last.
    std::vector<std::string> order(names.begin(), names.end());
    const auto rank = [](const std::string& name) {
      return name == kResultFile ? 0 : name == kSpecFile ? 2 : name == kLockFile ? 3 : 1;
    };
    std::ranges::stable_sort(order, {}, rank);
    for (const std::string& name : order) {
      if (goes && !remove(folder / name)) return;
    }
    if (goes && !remove(folder)) return;
    to.push_back(std::move(thing));
  }

  bool remove(const fs::path& path) {
    std::error_code error;
    if (is_attempt(path.filename().string())) {
      error = remove_attempt(path);
    } else {
      fs::remove(path, error);
    }
    if (!error) return true;
    found_.faults.push_back("cannot remove " + path.string() + " (" + error.message() +
                            "); need a folder that can be written to");
    return false;
  }

  std::uintmax_t size_of(const fs::path& file) const {
    std::error_code error;
    const auto bytes = fs::is_regular_file(file, error) ? fs::file_size(file, error) : 0;
    return error ? 0 : bytes;
  }

  void look_at_run(const fs::path& folder) try {
    const Hold hold(folder, removes());
    // With leases a process may begin on an unfinished run at any moment.
    const bool may_begin = opened_.locks().leases && !is_there(folder / kResultFile);
    if (!hold || may_begin || lease_holder(folder)) {
      found_.held.push_back(folder);
      return;
    }
    std::set<std::string> names = list(folder);
    std::erase_if(names, [&](const std::string& name) {
      if (!is_leftover(name)) return false;
      add(folder / name, kAside);
      return true;
    });
    if (names.count(kSpecFile) > 0) {
      look_at_begun_run(folder, names);
      return;
    }
    for (const std::string& name : names) {
      if (name == kLockFile) continue;
      throw DataError("store: " + folder.string() + " has no spec.txt beside its " + name +
                      "; delete the folder if it is of no use");
    }
    add_folder(folder, names, found_.things, "a run that was killed before it began", removes());
  } catch (const libnorm::Error& error) {
    found_.faults.emplace_back(error.what());
  }

  /// names: the names of the folder's files; a spec is among them.
  void look_at_begun_run(const fs::path& folder, std::set<std::string> names) {
    const fs::path path = folder / kSpecFile;
    const std::string text = read_file(path);
    const Spec spec = Spec::parse(text, path.string());
    if (!sha256_hex(text).starts_with(folder.filename().string())) {
      throw DataError("store: " + path.string() + " does not belong to its folder; delete the " +
                      "folder if it is of no use");
    }
    const std::optional<RunResult> result = opened_.find_in(folder);
    // What a run keeps lies in the attempt of a maker that was killed before it moved it.
    const bool may_keep = result && result->kept && !is_there(folder / kKeptFile);
    std::erase_if(names, [&](const std::string& name) {
      if (!result || may_keep || !is_of_lease(name)) return false;
      add(folder / name, "left by a process that lost the run");
      return true;
    });
    if (result && names.erase(kCheckpointFile) > 0) {
      add(folder / kCheckpointFile, "the checkpoint of a finished run");
    }
    if (!(result && result->kept) && names.erase(kKeptFile) > 0) {
      add(folder / kKeptFile, "a kept state that no result names");
    }
    if (result && result->kept) {
      const fs::path kept = find_kept(folder, result->kept->sha256);
      if (kept.empty()) {
        found_.faults.push_back("store: " + (folder / kKeptFile).string() +
                                " is missing, and the run's result says that it is kept");
      } else if (!is_whole(kept)) {
        found_.faults.push_back("store: " + kept.string() + " is torn or edited");
      }
    }
    const std::string numerics = spec.has("numerics") ? spec.text("numerics") : kNumerics;
    if (numerics == kNumerics) return;
    for (const std::string& name : names) {
      if (name == kLockFile || std::ranges::find(kRunFiles, name) != std::end(kRunFiles)) continue;
      throw DataError("store: " + folder.string() +
                      " is of an old run and has a file that is none " + "of a run's (" + name +
                      "); move it elsewhere");
    }
    add_folder(
        folder, names, found_.old_runs,
        (result ? "a finished run of numerics " : "an unfinished run of numerics ") + numerics,
        removal_ == Removal::things_and_old_runs);
  }

  fs::path store_;
  Removal removal_;
  Store opened_;
  Garbage found_;
};

}  // namespace

Garbage collect_garbage(const fs::path& store, Removal removal) {
  return Collector(store, removal).collect();
}

}  // namespace harness
