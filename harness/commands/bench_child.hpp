#pragma once

#include <optional>
#include <string>
#include <vector>

namespace harness {

/// What a program left behind.
struct ChildEnd {
  /// Of waitpid().
  int status = 0;
  std::string out;
  /// The end of what it wrote to standard error, on one line.
  std::string said;
};

/// Runs a program to its end, without a shell. `program` is a path, relative to this process's
/// folder. Returns: nothing if a stop was requested meanwhile, which ends the program too.
/// Throws: BackendError if it cannot be started, DataError if its output cannot be read.
std::optional<ChildEnd> run_child(std::string program, std::vector<std::string> arguments);

}  // namespace harness
