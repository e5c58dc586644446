#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "harness/results/result.hpp"

// Where golden's results stand: paths that any file system takes, and from which a result's names
// can be read back.

namespace harness {

/// Runs whose numbers are no profile's.
inline constexpr const char* kCustomProfile = "custom";

/// A name as a part of a path: lower-case letters, digits and underscores as they are, any other
/// byte as % and two lower-case hexadecimal digits: `rms%2bgain%40pre`.
std::string encode_name(std::string_view name);

/// The name that a part of a path is of; nothing for what encode_name() does not write.
std::optional<std::string> decode_name(std::string_view part);

/// A result's cell as a file's name, by ascending factor: `placement=pre,rate=1e%2d3`.
std::string encode_cell(const std::map<std::string, std::string>& cell);

/// What tells a run from others of its task, profile, arm and seed: its cell; or, of a run of the
/// profile `custom` without one, `spec=` and 16 digits of the sha256 of its spec without its seed.
/// Empty where nothing does. Throws: ValueError for a custom result without its spec.
std::string variant_of(const RunResult& result);

/// The file that holds a result: `<task>/<profile>/<arm>.jsonl`, or
/// `<task>/<profile>/<arm>/<variant>.jsonl`, each of them encoded.
std::string golden_file_of(const RunResult& result);

/// Whether a path, in either format, is one that golden gives to a file of results.
bool is_file_of_results(std::string_view file);

}  // namespace harness
