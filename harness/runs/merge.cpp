#include "harness/runs/merge.hpp"

#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>
#include <optional>
#include <thread>

#include "harness/base/files.hpp"
#include "harness/base/threads.hpp"
#include "harness/base/writing.hpp"
#include "harness/results/result_members.hpp"
#include "harness/runs/run_folder.hpp"
#include "harness/runs/run_store.hpp"
#include "libnorm/core/error.hpp"

namespace harness {
namespace {

namespace fs = std::filesystem;

/// Copies a file to a name that is not taken yet.
void copy_new(const fs::path& from, const fs::path& to) {
  std::error_code error;
  if (!fs::copy_file(from, to, error)) fail_to_write(to, "write", error.value());
}

class Merger {
 public:
  explicit Merger(const fs::path& into) : path_(into), into_(into, Access::writing) {}

  void add_all_of(const fs::path& store) {
    const Store from(store, Access::reading);
    std::vector<fs::path> folders;
    std::error_code error;
    fs::directory_iterator entry(from.runs(), error);
    for (; !error && entry != fs::directory_iterator(); entry.increment(error)) {
      if (entry->is_directory()) folders.push_back(entry->path());
    }
    if (error) fail_to_read(from.runs(), error.value());
    std::ranges::sort(folders);
    std::atomic<std::size_t> next = 0;
    std::exception_ptr failure;
    // Each run has a folder of its own, so threads share nothing but what they report.
    const auto work = [&] {
      try {
        for (std::size_t i = next++; i < folders.size(); i = next++) add_safely(from, folders[i]);
      } catch (...) {
        next = folders.size();
        const std::lock_guard lock(mutex_);
        failure = std::current_exception();
      }
    };
    {
      const auto others = start_threads(int(std::thread::hardware_concurrency()) - 1, work);
      work();
    }
    if (failure) std::rethrow_exception(failure);
    for (auto* sentences : {&merged_.conflicts, &merged_.held, &merged_.faults}) {
      std::ranges::sort(*sentences);
    }
  }

  Merged finish() {
    sync_.finish(path_);
    return std::move(merged_);
  }

 private:
  void add_safely(const Store& from, const fs::path& folder) {
    try {
      add(from, folder);
    } catch (const WriteError&) {
      throw;
    } catch (const libnorm::Error& fault) {
      const std::lock_guard lock(mutex_);
      merged_.faults.emplace_back(fault.what());
    }
  }

  void add(const Store& from, const fs::path& folder) {
    const auto result = from.find_in(folder);
    if (!result) return add_checkpoint(from, folder);
    const Spec spec = Spec::parse(result->spec, "result: spec");
    if (const auto own = into_.find(spec)) return compare(from, folder, *own, *result);
    const auto run = lock(spec);
    if (!run) return;
    if (from.has_kept(*result)) {
      const fs::path kept = from.kept_file(*result);
      run->keep([&](const fs::path& aside) { copy_new(kept, aside); });
    }
    run->finish(*result);
    if (const auto maker = from.maker_of(folder)) run->set_maker(*maker);
    const std::lock_guard lock(mutex_);
    ++merged_.added;
  }

  void add_checkpoint(const Store& from, const fs::path& folder) {
    const fs::path checkpoint = from.checkpoint_of(folder);
    if (checkpoint.empty() || !is_there(folder / kSpecFile)) return;
    const Spec spec = Spec::parse(read_file(folder / kSpecFile), (folder / kSpecFile).string());
    if (into_.find(spec) || !into_.checkpoint_of(into_.folder(spec)).empty()) return;
    const auto run = lock(spec);
    if (!run) return;
    run->copy_checkpoint(checkpoint);
    const std::lock_guard lock(mutex_);
    ++merged_.begun;
  }

  void compare(const Store& from, const fs::path& folder, const RunResult& own,
               const RunResult& other) {
    const std::string difference = difference_of(own, other);
    if (difference.empty()) {
      const bool is_rounded = !have_equal_bits(own, other);
      const std::lock_guard lock(mutex_);
      ++merged_.equal;
      merged_.rounded += is_rounded;
      return;
    }
    const std::lock_guard lock(mutex_);
    const fs::path kept = keep_conflict(path_, other);
    if (other.kept && is_there(folder / kKeptFile) && is_whole(folder / kKeptFile)) {
      fs::path weights = kept;
      weights.replace_extension(".safetensors");
      if (!is_there(weights)) copy_new(folder / kKeptFile, weights);
    }
    merged_.conflicts.push_back(
        other.task + " " + other.profile + " " + other.arm + " seed " + std::to_string(other.seed) +
        ": " + difference + "; " + into_.folder(own).string() + " was made on " +
        maker_of(own, into_.maker_of(into_.folder(own))) + "; " + folder.string() +
        " was made on " + maker_of(other, from.maker_of(folder)) + " and is kept as " +
        kept.string());
  }

  std::optional<LockedRun> lock(const Spec& spec) {
    auto run = into_.try_lock(spec);
    if (!run) {
      const std::lock_guard lock(mutex_);
      merged_.held.push_back(into_.folder(spec).string() + " (pid " + into_.holder(spec) + ")");
    }
    return run;
  }

  fs::path path_;
  Store into_;
  DeferredSync sync_;
  std::mutex mutex_;
  Merged merged_;
};

}  // namespace

Merged merge_stores(const std::vector<fs::path>& from, const fs::path& into) {
  // Opened first: a name that is mistyped is found before anything is written.
  for (const fs::path& store : from) {
    const Store opened(store, Access::reading);
    if (is_there(into) && fs::equivalent(store, into)) {
      throw libnorm::ValueError("merge: a store cannot be merged into itself (" + into.string() +
                                "); need another one after --into");
    }
  }
  Merger merger(into);
  for (const fs::path& store : from) merger.add_all_of(store);
  return merger.finish();
}

}  // namespace harness
