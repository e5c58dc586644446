#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "harness/base/files.hpp"

// Golden as files in a folder, which change together. golden.hpp says what they mean.

namespace harness {

inline constexpr const char* kManifestFile = "manifest.json";
inline constexpr const char* kVerdictsFile = "verdicts.json";
/// A folder beside golden's files that is not part of golden.
inline constexpr const char* kReferenceFolder = "reference";
/// Golden's folder of figures.
inline constexpr const char* kFiguresFolder = "figures";

/// The path of a figure's file within golden.
std::string golden_figure(const std::string& name);
/// Whether a path is that of a figure: `figures/<name>.svg` or `.gp`.
bool is_figure_file(std::string_view file);

/// Throws: DataError that names a file of golden, what is wrong with it, and the remedy.
[[noreturn]] void fail_golden(const std::string& file, const std::string& damage);

/// Paths, relative to the folder, of all files that the manifest must list. Throws: DataError.
std::set<std::string> list_golden_files(const std::filesystem::path& directory);

enum class GoldenUse { read, write };

/// Locks the folder while it lives: shared to read, alone to write. It waits for the lock. The lock
/// is on the folder itself; there is no lock file.
class GoldenLock {
 public:
  /// Throws: DataError if the folder cannot be locked to write.
  GoldenLock(const std::filesystem::path& directory, GoldenUse use);

 private:
  Descriptor folder_;
};

/// A change of the folder: all of golden's files with their contents, and the files to remove.
struct GoldenChange {
  std::map<std::string, std::string> files;
  std::set<std::string> removed;
};

/// The change that was decided and not completed, if there is one.
/// Throws: DataError if it is damaged, or names a file that cannot be one of golden's.
std::optional<GoldenChange> unfinished_change(const std::filesystem::path& directory);

/// Makes a change while the folder is locked. It writes `unfinished_bless.json`, whose rename
/// decides, moves each file to its place, and removes the journal.
/// Throws: DataError; if the change is decided and still to be completed, the message says so.
void change_golden(const std::filesystem::path& directory, const GoldenChange& change);

/// Completes an interrupted change, and removes what killed processes left. The folder must be
/// locked. Throws: as change_golden.
void finish_change(const std::filesystem::path& directory);

}  // namespace harness
