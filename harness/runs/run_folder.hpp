#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "harness/results/result.hpp"
#include "harness/results/spec.hpp"
#include "harness/runs/lease.hpp"

// The files of one run's folder, for the store and for who has locked the run.

namespace harness {

/// Reports a damaged file of a run. The remedy is the same for any damage.
[[noreturn]] void fail_damaged(const std::filesystem::path& file, const std::string& damage);

/// The text of a run's spec.txt, checked against the folder's name. Throws: DataError.
std::string read_spec_text(const std::filesystem::path& folder);

/// Where a result contradicts the spec of its run; empty if it does not.
std::string describe_mismatch(const RunResult& result, const Spec& spec);

/// The result of a run's folder, or nothing if the run is not finished. Throws: DataError.
std::optional<RunResult> read_result(const std::filesystem::path& folder);

/// The text of a row.json.
std::string stored_text(const RunResult& result);

/// The newest checkpoint of a run: that of its last lease that has one, else the folder's own.
/// Empty if there is none.
std::filesystem::path find_checkpoint(const std::filesystem::path& folder);

/// The file that a finished run has kept. Just after the run was finished it may still be in the
/// attempt that made it. Empty if there is none.
std::filesystem::path find_kept(const std::filesystem::path& folder, const std::string& hash);

/// Whether a kept state is as long as its head says. Reads the head alone.
bool is_whole(const std::filesystem::path& kept);

/// Opens a run's lock. way: O_RDONLY or O_RDWR, and O_CREAT. Returns: -1 if it is not there, or its
/// folder is gone. Throws: DataError for what is no regular file, or cannot be opened.
int open_lock(const std::filesystem::path& path, int way);

/// What the lock of a run's folder says of who holds it, or held it last.
std::optional<Holder> lock_of(const std::filesystem::path& folder);

}  // namespace harness
