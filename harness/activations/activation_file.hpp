#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "libnorm/data/stored_rows.hpp"

namespace harness {

/// Rows of a file, and their name there.
struct ActivationFile {
  std::filesystem::path path;
  /// The tensor of a safetensors file, or the array of a .npz file.
  std::optional<std::string> tensor;
  bool is_npz = false;
  libnorm::StoredRows rows;

  /// `acts.safetensors, tensor 'h3'`
  std::string name() const;
};

/// Which array of a file, and the option that names it.
struct ArrayChoice {
  std::optional<std::string> name;
  std::string option;
};

/// Opens a .npy file, an array of a .npz file or a tensor of a safetensors file. A single readable
/// array needs no name. The content decides the kind of file, not its name.
/// Throws: ValueError for an array name that is missing, unknown or superfluous; DataError for a
/// file that cannot be read, is of another kind (which the text names), or holds no numbers.
ActivationFile open_activations(const std::filesystem::path& path, const ArrayChoice& choice);

/// The names of a file's arrays that can be read and have at least two rows, numbers in them by
/// value: h.2 comes before h.10. None of a .npy file, which has no names.
/// Throws: DataError for a file that cannot be read, is of another kind, or has no such array.
std::vector<std::string> matrix_names(const std::filesystem::path& path);

/// The integers of a .npy file, or of an array of a .npz file, in C order. Throws: as
/// open_activations.
std::vector<std::int64_t> read_labels(const std::filesystem::path& path, const ArrayChoice& choice);

}  // namespace harness
