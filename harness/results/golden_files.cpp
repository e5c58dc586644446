#include "harness/results/golden_files.hpp"

#include <fcntl.h>
#include <sys/file.h>

#include <cerrno>
#include <cstdint>

#include <nlohmann/json.hpp>

#include "harness/results/golden_names.hpp"
#include "harness/results/result_json.hpp"
#include "libnorm/core/error.hpp"

namespace harness {
namespace {

namespace fs = std::filesystem;
using libnorm::DataError;
using nlohmann::json;

constexpr const char* kJournal = "unfinished_bless.json";
/// The most bytes of the journal, which holds all files.
constexpr std::uintmax_t kMostJournal = 4 * kMostText;

/// Whether a path is one that this version gives to a file. No such path leads out of the folder.
bool is_file_of_golden(std::string_view file) {
  if (file == kManifestFile || file == kVerdictsFile || is_figure_file(file)) return true;
  return !file.starts_with(kReferenceFolder + std::string("/")) && is_file_of_results(file);
}

std::string render(const GoldenChange& change) {
  const json value = {{"files", change.files}, {"removed", change.removed}};
  std::string text = seal("bless", value.dump());
  if (text.size() > kMostJournal) {
    throw DataError("bless: golden is too large (" + std::to_string(text.size()) +
                    " bytes); need at most " + std::to_string(kMostJournal));
  }
  return text;
}

void put_file(const fs::path& path, const std::string& content) {
  std::error_code error;
  if (fs::is_regular_file(path, error) && read_file(path) == content) return;
  fs::create_directories(path.parent_path(), error);
  if (error) fail_to_write(path.parent_path(), "make", error.value());
  write_atomically(path, content);
}

/// Removes a file, and the folders that are empty without it.
void remove_file(const fs::path& directory, const std::string& file) {
  std::error_code error;
  fs::remove(directory / file, error);
  if (error) fail_to_write(directory / file, "remove", error.value());
  for (fs::path folder = fs::path(file).parent_path(); !folder.empty();
       folder = folder.parent_path()) {
    if (!fs::remove(directory / folder, error)) return;  // something else is in it
  }
}

/// Removes what a killed process left in the folder and its subfolders.
void tidy_up(const fs::path& directory) {
  remove_asides(directory);
  std::error_code ignored;
  fs::recursive_directory_iterator entry(directory, ignored);
  for (; entry != fs::recursive_directory_iterator(); entry.increment(ignored)) {
    if (entry->path().filename() == kReferenceFolder) entry.disable_recursion_pending();
    if (entry->is_directory(ignored)) remove_asides(entry->path());
  }
}

/// Moves the files of a decided change to their places.
void put_in_place(const fs::path& directory, const GoldenChange& change) try {
  for (const auto& [file, content] : change.files) put_file(directory / file, content);
  for (const std::string& file : change.removed) remove_file(directory, file);
  // New folders must be on disk, like their files, before the journal is removed.
  std::set<fs::path> folders = {directory};
  for (const auto& item : change.files) {
    for (fs::path p = fs::path(item.first).parent_path(); !p.empty(); p = p.parent_path()) {
      folders.insert(directory / p);
    }
  }
  for (const fs::path& folder : folders) sync_directory(folder);
  remove_file(directory, kJournal);
  sync_directory(directory);
} catch (const DataError& error) {
  throw DataError(std::string(error.what()) + "; the new golden is whole in " +
                  (directory / kJournal).string() + ", and the next bless puts it in its place");
}

}  // namespace

std::string golden_figure(const std::string& name) {
  return std::string(kFiguresFolder) + "/" + name;
}

bool is_figure_file(std::string_view file) {
  const fs::path path(file);
  const std::string extension = path.extension().string();
  return path.parent_path() == kFiguresFolder && is_name(path.stem().string()) &&
         (extension == ".svg" || extension == ".gp");
}

void fail_golden(const std::string& file, const std::string& damage) {
  throw DataError("golden: " + file + " " + damage + "; restore the folder with git checkout");
}

std::set<std::string> list_golden_files(const fs::path& directory) {
  std::set<std::string> files;
  std::error_code error;
  if (!fs::exists(directory, error) && !error) return files;
  fs::recursive_directory_iterator entry(directory, error);
  for (; !error && entry != fs::recursive_directory_iterator(); entry.increment(error)) {
    const std::string path = entry->path().lexically_relative(directory).generic_string();
    if (path == kReferenceFolder) entry.disable_recursion_pending();
    if (is_aside(entry->path())) continue;
    if (!entry->is_directory() && path != kManifestFile && path != kJournal) files.insert(path);
  }
  if (error) {
    throw DataError("golden: cannot list " + directory.string() + " (" + error.message() +
                    "); need a folder that can be read");
  }
  return files;
}

GoldenLock::GoldenLock(const fs::path& directory, GoldenUse use)
    : folder_(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)) {
  const bool writes = use == GoldenUse::write;
  int result = folder_.get() < 0 ? -1 : 1;
  while (result == 1 || (result != 0 && errno == EINTR)) {
    result = ::flock(folder_.get(), writes ? LOCK_EX : LOCK_SH);
  }
  // A reader needs no lock here: it notices a missing folder when it reads, and where a file system
  // has no locks, nobody can write.
  if (result != 0 && writes) fail_to_write(directory, "lock", errno);
}

std::optional<GoldenChange> unfinished_change(const fs::path& directory) {
  if (!is_there(directory / kJournal)) return std::nullopt;
  const std::string text = read_file(directory / kJournal, kMostJournal);
  const auto content = unseal("bless", text);
  if (!content) fail_golden(kJournal, "is torn or edited (its checksum does not hold): remove it");
  const std::string where = std::string("golden: ") + kJournal;
  const json value = parse_json(*content, where);
  JsonObjectReader members(value, where);
  const json& texts = members.take("files");
  const json& removed = members.take("removed");
  members.require_none_left();
  if (!removed.is_array()) fail_golden(kJournal, "has removed files that are no list");
  GoldenChange change;
  JsonObjectReader files(texts, where + ": files");
  for (const auto& item : texts.items()) change.files[item.key()] = files.text(item.key());
  for (const json& file : removed) {
    change.removed.insert(file.is_string() ? file.get<std::string>() : "");
  }
  const auto require = [](const std::string& file) {
    if (is_file_of_golden(file)) return;
    fail_golden(kJournal, "names a file that golden has not: " + file);
  };
  for (const auto& item : change.files) require(item.first);
  for (const std::string& file : change.removed) require(file);
  return change;
}

void change_golden(const fs::path& directory, const GoldenChange& change) {
  write_atomically(directory / kJournal, render(change));
  put_in_place(directory, change);
}

void finish_change(const fs::path& directory) {
  tidy_up(directory);
  if (const auto change = unfinished_change(directory)) put_in_place(directory, *change);
}

}  // namespace harness
