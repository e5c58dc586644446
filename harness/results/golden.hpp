#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "harness/results/result.hpp"

namespace harness {

/// Why golden became what it is: one entry for each bless().
struct Blessing {
  std::string experiment;
  std::string because;
};

/// The committed results every later one is held against, as the folder holds them:
/// `<task>/<profile>/<arm>.jsonl`, a row a line by seed; `verdicts.json`; and `manifest.json`,
/// which has the sha256 of each of them and of itself. `reference/` is not part of it. Rows made
/// before tasks had names stand in `<profile>/<arm>.jsonl`, until the next bless() moves them.
/// `unfinished_bless.json`, where it is there, holds the files of a bless() that was cut short
/// after it was decided: they are golden then, and the next bless() puts them in their places.
struct Golden {
  std::vector<RunResult> rows;  // by task, profile, arm and seed
  nlohmann::json verdicts;
  std::vector<Blessing> blessings;

  /// The row of a run, or null.
  const RunResult* find(std::string_view task, std::string_view profile, std::string_view arm,
                        std::uint64_t seed) const;
};

/// Whether the folder holds a golden at all, sound or not. Throws: DataError.
bool has_golden(const std::filesystem::path& directory);

/// Golden as it was before or after any bless() at work, which is waited for.
/// Throws: DataError that names the file, when one is missing, differs from the manifest or is
/// not in it, or holds a row of another place; or the run that is there twice.
Golden load_golden(const std::filesystem::path& directory);

/// Makes the verdicts on the rows that golden is to have.
using Judge = std::function<nlohmann::json(const std::vector<RunResult>& rows)>;

/// Adds rows, in place of those of the same task, profile, arm and seed, and replaces the verdicts.
/// The folder is locked meanwhile: who blesses, or loads, at the same time waits. All files are
/// written to `unfinished_bless.json`, whose rename decides; killed before it golden is the old
/// one, killed after it the new one.
/// Throws: ValueError for an empty experiment or reason, a run given twice, or a name that cannot
/// be a file's, or the profile "custom"; DataError when what is there is not sound, so that no
/// damage is blessed by the way, and when something cannot be written.
void bless(const std::filesystem::path& directory, const std::vector<RunResult>& rows,
           const nlohmann::json& verdicts, const std::string& experiment,
           const std::string& because);
/// The same; `judge` sees what golden had meanwhile.
void bless_judged(const std::filesystem::path& directory, const std::vector<RunResult>& rows,
                  const Judge& judge, const std::string& experiment, const std::string& because);

}  // namespace harness
