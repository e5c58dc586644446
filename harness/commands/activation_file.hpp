#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "libnorm/data/stored_rows.hpp"

namespace harness {

/// Rows of a file, and what it calls them.
struct ActivationFile {
  std::filesystem::path path;
  /// Of a safetensors file.
  std::optional<std::string> tensor;
  libnorm::StoredRows rows;

  /// `acts.safetensors, tensor 'h3'`
  std::string name() const;
};

/// Opens a .npy file, or a tensor of a safetensors file, which needs no name where it is the only
/// one that can be read. What begins as a .npy file or is called one is taken for one.
/// Throws: UsageError for a tensor that has to be named, is not there, or is of no use; DataError
/// for a file that cannot be read, or holds no numbers.
ActivationFile open_activations(const std::filesystem::path& path,
                                const std::optional<std::string>& tensor);

}  // namespace harness
