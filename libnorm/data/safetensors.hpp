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

/// What a safetensors file says of a tensor.
struct StoredTensor {
  /// As the file has it.
  std::string name;
  /// The file's word: `F32`.
  std::string dtype;
  /// Extents; empty for a number alone.
  std::vector<Index> shape;
  /// Its bytes are begin .. end - 1, counted from the end of the header.
  /// @{
  Index begin = 0, end = 0;
  /// @}

  /// None where the numbers cannot be read: integers, truth values, 8 bits and fewer.
  std::optional<NumberFormat> format() const;
};

/// A safetensors file, as PyTorch users save weights and activations. F16, BF16, F32 and F64 can
/// be read; what else the format has may be there, and is listed.
///
/// Throws, when it is opened: DataError with file and reason, unless the header is strictly what
/// the format asks for (no key twice, and none that is unknown), every tensor's bytes are as many
/// as dtype and shape make, and all together are the file's data without gap, overlap or rest.
/// Source: the format's description in the repository of safetensors, "Format".
class SafetensorsFile {
 public:
  /// Opens it; its numbers stay in the file.
  explicit SafetensorsFile(const std::filesystem::path& path);

  /// In the order of their names' bytes.
  const std::vector<StoredTensor>& tensors() const { return tensors_; }
  /// Empty where the file has none.
  const Metadata& metadata() const { return metadata_; }
  /// None if there is no such tensor.
  const StoredTensor* find(const std::string& name) const;

  /// The numbers of a tensor; they may outlive this.
  /// Throws: DataError for a name that is not there, and a dtype that cannot be read.
  StoredRows rows(const std::string& name) const;

 private:
  std::shared_ptr<const OpenFile> file_;
  Index data_begin_ = 0;
  std::vector<StoredTensor> tensors_;
  Metadata metadata_;
};

}  // namespace libnorm
