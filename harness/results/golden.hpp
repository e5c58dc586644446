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

/// Why golden changed: one entry for each bless().
struct Blessing {
  std::string experiment;
  std::string because;

  bool operator==(const Blessing&) const = default;
};

/// The committed results that later ones are compared with. The folder holds:
/// - `manifest.json`: `format`; `bytes` of all listed files; `blessings`; and for each file its
///   sha256, its bytes and, for a file of results, its seeds (a set may be partial). It contains
///   its own sha256.
/// - `verdicts.json`.
/// - `figures/`: README's picture, drawn from the results, and its script.
/// - `<task>/<profile>/<arm>.jsonl`: the results of one arm, a line for each seed. If runs differ
///   in more than that, the file is `<arm>/<variant>.jsonl`. The variant is the levels of a cell
///   (`placement=pre,size=2x128`) or, for a run of no profile, the hash of its spec
///   (`spec=0123456789abcdef`); such a result holds its spec. Names are encoded (golden_names.hpp).
/// - `unfinished_bless.json`: only after a bless() that was interrupted once its change was
///   decided. The files in it are golden, and the next bless() moves them to their places.
///
/// `reference/` is not part of golden. Format 1, which has no number, can be read too. Its manifest
/// has only hashes. Its results have no measures, and their specs' hashes are of the time when
/// measures were part of a spec. The oldest files are `<profile>/<arm>.jsonl`, without a task.
struct Golden {
  std::vector<RunResult> results;  // by task, profile, arm, variant and seed
  nlohmann::json verdicts;
  std::map<std::string, std::string> figures;  // content by name, as `figure1.svg`
  std::vector<Blessing> blessings;
  /// The format of the files that it was read from, and their bytes without the manifest's.
  /// @{
  int format = kGoldenFormat;
  std::uintmax_t bytes = 0;
  /// @}

  /// The result of a run without a variant, or null.
  const RunResult* find(std::string_view task, std::string_view profile, std::string_view arm,
                        std::uint64_t seed) const;
  /// The result that golden has of the same run, or null.
  const RunResult* find(const RunResult& run) const;
};

/// Whether the folder holds a golden, sound or damaged. Throws: DataError.
bool has_golden(const std::filesystem::path& directory);

/// Reads golden. It waits for a bless() at work, and so sees golden before or after it.
/// Throws: DataError that names the file if one is missing, differs from the manifest, is not in
/// it, or holds a result of another place; DataError that names a run that occurs twice.
Golden load_golden(const std::filesystem::path& directory);

/// What is computed from golden's results each time that they change.
struct Derived {
  nlohmann::json verdicts;
  std::map<std::string, std::string> figures = {};
};
using Derive = std::function<Derived(const std::vector<RunResult>& results)>;

/// Adds results to golden. They replace those of the same task, profile, arm, variant and seed, and
/// golden gets what `derive` makes of all results. The folder is locked meanwhile: others that
/// bless or load it wait.
///
/// All files are written to `unfinished_bless.json`, and its rename decides: if the process is
/// killed before the rename, golden is the old one; after it, the new one.
///
/// Returns: the bytes of golden's files, without the manifest's.
/// Throws: ValueError for an empty experiment or reason, a run given twice, a name that cannot be a
/// file's, or a custom result without its spec; DataError if the golden that is there is damaged,
/// since a blessing must not hide damage, or of an older format, if golden would have over 40 MB,
/// and if something cannot be written.
std::uintmax_t bless_derived(const std::filesystem::path& directory,
                             const std::vector<RunResult>& results, const Derive& derive,
                             const std::string& experiment, const std::string& because);
/// The same with given verdicts, and without figures.
std::uintmax_t bless(const std::filesystem::path& directory, const std::vector<RunResult>& results,
                     const nlohmann::json& verdicts, const std::string& experiment,
                     const std::string& because);

/// The hash of its spec that a result should have.
using HashOf = std::function<std::string(const RunResult& result)>;

/// What a change of format did.
struct Migration {
  int from = 0;
  std::size_t results = 0;
  /// Results whose spec has another hash now.
  std::size_t hashes = 0;
  /// Numbers that were compared.
  std::size_t numbers = 0;
  std::uintmax_t bytes = 0;
};

/// Rewrites a golden of an older format in today's, as bless() does. Before anything is replaced,
/// the new files are read back and compared with golden: every member of every result bit for bit,
/// except the hashes that `hash_of` gives.
/// Throws: ValueError for an empty reason; DataError as bless(), for a golden of today's format,
/// and if a member differs.
Migration migrate_golden(const std::filesystem::path& directory, const HashOf& hash_of,
                         const std::string& because);

}  // namespace harness
