#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "libnorm/data/safetensors_header.hpp"
#include "libnorm/data/stored_rows.hpp"

namespace libnorm {

/// Bytes that a header may have; the format's own bound.
inline constexpr Index kLongestSafetensorsHeader = 100'000'000;

/// A tensor in the header of a safetensors file.
struct StoredTensor {
  /// As in the file.
  std::string name;
  /// As in the file: `F32`.
  std::string dtype;
  /// Extents; empty for a number alone.
  std::vector<Index> shape;
  /// Its bytes are begin .. end - 1, counted from the end of the header.
  /// @{
  Index begin = 0, end = 0;
  /// @}

  /// None for numbers that cannot be read: integers, booleans, floats of 8 bits and fewer.
  std::optional<NumberFormat> format() const;
};

/// A safetensors file, as PyTorch users save weights and activations. F16, BF16, F32 and F64 can
/// be read; other dtypes are listed only.
///
/// Opening throws: DataError with file and reason, unless the header follows the format strictly
/// (no duplicate or unknown key), every tensor has as many bytes as dtype and shape make, and the
/// tensors cover the file's data without gap, overlap or rest.
/// Source: the format's description in the repository of safetensors, "Format".
class SafetensorsFile {
 public:
  /// Opens it; its numbers stay in the file.
  explicit SafetensorsFile(const std::filesystem::path& path);

  /// In the order of their names' bytes.
  const std::vector<StoredTensor>& tensors() const { return tensors_; }
  /// Empty if the file has none.
  const Metadata& metadata() const { return metadata_; }
  /// Null if there is no such tensor.
  const StoredTensor* find(const std::string& name) const;

  /// The numbers of a tensor; they may outlive this object.
  /// Throws: DataError for an unknown name and for a dtype that cannot be read.
  StoredRows rows(const std::string& name) const;

 private:
  std::shared_ptr<const OpenFile> file_;
  Index data_begin_ = 0;
  std::vector<StoredTensor> tensors_;
  Metadata metadata_;
};

}  // namespace libnorm
