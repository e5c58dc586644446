#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "harness/results.hpp"

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
struct Golden {
  std::vector<Row> rows;  // by task, profile, arm and seed
  nlohmann::json verdicts;
  std::vector<Blessing> blessings;

  /// The row of a run, or null.
  const Row* find(std::string_view task, std::string_view profile, std::string_view arm,
                  std::uint64_t seed) const;
};

/// Whether the folder holds a golden at all, sound or not. Throws: DataError.
bool has_golden(const std::filesystem::path& directory);

/// Throws: DataError that names the file, when one is missing, differs from the manifest or is
/// not in it, or holds a row of another place; or the run that is there twice.
Golden load_golden(const std::filesystem::path& directory);

/// Adds rows, in place of those of the same task, profile, arm and seed, and replaces the verdicts.
/// Files are written first, then the manifest, and then what it no longer lists is removed: cut
/// short in between, golden does not load and names a file that is at odds with the manifest.
/// Throws: ValueError for an empty experiment or reason, a run given twice, or a name that cannot
/// be a file's, or the profile "custom"; DataError when what is there is not sound, so that no
/// damage is blessed by the way.
void bless(const std::filesystem::path& directory, const std::vector<Row>& rows,
           const nlohmann::json& verdicts, const std::string& experiment,
           const std::string& because);

}  // namespace harness
