#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace harness {

/// A text as a literal of gnuplot's: printable, in single quotes, within which nothing is
/// substituted or run. No text gets into a script by another way than this and the next.
std::string gnuplot_literal(std::string_view text);

/// A text as a comment of one line, with its end.
std::string gnuplot_comment(std::string_view text);

/// Runs the script with gnuplot, and leaves it as `<name>.gp`, and the pictures that it draws as
/// `<name>.svg` and `<name>.png`, in the directory, which is made if it is not there. The script
/// must print `<name> drawn` last. It is run in a folder of its own: a picture is put in its place
/// when it is whole, and one of an earlier run stays until then.
/// Returns the paths of svg, png, gp.
/// throws: DataError with the system's reason if something cannot be written; BackendError if
///   gnuplot cannot be started, fails, stops early, or leaves an incomplete picture
std::vector<std::filesystem::path> run_gnuplot(const std::string& name, const std::string& script,
                                               const std::filesystem::path& directory);

}  // namespace harness
