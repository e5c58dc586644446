#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "harness/results/golden.hpp"

namespace harness {

/// What golden's manifest says of a file.
struct ListedFile {
  std::string sha256;
  /// Not in format 1.
  /// @{
  std::uintmax_t bytes = 0;
  /// Of the file's results, as `0..7` or `0..3,6`; empty for a file of none.
  std::string seeds;
  /// @}
};

struct Manifest {
  int format = kGoldenFormat;
  std::map<std::string, ListedFile> files;
  std::vector<Blessing> blessings;

  /// Of all files listed.
  std::uintmax_t bytes() const;
};

/// Throws: DataError for text that is torn or edited, or of a format that this version does not
/// know.
Manifest read_manifest(const std::string& text);

/// In today's format.
std::string render(const Manifest& manifest);

/// Ascending seeds as `0..7`, `0..3,6` or `5`.
std::string seeds_text(const std::vector<std::uint64_t>& seeds);

}  // namespace harness
