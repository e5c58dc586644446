#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <type_traits>

#include "libnorm/data/safetensors_header.hpp"
#include "libnorm/models/transformer.hpp"

namespace libnorm {

/// Numbers that go with a model's weights, one for each, as an optimizer's moments do.
template <class T>
struct PerWeight {
  /// In front of a weight's name: `adam.first.`
  std::string prefix;
  /// At the offsets of parameters().
  std::span<T> values;
};

/// Writes a model's weights and running statistics as a safetensors file, under the names that
/// parameters() and running() have, in T's precision. Matrices are [rows, cols], what has one row
/// [cols]. What was in the file before is lost.
///
/// more: written beside them. about: metadata, beside `format`, which is `pt`.
///
/// Throws: DataError if it cannot write; ShapeError for `more` of another size than the weights.
template <class T>
void save_weights(const Transformer<T>& model, const std::filesystem::path& path,
                  std::span<const PerWeight<const std::type_identity_t<T>>> more = {},
                  const Metadata& about = {});

/// Reads into a model what save_weights, or PyTorch under the same names, has written. Numbers
/// arrive exactly: a float model reads F32, BF16 and F16, a double model F64 too.
///
/// more: read beside them, where it points to. Returns: the metadata.
///
/// Throws: DataError, with names and shapes, unless the file has the model's tensors, those of
/// `more`, and no others, each of its shape; a single row may be [cols] or [1, cols]. ShapeError as
/// save_weights. The model and `more` are as before then.
template <class T>
Metadata load_weights(Transformer<T>& model, const std::filesystem::path& path,
                      std::span<const PerWeight<std::type_identity_t<T>>> more = {});

}  // namespace libnorm
