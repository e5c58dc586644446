#pragma once

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <filesystem>
#include <string>
#include <vector>

#include "harness/base/files.hpp"
#include "harness/results/golden.hpp"
#include "libnorm/core/error.hpp"
#include "tests/unit/harness/results/result_samples.hpp"

namespace harness {

class GoldenFolder : public testing::Test {
 protected:
  GoldenFolder() {
    std::filesystem::create_directories(path() / "reference");
    scribble("reference/adam.json", "not ours");
  }
  const std::filesystem::path& path() const { return scratch_.path(); }
  void scribble(const std::filesystem::path& file, const std::string& content) const {
    harness::scribble(path() / file, content);
  }
  void bless_two_arms() const {
    bless(path(),
          {sample_result("none", 10), sample_result("none", 9), sample_result("layernorm", 1)},
          {{"e1.flatness", "CONTRADICTED"}}, "e1", "first results");
  }
  std::string load_message() const {
    return message_of<libnorm::DataError>([&] { load_golden(path()); });
  }

 private:
  ScratchFolder scratch_;
};

/// Gives the folder, in format 1, the right hashes for what is in it, as a careless tool might.
inline void forge_manifest(const std::filesystem::path& path,
                           const std::vector<std::string>& files) {
  nlohmann::json hashes = {{"verdicts.json", sha256_hex(read_file(path / "verdicts.json"))}};
  for (const std::string& file : files) hashes[file] = sha256_hex(read_file(path / file));
  const nlohmann::json manifest = {{"files", hashes}, {"blessings", nlohmann::json::array()}};
  write_atomically(path / "manifest.json", seal("manifest", manifest.dump()));
}

}  // namespace harness
