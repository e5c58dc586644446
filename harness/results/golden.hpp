#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "harness/results/result.hpp"

namespace harness {

/// The format that bless() writes.
inline constexpr int kGoldenFormat = 2;

/// Why golden became what it is: one entry for each bless().
struct Blessing {
  std::string experiment;
  std::string because;

  bool operator==(const Blessing&) const = default;
};

/// The committed results every later one is held against, as the folder holds them:
/// - `manifest.json`: `format`; `bytes` of all files listed; `blessings`; and of each file its
///   sha256, bytes and, of a file of results, the seeds that it has (a set may be partial). It
///   seals itself.
/// - `verdicts.json`.
/// - `figures/`: README's picture, drawn from the results, and its script.
/// - `<task>/<profile>/<arm>.jsonl`: results of one arm, a line each by seed. What else tells runs
///   apart is one name more, `<arm>/<variant>.jsonl`: the levels of a cell
///   (`placement=pre,size=2x128`), or of a run that no profile has the hash of its spec
///   (`spec=0123456789abcdef`); such a result holds its spec. Names are encoded (golden_names.hpp).
/// - `unfinished_bless.json`, where it is there: the files of a bless() that was cut short after it
///   was decided. They are golden then, and the next bless() puts them in their places.
///
/// `reference/` is not part of it. Format 1, which has no number, is read too: its
/// manifest has hashes alone, its results no measures and the specs' hashes of the time when
/// measures were part of a spec; and the oldest stand in `<profile>/<arm>.jsonl`, without a task.
struct Golden {
  std::vector<RunResult> results;  // by task, profile, arm, variant and seed
  nlohmann::json verdicts;
  std::map<std::string, std::string> figures;  // content by name, as `figure1.svg`
  std::vector<Blessing> blessings;
  /// Of the files that it came from, and their bytes without the manifest's.
  /// @{
  int format = kGoldenFormat;
  std::uintmax_t bytes = 0;
  /// @}

  /// The result of a run without a variant, or null.
  const RunResult* find(std::string_view task, std::string_view profile, std::string_view arm,
                        std::uint64_t seed) const;
  /// The result of the run that another result is of, or null.
  const RunResult* find(const RunResult& run) const;
};

/// Whether the folder holds a golden at all, sound or not. Throws: DataError.
bool has_golden(const std::filesystem::path& directory);

/// Golden as it was before or after any bless() at work, which is waited for.
/// Throws: DataError that names the file, when one is missing, differs from the manifest or is
/// not in it, or holds a result of another place; or the run that is there twice.
Golden load_golden(const std::filesystem::path& directory);

/// What follows from golden's results, and is made anew with each change of them.
struct Derived {
  nlohmann::json verdicts;
  std::map<std::string, std::string> figures = {};
};
using Derive = std::function<Derived(const std::vector<RunResult>& results)>;

/// Adds results, in place of those of the same task, profile, arm, variant and seed, and replaces
/// what `derive` makes of all results. The folder is locked meanwhile: who blesses, or loads, at
/// the same time waits. All files are written to `unfinished_bless.json`, whose rename decides;
/// killed before it golden is the old one, killed after it the new one. Returns: the bytes of
/// golden's files, without the manifest's. Throws: ValueError for an empty experiment or reason, a
/// run given twice, a name that cannot be a file's, or a custom result without its spec; DataError
/// when what is there is not sound, so that no damage is blessed by the way, or of an older format;
/// when golden would have over 40 MB; and when something cannot be written.
std::uintmax_t bless_derived(const std::filesystem::path& directory,
                             const std::vector<RunResult>& results, const Derive& derive,
                             const std::string& experiment, const std::string& because);
/// The same with verdicts that are known, and no figures.
std::uintmax_t bless(const std::filesystem::path& directory, const std::vector<RunResult>& results,
                     const nlohmann::json& verdicts, const std::string& experiment,
                     const std::string& because);

/// The hash of its spec that a result is to have.
using HashOf = std::function<std::string(const RunResult& result)>;

/// What a change of format came to.
struct Migration {
  int from = 0;
  std::size_t results = 0;
  /// Results that got another hash of their spec.
  std::size_t hashes = 0;
  /// Numbers that were compared.
  std::size_t numbers = 0;
  std::uintmax_t bytes = 0;
};

/// Writes a golden of an older format in today's, as bless() does. Before anything is replaced,
/// what is to be written is read back and held against what golden holds, each member of each
/// result bit for bit, but for the hashes that `hash_of` gives. Throws: ValueError for an empty
/// reason; DataError as bless(), for a golden of today's format, and where a member differs.
Migration migrate_golden(const std::filesystem::path& directory, const HashOf& hash_of,
                         const std::string& because);

}  // namespace harness
