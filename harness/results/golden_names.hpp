#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "harness/results/result.hpp"

// Where golden stores results: paths that every file system accepts, and from which a result's
// names can be read back.

namespace harness {

/// The profile of runs whose numbers are those of no profile.
inline constexpr const char* kCustomProfile = "custom";

/// A name as a part of a path. Lower-case letters, digits and underscores stay as they are; any
/// other byte becomes % and two lower-case hexadecimal digits: `rms%2bgain%40pre`.
std::string encode_name(std::string_view name);

/// The name that encode_name() writes as this part of a path; nothing if there is none.
std::optional<std::string> decode_name(std::string_view part);

/// A result's cell as a file name, by ascending factor: `placement=pre,rate=1e%2d3`.
std::string encode_cell(const std::map<std::string, std::string>& cell);

/// What distinguishes a run from others of its task, profile, arm and seed: its cell, or, for a run
/// of the profile `custom` without a cell, `spec=` and 16 digits of the sha256 of its spec without
/// its seed. Empty if nothing does. Throws: ValueError for a custom result without its spec.
std::string variant_of(const RunResult& result);

/// The file that holds a result: `<task>/<profile>/<arm>.jsonl`, or
/// `<task>/<profile>/<arm>/<variant>.jsonl`, each of them encoded.
std::string golden_file_of(const RunResult& result);

/// Whether a path is that of a file of results in golden, in either format.
bool is_file_of_results(std::string_view file);

}  // namespace harness
