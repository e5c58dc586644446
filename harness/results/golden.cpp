#include "harness/results/golden.hpp"

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <tuple>
#include <utility>

#include <nlohmann/json.hpp>

#include "harness/base/files.hpp"
#include "harness/base/sha256.hpp"
#include "harness/results/golden_files.hpp"
#include "harness/results/result_json.hpp"
#include "libnorm/core/error.hpp"

namespace harness {
namespace {

namespace fs = std::filesystem;
using libnorm::DataError;
using libnorm::ValueError;
using nlohmann::json;

auto key_of(const RunResult& row) { return std::tie(row.task, row.profile, row.arm, row.seed); }

/// Where files stood before tasks had names.
std::string old_file_of(const RunResult& row) { return row.profile + "/" + row.arm + ".jsonl"; }

std::string file_of(const RunResult& row) { return row.task + "/" + old_file_of(row); }

bool belongs_in(const std::string& file, const RunResult& row) {
  return file == file_of(row) || (file == old_file_of(row) && row.task == kUnnamedTask);
}

std::string name_of(const RunResult& row) {
  return row.task + "/" + row.profile + "/" + row.arm + " seed " + std::to_string(row.seed);
}

struct Manifest {
  std::map<std::string, std::string> hashes;  // of each file, by its path
  std::vector<Blessing> blessings;
};

Manifest read_manifest(const std::string& text) {
  const auto content = unseal("manifest", text);
  if (!content) fail_golden(kManifestFile, "is torn or edited (its checksum does not hold)");
  const std::string where = std::string("golden: ") + kManifestFile;
  const json value = parse_json(*content, where);
  JsonObjectReader members(value, where);
  Manifest manifest;
  const json& files = members.take("files");
  JsonObjectReader hashes(files, where + ": files");
  for (const auto& item : files.items()) {
    manifest.hashes[item.key()] = hashes.text(item.key());
  }
  const json& blessings = members.take("blessings");
  if (!blessings.is_array()) fail_golden(kManifestFile, "has blessings that are no list");
  for (const json& item : blessings) {
    JsonObjectReader blessing(item, where + ": blessings");
    const std::string experiment = blessing.text("experiment");
    manifest.blessings.push_back({experiment, blessing.text("because")});
    blessing.require_none_left();
  }
  members.require_none_left();
  return manifest;
}

std::string render(const Manifest& manifest) {
  json blessings = json::array();
  for (const Blessing& blessing : manifest.blessings) {
    blessings.push_back({{"experiment", blessing.experiment}, {"because", blessing.because}});
  }
  const json value = {{"files", manifest.hashes}, {"blessings", blessings}};
  return seal("manifest", value.dump(2));
}

/// Adds the rows of one file, which must be of its task, profile and arm, by ascending seed.
void read_result_lines(const std::string& file, std::string_view content,
                       std::vector<RunResult>& rows) {
  for (int line_number = 1; !content.empty(); ++line_number) {
    const std::string where = file + " line " + std::to_string(line_number);
    const std::size_t end = std::min(content.find('\n'), content.size());
    RunResult row = row_from_line(content.substr(0, end), "golden: " + where);
    content.remove_prefix(std::min(end + 1, content.size()));
    if (!belongs_in(file, row)) fail_golden(where, "holds a row of " + file_of(row));
    if (line_number > 1 && rows.back().seed >= row.seed) {
      fail_golden(where, "is out of order (seed " + std::to_string(row.seed) + ")");
    }
    rows.push_back(std::move(row));
  }
}

void require_file_name(const std::string& name, const char* what) {
  if (!is_golden_name(name) || name == kReferenceFolder || name == "custom") {
    throw ValueError("bless: a row has the " + std::string(what) + " \"" + name +
                     "\"; need lower-case letters, digits and underscores, and neither " +
                     "\"reference\" nor \"custom\"");
  }
}

/// The rows of golden with fresh ones in the place of old ones, in golden's order.
std::vector<RunResult> merge(const std::vector<RunResult>& old_rows,
                             const std::vector<RunResult>& fresh_rows) {
  std::map<std::tuple<std::string, std::string, std::string, std::uint64_t>, RunResult> merged;
  for (const RunResult& row : fresh_rows) {
    require_file_name(row.task, "task");
    require_file_name(row.profile, "profile");
    require_file_name(row.arm, "arm");
    if (!merged.emplace(key_of(row), row).second) {
      throw ValueError("bless: a run came twice (" + name_of(row) + "); need each once");
    }
  }
  for (const RunResult& row : old_rows) merged.emplace(key_of(row), row);
  std::vector<RunResult> rows;
  for (auto& item : merged) rows.push_back(std::move(item.second));
  return rows;
}

/// The content of every file, by its path.
std::map<std::string, std::string> render(const std::vector<RunResult>& rows, const json& verdicts,
                                          std::vector<Blessing> blessings) try {
  std::map<std::string, std::string> files;
  for (const RunResult& row : rows) files[file_of(row)] += to_line(row) + "\n";
  files[kVerdictsFile] = verdicts.dump(2) + "\n";
  // JSON writes a nan as null and says nothing.
  if (json::parse(files[kVerdictsFile]) != verdicts) {
    throw ValueError("bless: the verdicts do not come back from JSON as they are; need finite " +
                     std::string("numbers, others as text"));
  }
  Manifest manifest;
  manifest.blessings = std::move(blessings);
  for (const auto& [file, content] : files) manifest.hashes[file] = sha256_hex(content);
  files[kManifestFile] = render(manifest);
  return files;
} catch (const json::exception& error) {
  throw ValueError("bless: cannot be written as JSON (" + std::string(error.what()) +
                   "); need text in UTF-8");
}

/// A sound golden, and the files besides the manifest that it came from.
struct Contents {
  Golden golden;
  std::set<std::string> files;
};

Contents load_contents(const fs::path& directory) {
  const std::optional<GoldenChange> change = unfinished_change(directory);
  const auto read = [&](const std::string& file) {
    return change ? change->files.at(file) : read_file(directory / file);
  };
  Contents contents;
  auto& [golden, files] = contents;
  if (change) {
    for (const auto& item : change->files) files.insert(item.first);
    files.erase(kManifestFile);
  } else {
    files = list_golden_files(directory);
  }
  if (change ? change->files.count(kManifestFile) == 0 : !is_there(directory / kManifestFile)) {
    fail_golden((directory / kManifestFile).string(), "is missing");
  }
  Manifest manifest = read_manifest(read(kManifestFile));
  if (manifest.hashes.count(kVerdictsFile) == 0)
    fail_golden(kManifestFile, "does not list verdicts.json");
  for (const std::string& file : files) {
    if (manifest.hashes.count(file) == 0) {
      fail_golden(
          file,
          "is not in the manifest: put there by hand, or left by a bless cut short; remove it");
    }
  }
  for (const auto& [file, expected] : manifest.hashes) {
    if (files.count(file) == 0) fail_golden(file, "is missing (the manifest lists it)");
    const std::string content = read(file);
    const std::string hash = sha256_hex(content);
    if (hash != expected) {
      fail_golden(file, "differs from the manifest (sha256 " + hash + ", the manifest says " +
                            expected + ")");
    }
    if (file == kVerdictsFile) {
      golden.verdicts = parse_json(content, "golden: " + file);
    } else {
      read_result_lines(file, content, golden.rows);
    }
  }
  golden.blessings = std::move(manifest.blessings);
  auto& rows = golden.rows;
  std::sort(rows.begin(), rows.end(),
            [](const RunResult& a, const RunResult& b) { return key_of(a) < key_of(b); });
  const auto twice = std::adjacent_find(
      rows.begin(), rows.end(),
      [](const RunResult& a, const RunResult& b) { return key_of(a) == key_of(b); });
  if (twice != rows.end()) {
    fail_golden(file_of(*twice),
                "holds a run that " + old_file_of(*twice) + " holds too (" + name_of(*twice) + ")");
  }
  return contents;
}

bool holds_any(const fs::path& directory) {
  // Without a manifest but with files it is a damaged golden, and none that could be begun anew.
  return is_there(directory / kManifestFile) || unfinished_change(directory) ||
         !list_golden_files(directory).empty();
}

}  // namespace

const RunResult* Golden::find(std::string_view task, std::string_view profile, std::string_view arm,
                              std::uint64_t seed) const {
  const auto found = std::find_if(rows.begin(), rows.end(), [&](const RunResult& row) {
    return row.task == task && row.profile == profile && row.arm == arm && row.seed == seed;
  });
  return found == rows.end() ? nullptr : &*found;
}

bool has_golden(const fs::path& directory) {
  const GoldenLock lock(directory, GoldenUse::read);
  return holds_any(directory);
}

Golden load_golden(const fs::path& directory) {
  const GoldenLock lock(directory, GoldenUse::read);
  return load_contents(directory).golden;
}

void bless(const fs::path& directory, const std::vector<RunResult>& rows, const json& verdicts,
           const std::string& experiment, const std::string& because) {
  bless_judged(
      directory, rows, [&](const std::vector<RunResult>&) { return verdicts; }, experiment,
      because);
}

void bless_judged(const fs::path& directory, const std::vector<RunResult>& rows, const Judge& judge,
                  const std::string& experiment, const std::string& because) {
  if (experiment.find_first_not_of(" \t\n") == std::string::npos) {
    throw ValueError("bless: no experiment (empty); need its name");
  }
  if (because.find_first_not_of(" \t\n") == std::string::npos) {
    throw ValueError("bless: no reason (empty); need a sentence on why golden changes");
  }
  std::error_code error;
  fs::create_directories(directory, error);
  if (error) fail_to_write(directory, "make", error.value());
  const GoldenLock lock(directory, GoldenUse::write);
  finish_change(directory);
  Contents old = holds_any(directory) ? load_contents(directory) : Contents{};
  old.golden.blessings.push_back({experiment, because});
  const std::vector<RunResult> merged = merge(old.golden.rows, rows);
  GoldenChange change;
  change.files = render(merged, judge(merged), std::move(old.golden.blessings));
  for (const std::string& file : old.files) {
    if (change.files.count(file) == 0) change.removed.insert(file);
  }
  change_golden(directory, change);
}

}  // namespace harness
