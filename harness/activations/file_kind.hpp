#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "harness/base/zip_file.hpp"
#include "libnorm/data/stored_rows.hpp"

namespace harness {

/// A file of a kind that cannot be read here.
struct ForeignKind {
  /// `a GGUF file`
  std::string what;
  /// What to do instead, as the text after `need`.
  std::string advice;
};

/// The kind of a file by its first bytes, or by its name if those do not tell; none for .npy, zip
/// and safetensors files, and for unknown kinds.
std::optional<ForeignKind> foreign_kind(const libnorm::StoredBytes& file,
                                        const std::filesystem::path& path);
/// The same for a zip file without a .npy member, or with PyTorch's members.
std::optional<ForeignKind> foreign_kind(const ZipFile& zip);

/// Whether a file begins like one.
/// @{
bool begins_as_npy(const libnorm::StoredBytes& file);
bool begins_as_zip(const libnorm::StoredBytes& file);
/// @}

}  // namespace harness
