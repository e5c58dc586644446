#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace harness {

/// Writes the script as `<name>.gp` and runs it with gnuplot in the directory, which is made if it
/// is not there. The script must leave `<name>.svg` and `<name>.png` and print `<name> drawn` last.
/// Returns the paths of svg, png, gp.
/// throws: DataError if the directory cannot be written; BackendError if gnuplot is missing, stops
///   early, or leaves an incomplete picture
std::vector<std::filesystem::path> run_gnuplot(const std::string& name, const std::string& script,
                                               const std::filesystem::path& directory);

}  // namespace harness
