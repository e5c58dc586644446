#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <type_traits>

#include "libnorm/data/safetensors_header.hpp"
#include "libnorm/models/transformer.hpp"

namespace libnorm {

/// Numbers stored beside a model's weights, one for each, such as an optimizer's moments.
template <class T>
struct PerWeight {
  /// Put before a weight's name: `adam.first.`
  std::string prefix;
  /// The numbers, at the offsets of parameters().
  std::span<T> values;
};

/// Writes a model's weights and running statistics as a safetensors file, under the names that
/// parameters() and running() have, in T's precision, replacing an existing file. Matrices are
/// [rows, cols], vectors [cols].
///
/// more: further arrays to write. about: metadata; `format` is `pt`.
///
/// Throws: DataError if it cannot write; ShapeError for `more` of another size than the weights.
template <class T>
void save_weights(const Transformer<T>& model, const std::filesystem::path& path,
                  std::span<const PerWeight<const std::type_identity_t<T>>> more = {},
                  const Metadata& about = {});

/// Reads into a model a file of save_weights, or of PyTorch with the same names. Numbers are read
/// exactly: a float model reads F32, BF16 and F16, a double model F64 too.
///
/// more: further arrays to read, written to its spans. Returns: the metadata.
///
/// Throws: DataError, with names and shapes, unless the file has the model's tensors, those of
/// `more`, and no others, each of its shape; a single row may be [cols] or [1, cols]. ShapeError as
/// save_weights. On an error the model and `more` do not change.
template <class T>
Metadata load_weights(Transformer<T>& model, const std::filesystem::path& path,
                      std::span<const PerWeight<std::type_identity_t<T>>> more = {});

}  // namespace libnorm
