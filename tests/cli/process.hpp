#pragma once

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include <sys/types.h>

#include "tests/unit/harness/results/result_samples.hpp"

namespace cli {

/// What a command left behind.
struct Outcome {
  /// The exit code, or 128 + signal.
  int code = 0;
  std::string out, err;
};

/// Runs `norm-harness ARGUMENTS` with the shell's quoting, in `directory`. `before` is shell text
/// put in front, as `ulimit -f 8;`.
Outcome run(const std::filesystem::path& directory, const std::string& arguments,
            const std::string& before = "");

/// Runs a bash script in `directory`, where $H is norm-harness.
Outcome shell(const std::filesystem::path& directory, const std::string& script);

/// Starts the first without waiting; returns the process id. Where its output and errors go may be
/// told.
pid_t start(const std::filesystem::path& directory, const std::string& arguments,
            const std::string& before = "", const std::filesystem::path& to = "/dev/null");
/// Waits for it; returns the exit code, or 128 + signal.
int wait_for(pid_t pid);
/// Waits until a file is there, for at most 20 seconds; returns whether it is.
bool appears(const std::filesystem::path& path);

/// A run of a second or two, and its check against the golden results in the folder g.
inline const std::string kOneRun = "run e1 --profile smoke --arms none --quiet --store s";
inline const std::string kOneRunChecked = kOneRun + " --check --golden g";

/// The folder of the one run that a store has. Throws: std::runtime_error unless it has one.
std::filesystem::path only_run(const std::filesystem::path& store);

/// Hashes of the weights of a store's runs, in its order.
std::vector<std::string> weights(const std::filesystem::path& store);

std::string read(const std::filesystem::path& path);
void write(const std::filesystem::path& path, const std::string& text);

/// A folder of its own for each test, gone at the end.
class Scratch : public harness::ScratchFolder {
 public:
  std::filesystem::path operator/(const std::string& name) const { return path() / name; }
};

}  // namespace cli
