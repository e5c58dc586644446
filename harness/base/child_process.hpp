#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace harness {

/// A program to run, without a shell.
struct ChildProcess {
  /// What sentences of errors begin with: `gnuplot:`.
  std::string name;
  /// What is needed where it cannot be started: `gnuplot 5.4 or later in a folder of PATH`.
  std::string wanted;
  /// The program and its arguments. A program without a slash is looked for in PATH.
  std::vector<std::string> words;
  /// The files that take its outputs, which may be one file.
  std::filesystem::path out, errors;
  /// The folder that it runs in; empty: this process's.
  std::filesystem::path folder = {};
  /// Environment variables that begin so are withheld from it; empty: none.
  std::string withheld = {};
};

/// Runs a program to its end. Its standard input is empty, and signals have their usual effect.
/// stops: asked meanwhile; once it says true, the program is killed.
/// Returns: the status of waitpid(); nothing if `stops` said true.
/// Throws: BackendError if it cannot be started or waited for.
std::optional<int> run_child(const ChildProcess& child, bool (*stops)() = nullptr);

/// The last `most` bytes of a program's output, printable and on one line.
std::string last_words(const std::filesystem::path& file, std::size_t most = 400);

}  // namespace harness
