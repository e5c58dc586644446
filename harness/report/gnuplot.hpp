#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace harness {

/// A text as a literal of gnuplot: printable, in single quotes, in which nothing is substituted or
/// run. Texts enter a script only through this function and the next.
std::string gnuplot_literal(std::string_view text);

/// A text as a comment of one line, with the line's end.
std::string gnuplot_comment(std::string_view text);

/// Runs the script with gnuplot. It leaves the pictures as `<name>.<kind>`, for each kind that the
/// script draws (`svg`, `png` or `pdf`), and the script as `<name>.gp` if it is to be kept, in the
/// directory, which is made if needed. The script must print `<name> drawn` last. It is run in a
/// folder of its own: a picture replaces one of an earlier run only when it is complete. Returns:
/// the paths, in the order of the kinds; that of the script last. Throws: DataError with the
/// system's reason if something cannot be written; BackendError if gnuplot cannot be started,
/// fails, stops early, or leaves an incomplete picture.
/// @{
enum class KeepScript { yes, no };
std::vector<std::filesystem::path> run_gnuplot(const std::string& name, const std::string& script,
                                               const std::vector<std::string>& kinds,
                                               KeepScript keep,
                                               const std::filesystem::path& directory);
/// @}

}  // namespace harness
