#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "libnorm/core/error.hpp"
#include "libnorm/data/safetensors_header.hpp"

namespace libnorm {

/// A tensor to be written, its numbers in C order; they stay where they are.
template <class T>
struct NamedTensor {
  /// In UTF-8.
  std::string name;
  /// Extents; empty for a number alone.
  std::vector<Index> shape;
  /// As many as the extents' product; float or double.
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
