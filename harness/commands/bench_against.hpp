#pragma once

#include <string>
#include <vector>

#include "harness/commands/command.hpp"

namespace harness {

/// An experiment and those of its arms that both builds are to time.
struct BenchTask {
  std::string experiment;
  std::vector<std::string> arms;
};

/// What `bench --against` compares.
struct AgainstRequest {
  /// The other build's norm-harness.
  std::string other;
  int rounds = 0;
  std::vector<BenchTask> tasks;
  /// Options that both builds get beside `--experiment`, `--arms` and `--json`.
  std::vector<std::string> options;
  bool as_json = false;
};

/// Takes turns with another build and prints what came of it, also when a signal stops it.
/// Throws: BackendError or DataError if a build does not do as it is asked.
Exit bench_against(const AgainstRequest& request);

}  // namespace harness
