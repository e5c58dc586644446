#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "libnorm/data/npy.hpp"

namespace libnorm {

/// What a file says of itself: texts by key.
using Metadata = std::map<std::string, std::string>;

/// Bytes that a header may have; the format's own bound.
inline constexpr Index kLongestSafetensorsHeader = 100'000'000;

/// What a safetensors file says of a tensor.
struct StoredTensor {
  std::string name;
  /// The file's word: `F32`.
  std::string dtype;
  std::vector<Index> shape;
  /// Its bytes, counted from the end of the header.
  Index begin = 0, end = 0;

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
  explicit SafetensorsFile(const std::filesystem::path& path);

  /// In the order of their names' bytes.
  const std::vector<StoredTensor>& tensors() const { return tensors_; }
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

/// A tensor to be written, its numbers in C order; they stay where they are.
template <class T>
struct NamedTensor {
  std::string name;
  std::vector<Index> shape;
  const T* values = nullptr;
};

/// Writes tensors in the order of their names, F32 or F64, data from a multiple of 8 bytes on, as
/// PyTorch's reader wants it; what was in the file before is lost. Nothing is copied on the way.
///
/// Throws, before anything is written: ValueError for a name that is there twice, that is no UTF-8
/// or is kept for the metadata, ShapeError for a shape that is none. DataError if it cannot write.
template <class T>
void write_safetensors(const std::filesystem::path& path, std::span<const NamedTensor<T>> tensors,
                       const Metadata& metadata = {});

}  // namespace libnorm
