#pragma once

#include <gtest/gtest.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <system_error>
#include <vector>

#include "harness/base/sha256.hpp"
#include "harness/results/result.hpp"

namespace harness {

/// A folder of its own for a test, gone when the test ends.
class ScratchFolder {
 public:
  ScratchFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "libnorm.XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr) throw std::runtime_error("cannot make " + name);
    path_ = name;
  }
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;
  ~ScratchFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

/// Writes with no care at all, as damage does.
inline void scribble(const std::filesystem::path& path, const std::string& content) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file << content;
  ASSERT_TRUE(file.flush()) << path;
}

/// The names of what is in a folder, in no order.
inline std::vector<std::string> names_in(const std::filesystem::path& folder) {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    names.push_back(entry.path().filename().string());
  }
  return names;
}

/// Files of this process may not grow beyond a size, as on a disk that is nearly full.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) : signal_(signal(SIGXFSZ, SIG_IGN)) {
    getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit limit = {bytes, before_.rlim_max};
    if (setrlimit(RLIMIT_FSIZE, &limit) != 0) throw std::runtime_error("setrlimit");
  }
  ~FileSizeLimit() {
    setrlimit(RLIMIT_FSIZE, &before_);
    signal(SIGXFSZ, signal_);
  }

 private:
  rlimit before_ = {};
  void (*signal_)(int);
};

/// A result with something in every member.
inline RunResult sample_result(const std::string& arm, std::uint64_t seed) {
  RunResult result;
  result.task = "associative_recall";
  result.data = "AG News, 4 rows, sha256 12ab";
  result.profile = "smoke";
  result.arm = arm;
  result.seed = seed;
  result.steps = 4;
  result.spec_sha256 = sha256_hex("spec of " + arm + std::to_string(seed));
  result.weights_sha256 = sha256_hex("weights of " + arm + std::to_string(seed));
  result.losses_sha256 = sha256_hex("losses of " + arm + std::to_string(seed));
  result.final_loss = 0.1;
  result.metrics = {{"effective_rank", 115.2}, {"condition_number", 1.0 / 3.0 * 1e5}};
  result.curve_stride = 2;
  result.loss_curve = {6.0, 1.0 / 3.0};
  result.singular_values = {700.5, 3.25, 0.007};
  result.slices["published"] = {{-0.5, 0.0, 0.5}, {1.5, 0.25, 1.75}};
  result.epochs = {{"training_loss", {1.5, 1.0 / 7.0, 0.125}},
                   {"layer3.no_padding.effective_rank", {115.2, 100.5, 99.25}},
                   {"layer3.no_padding.condition_number", {1e5, 1.0 / 3.0 * 1e5, 1e6}}};
  result.spectra = {{"layer3.no_padding", {500.5, 2.25, 0.005}}, {"layer3.published", {4.0, 0.5}}};
  result.held_out_correct = {true, false, false, true, true, false, false, true, false, true};
  result.kept = Kept{Keep::state, sha256_hex("state of " + arm + std::to_string(seed))};
  result.seconds = 12.5;
  result.environment = {"0.1.0", "1", "GCC 12.2", "-O3", "a \"quoted\" cpu", "avx512", 8};
  return result;
}

/// What a statement throws as `Kind`: its text; or a failed test.
template <class Kind, class Statement>
std::string message_of(Statement&& statement) {
  try {
    statement();
  } catch (const Kind& error) {
    return error.what();
  }
  ADD_FAILURE() << "nothing was thrown";
  return "";
}

}  // namespace harness
