#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "libnorm/core/error.hpp"
#include "libnorm/data/safetensors_header.hpp"

namespace libnorm {

/// A tensor to write, its numbers in C order. They are not copied.
template <class T>
struct NamedTensor {
  /// UTF-8.
  std::string name;
  /// Extents; empty for a number alone.
  std::vector<Index> shape;
  /// As many as the extents' product; float or double.
  const T* values = nullptr;
};

/// Writes tensors in the order of their names, F32 or F64, replacing an existing file. Data begins
/// at a multiple of 8 bytes, as PyTorch's reader requires. No tensor is copied.
///
/// Throws, before anything is written: ValueError for a name that is duplicate, not UTF-8 or
/// reserved for the metadata, ShapeError for an invalid shape. DataError if it cannot write.
template <class T>
void write_safetensors(const std::filesystem::path& path, std::span<const NamedTensor<T>> tensors,
                       const Metadata& metadata = {});

}  // namespace libnorm
