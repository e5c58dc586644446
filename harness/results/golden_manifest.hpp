#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "harness/results/golden.hpp"

namespace harness {

/// A file's entry in golden's manifest.
struct ListedFile {
  std::string sha256;
  /// Absent in format 1.
  /// @{
  std::uintmax_t bytes = 0;
  /// The seeds of the file's results, as `0..7` or `0..3,6`; empty for a file without results.
  std::string seeds;
  /// @}
};

struct Manifest {
  int format = kGoldenFormat;
  std::map<std::string, ListedFile> files;
  std::vector<Blessing> blessings;

  /// The bytes of all listed files.
  std::uintmax_t bytes() const;
};

/// Throws: DataError for text that is torn or edited, or of an unknown format.
Manifest read_manifest(const std::string& text);

/// The manifest's text, in today's format.
std::string render(const Manifest& manifest);

/// Ascending seeds as `0..7`, `0..3,6` or `5`.
std::string seeds_text(const std::vector<std::uint64_t>& seeds);

}  // namespace harness
