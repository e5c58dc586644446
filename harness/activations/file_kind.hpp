#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "harness/base/zip_file.hpp"
#include "libnorm/data/stored_rows.hpp"

namespace harness {

/// A file that holds no array that can be read here, or none as it is.
struct ForeignKind {
  /// `a GGUF file`
  std::string what;
  /// What to do, behind `need`.
  std::string advice;
};

/// What a file is by its first bytes, or by its name where those say nothing; none for .npy, zip
/// and safetensors files, and for what nobody knows.
std::optional<ForeignKind> foreign_kind(const libnorm::StoredBytes& file,
                                        const std::filesystem::path& path);
/// The same of a zip file without any .npy member, or with PyTorch's own.
std::optional<ForeignKind> foreign_kind(const ZipFile& zip);

/// Whether a file begins as one.
/// @{
bool begins_as_npy(const libnorm::StoredBytes& file);
bool begins_as_zip(const libnorm::StoredBytes& file);
/// @}

}  // namespace harness
