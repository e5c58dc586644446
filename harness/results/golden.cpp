#include "harness/results/golden.hpp"

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include <nlohmann/json.hpp>

#include "harness/base/files.hpp"
#include "harness/base/sha256.hpp"
#include "harness/results/golden_files.hpp"
#include "harness/results/golden_manifest.hpp"
#include "harness/results/golden_names.hpp"
#include "harness/results/result_json.hpp"
#include "harness/results/result_members.hpp"
#include "harness/results/spec.hpp"
#include "libnorm/core/error.hpp"

namespace harness {
namespace {

namespace fs = std::filesystem;
using libnorm::DataError;
using libnorm::ValueError;
using nlohmann::json;

/// The most bytes of golden's files together, so that a checkout stays small.
constexpr std::uintmax_t kMostGolden = 40'000'000;
/// The most bytes of a name in a folder.
constexpr std::size_t kLongestPart = 255;

/// The order of results in golden. No two results have the same key.
struct Key {
  std::string task, profile, arm, variant;
  std::uint64_t seed = 0;

  explicit Key(const RunResult& result)
      : task(result.task),
        profile(result.profile),
        arm(result.arm),
        variant(variant_of(result)),
        seed(result.seed) {}
  auto operator<=>(const Key&) const = default;
};

/// The place of a file before tasks had names.
std::string old_file_of(const RunResult& result) {
  return result.profile + "/" + result.arm + ".jsonl";
}

bool belongs_in(const std::string& file, const RunResult& result, int format) {
  return file == golden_file_of(result) ||
         (format == 1 && file == old_file_of(result) && result.task == kUnnamedTask);
}

std::string name_of(const RunResult& result) {
  std::string file = golden_file_of(result);
  return file.substr(0, file.rfind('.')) + " seed " + std::to_string(result.seed);
}

/// Throws: DataError for a custom result without its spec.
void require_spec(const RunResult& result, const std::string& where) {
  if (result.profile != kCustomProfile && result.spec.empty()) return;
  if (sha256_hex(result.spec) != result.spec_sha256) {
    fail_golden(where, "has a spec that is not that of its spec_sha256");
  }
}

/// Adds the results of one file. They must be of its task, profile, arm and variant, by ascending
/// seed.
/// Returns: their seeds.
std::vector<std::uint64_t> read_result_lines(const std::string& file, std::string_view content,
                                             int format, std::vector<RunResult>& results) {
  std::vector<std::uint64_t> seeds;
  while (!content.empty()) {
    const std::string where = file + " line " + std::to_string(seeds.size() + 1);
    const std::size_t end = std::min(content.find('\n'), content.size());
    RunResult result = result_from_line(content.substr(0, end), "golden: " + where);
    content.remove_prefix(std::min(end + 1, content.size()));
    require_spec(result, where);
    if (!belongs_in(file, result, format)) {
      fail_golden(where, "holds a result of " + golden_file_of(result));
    }
    if (!seeds.empty() && seeds.back() >= result.seed) {
      fail_golden(where, "is out of order (seed " + std::to_string(result.seed) + ")");
    }
    seeds.push_back(result.seed);
    results.push_back(std::move(result));
  }
  return seeds;
}

/// Throws: ValueError for a result that golden has no place for.
void require_place(const RunResult& result) {
  const std::pair<const std::string&, const char*> names[] = {
      {result.task, "task"}, {result.profile, "profile"}, {result.arm, "arm"}};
  for (const auto& [name, what] : names) {
    if (is_name(name) && name != kReferenceFolder && name != kFiguresFolder) continue;
    throw ValueError("bless: a result has the " + std::string(what) + " \"" + name + "\"; need " +
                     kNameWanted + ", and not \"reference\" or \"figures\"");
  }
  if (!result.spec.empty() && sha256_hex(result.spec) != result.spec_sha256) {
    throw ValueError("bless: a result of " + result.arm + " has a spec that is not that of its " +
                     "spec_sha256; need a result as a store's");
  }
  if (result.cell.count("spec") > 0) {
    throw ValueError("bless: a result of " + result.arm + " has a factor spec; need another name");
  }
  std::string part = golden_file_of(result);
  for (; !part.empty(); part.erase(0, std::min(part.find('/'), part.size() - 1) + 1)) {
    if (std::min(part.find('/'), part.size()) <= kLongestPart) continue;
    throw ValueError("bless: a result's place has a name that no file system takes (" + part +
                     "); need at most " + std::to_string(kLongestPart) + " bytes");
  }
}

/// Golden's results, with fresh ones in place of old ones, in golden's order.
std::vector<RunResult> merge(const std::vector<RunResult>& old_results,
                             const std::vector<RunResult>& fresh_results) {
  std::map<Key, RunResult> merged;
  for (const RunResult& result : fresh_results) {
    require_place(result);
    if (!merged.emplace(Key(result), result).second) {
      throw ValueError("bless: a run came twice (" + name_of(result) + "); need each once");
    }
  }
  for (const RunResult& result : old_results) merged.emplace(Key(result), result);
  std::vector<RunResult> results;
  for (auto& item : merged) results.push_back(std::move(item.second));
  return results;
}

using Files = std::map<std::string, std::string>;

/// The content of every file, by its path. Throws: ValueError; DataError if it is too large.
Files render(const std::vector<RunResult>& results, const Derived& derived,
             std::vector<Blessing> blessings) try {
  Files files;
  std::map<std::string, std::vector<std::uint64_t>> seeds;
  for (const RunResult& result : results) {
    const std::string file = golden_file_of(result);
    files[file] += to_line(result) + "\n";
    seeds[file].push_back(result.seed);
  }
  files[kVerdictsFile] = derived.verdicts.dump(2) + "\n";
  // JSON writes a nan as null without an error.
  if (json::parse(files[kVerdictsFile]) != derived.verdicts) {
    throw ValueError("bless: the verdicts do not come back from JSON as they are; need finite " +
                     std::string("numbers, others as text"));
  }
  for (const auto& [name, content] : derived.figures) {
    if (!is_figure_file(golden_figure(name))) {
      throw ValueError("bless: a figure has the name \"" + name + "\"; need " + kNameWanted +
                       ", and .svg or .gp behind it");
    }
    files[golden_figure(name)] = content;
  }
  Manifest manifest;
  manifest.blessings = std::move(blessings);
  for (const auto& [file, content] : files) {
    manifest.files[file] = {sha256_hex(content), content.size(), seeds_text(seeds[file])};
  }
  if (manifest.bytes() > kMostGolden) {
    throw DataError("bless: golden is too large (" + std::to_string(manifest.bytes()) +
                    " bytes); need at most " + std::to_string(kMostGolden));
  }
  files[kManifestFile] = render(manifest);
  return files;
} catch (const json::exception& error) {
  throw ValueError("bless: cannot be written as JSON (" + std::string(error.what()) +
                   "); need text in UTF-8");
}

/// A sound golden, and the files that it was read from, without the manifest.
struct Contents {
  Golden golden;
  std::set<std::string> files;
};

/// Compares a file with the manifest, except for its results. Throws: DataError.
void require_listed(const std::string& file, const std::string& content, const Manifest& manifest) {
  const ListedFile& expected = manifest.files.at(file);
  const std::string hash = sha256_hex(content);
  if (hash != expected.sha256) {
    fail_golden(file, "differs from the manifest (sha256 " + hash + ", the manifest says " +
                          expected.sha256 + ")");
  }
  if (manifest.format > 1 && content.size() != expected.bytes) {
    fail_golden(file, "differs from the manifest (" + std::to_string(content.size()) +
                          " bytes, the manifest says " + std::to_string(expected.bytes) + ")");
  }
}

/// Throws: DataError if a run occurs twice.
void sort_results(std::vector<RunResult>& results) {
  std::ranges::sort(results, {}, [](const RunResult& result) { return Key(result); });
  const auto twice =
      std::ranges::adjacent_find(results, {}, [](const RunResult& result) { return Key(result); });
  if (twice == results.end()) return;
  fail_golden(golden_file_of(*twice),
              "holds a run that " + old_file_of(*twice) + " holds too (" + name_of(*twice) + ")");
}

/// files: golden's, without the manifest. read: returns the content of one.
Golden parse_golden(const std::set<std::string>& files,
                    const std::function<std::string(const std::string&)>& read) {
  Golden golden;
  Manifest manifest = read_manifest(read(kManifestFile));
  golden.format = manifest.format;
  if (manifest.files.count(kVerdictsFile) == 0) {
    fail_golden(kManifestFile, "does not list verdicts.json");
  }
  for (const std::string& file : files) {
    if (manifest.files.count(file) > 0) continue;
    fail_golden(file,
                "is not in the manifest: put there by hand, or left by a bless cut short; "
                "remove it");
  }
  for (const auto& [file, listed] : manifest.files) {
    if (files.count(file) == 0) fail_golden(file, "is missing (the manifest lists it)");
    const std::string content = read(file);
    golden.bytes += content.size();
    require_listed(file, content, manifest);
    if (file == kVerdictsFile) {
      golden.verdicts = parse_json(content, "golden: " + file);
      continue;
    }
    if (is_figure_file(file)) {
      golden.figures[fs::path(file).filename().string()] = content;
      continue;
    }
    const auto seeds = read_result_lines(file, content, manifest.format, golden.results);
    if (manifest.format > 1 && seeds_text(seeds) != listed.seeds) {
      fail_golden(
          file, "has the seeds " + seeds_text(seeds) + " where the manifest says " + listed.seeds);
    }
  }
  golden.blessings = std::move(manifest.blessings);
  sort_results(golden.results);
  return golden;
}

Golden parse_golden(const Files& files) {
  std::set<std::string> names;
  for (const auto& item : files) names.insert(item.first);
  names.erase(kManifestFile);
  return parse_golden(names, [&](const std::string& file) { return files.at(file); });
}

Contents load_contents(const fs::path& directory) {
  const std::optional<GoldenChange> change = unfinished_change(directory);
  Contents contents;
  if (change) {
    for (const auto& item : change->files) contents.files.insert(item.first);
    contents.files.erase(kManifestFile);
  } else {
    contents.files = list_golden_files(directory);
  }
  if (change ? change->files.count(kManifestFile) == 0 : !is_there(directory / kManifestFile)) {
    fail_golden((directory / kManifestFile).string(), "is missing");
  }
  contents.golden = parse_golden(contents.files, [&](const std::string& file) {
    return change ? change->files.at(file) : read_file(directory / file);
  });
  return contents;
}

bool holds_any(const fs::path& directory) {
  // A folder that has files but no manifest is a damaged golden, not a new one.
  return is_there(directory / kManifestFile) || unfinished_change(directory) ||
         !list_golden_files(directory).empty();
}

void require_reason(const std::string& because) {
  if (because.find_first_not_of(" \t\n") == std::string::npos) {
    throw ValueError("bless: no reason (empty); need a sentence on why golden changes");
  }
}

/// Replaces golden's files. Returns: their bytes, without the manifest's.
std::uintmax_t write_golden(const fs::path& directory, const std::set<std::string>& old_files,
                            Files files) {
  GoldenChange change;
  change.files = std::move(files);
  for (const std::string& file : old_files) {
    if (change.files.count(file) == 0) change.removed.insert(file);
  }
  change_golden(directory, change);
  std::uintmax_t bytes = 0;
  for (const auto& [file, content] : change.files) {
    if (file != kManifestFile) bytes += content.size();
  }
  return bytes;
}

/// Compares what was written with what should be: every result, the verdicts and the blessings.
/// Returns: how many numbers were compared. Throws: DataError with the first that differs.
std::size_t require_same(const Golden& expected, const Golden& written) {
  const auto fail = [](const std::string& what) {
    throw DataError("bless: the new format does not give back what golden holds (" + what +
                    "); golden stays as it was");
  };
  if (expected.results.size() != written.results.size()) {
    fail(std::to_string(written.results.size()) + " results of " +
         std::to_string(expected.results.size()));
  }
  std::size_t numbers = 0;
  for (std::size_t i = 0; i < expected.results.size(); ++i) {
    const MemberComparison compared = compare_members(expected.results[i], written.results[i]);
    if (!compared.difference.empty())
      fail(name_of(expected.results[i]) + ": " + compared.difference);
    numbers += compared.numbers;
  }
  if (expected.verdicts != written.verdicts) fail("the verdicts");
  if (expected.figures != written.figures) fail("the figures");
  if (expected.blessings != written.blessings) fail("the blessings");
  return numbers;
}

}  // namespace

const RunResult* Golden::find(std::string_view task, std::string_view profile, std::string_view arm,
                              std::uint64_t seed) const {
  RunResult run;
  run.task = task;
  run.profile = profile;
  run.arm = arm;
  run.seed = seed;
  return find(run);
}

const RunResult* Golden::find(const RunResult& run) const {
  // Before the variant, which has to be computed from a spec for some runs.
  const auto is_alike = [&](const RunResult& result) {
    return result.seed == run.seed && result.arm == run.arm && result.profile == run.profile &&
           result.task == run.task;
  };
  const bool has_variant = !run.cell.empty() || !run.spec.empty();
  const std::string variant = has_variant ? variant_of(run) : "";
  const auto found = std::find_if(results.begin(), results.end(), [&](const RunResult& result) {
    return is_alike(result) && variant_of(result) == variant;
  });
  return found == results.end() ? nullptr : &*found;
}

bool has_golden(const fs::path& directory) {
  const GoldenLock lock(directory, GoldenUse::read);
  return holds_any(directory);
}

Golden load_golden(const fs::path& directory) {
  const GoldenLock lock(directory, GoldenUse::read);
  return load_contents(directory).golden;
}

std::uintmax_t bless(const fs::path& directory, const std::vector<RunResult>& results,
                     const json& verdicts, const std::string& experiment,
                     const std::string& because) {
  return bless_derived(
      directory, results, [&](const std::vector<RunResult>&) { return Derived{verdicts}; },
      experiment, because);
}

std::uintmax_t bless_derived(const fs::path& directory, const std::vector<RunResult>& results,
                             const Derive& derive, const std::string& experiment,
                             const std::string& because) {
  if (experiment.find_first_not_of(" \t\n") == std::string::npos) {
    throw ValueError("bless: no experiment (empty); need its name");
  }
  require_reason(because);
  std::error_code error;
  fs::create_directories(directory, error);
  if (error) fail_to_write(directory, "make", error.value());
  const GoldenLock lock(directory, GoldenUse::write);
  finish_change(directory);
  Contents old = holds_any(directory) ? load_contents(directory) : Contents{};
  if (old.golden.format != kGoldenFormat) {
    throw DataError("bless: golden is of format " + std::to_string(old.golden.format) +
                    "; `norm-harness bless --migrate` brings it to " +
                    std::to_string(kGoldenFormat));
  }
  old.golden.blessings.push_back({experiment, because});
  const std::vector<RunResult> merged = merge(old.golden.results, results);
  return write_golden(directory, old.files,
                      render(merged, derive(merged), std::move(old.golden.blessings)));
}

Migration migrate_golden(const fs::path& directory, const HashOf& hash_of,
                         const std::string& because) {
  require_reason(because);
  const GoldenLock lock(directory, GoldenUse::write);
  finish_change(directory);
  Contents old = load_contents(directory);
  Migration migration;
  migration.from = old.golden.format;
  if (migration.from == kGoldenFormat) {
    throw DataError("bless: golden is of format " + std::to_string(kGoldenFormat) +
                    " already; there is nothing to migrate");
  }
  for (RunResult& result : old.golden.results) {
    const std::string hash = hash_of(result);
    migration.hashes += hash != result.spec_sha256;
    result.spec_sha256 = hash;
  }
  old.golden.blessings.push_back({"format " + std::to_string(kGoldenFormat), because});
  Files files =
      render(old.golden.results, {old.golden.verdicts, old.golden.figures}, old.golden.blessings);
  migration.results = old.golden.results.size();
  migration.numbers = require_same(old.golden, parse_golden(files));
  migration.bytes = write_golden(directory, old.files, std::move(files));
  return migration;
}

}  // namespace harness
