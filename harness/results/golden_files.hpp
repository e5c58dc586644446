#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "harness/base/files.hpp"

// Golden as files in a folder, which change together: what they mean is in golden.hpp.

namespace harness {

inline constexpr const char* kManifestFile = "manifest.json";
inline constexpr const char* kVerdictsFile = "verdicts.json";
/// A folder beside golden's own.
inline constexpr const char* kReferenceFolder = "reference";
/// A folder of golden's.
inline constexpr const char* kFiguresFolder = "figures";

/// The path of a figure's file within golden.
std::string golden_figure(const std::string& name);
/// Whether a path is one: `figures/<name>.svg` or `.gp`.
bool is_figure_file(std::string_view file);

/// Throws: DataError that names a file of golden, what is wrong with it, and the cure.
[[noreturn]] void fail_golden(const std::string& file, const std::string& damage);

/// Paths, relative to the folder, of all files that the manifest has to list. Throws: DataError.
std::set<std::string> list_golden_files(const std::filesystem::path& directory);

enum class GoldenUse { read, write };

/// Holds the folder while it lives: with others who read, or alone to write. It waits for it; the
/// lock is of the folder itself, and no file tells of it.
class GoldenLock {
 public:
  /// Throws: DataError if the folder cannot be locked to write.
  GoldenLock(const std::filesystem::path& directory, GoldenUse use);

 private:
  Descriptor folder_;
};

/// What a bless makes of the folder: all of golden's files with their contents, and those that are
/// files of it no longer.
struct GoldenChange {
  std::map<std::string, std::string> files;
  std::set<std::string> removed;
};

/// The change that was decided and is not in its place yet, if there is one.
/// Throws: DataError if it is damaged, or names a file that cannot be one of golden's.
std::optional<GoldenChange> unfinished_change(const std::filesystem::path& directory);

/// Makes a change, with the folder locked: writes it to `unfinished_bless.json`, whose rename
/// decides, then puts each file in its place, and then removes the journal.
/// Throws: DataError; the message says so where the change is decided, and waits for its end.
void change_golden(const std::filesystem::path& directory, const GoldenChange& change);

/// Ends a change that was cut short, and removes what killed processes left; with the folder
/// locked. Throws: as change_golden.
void finish_change(const std::filesystem::path& directory);

}  // namespace harness
