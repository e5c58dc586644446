#pragma once

#include <filesystem>

#include "libnorm/models/transformer.hpp"

namespace libnorm {

/// Writes a model's weights and running statistics as a safetensors file, under the names that
/// parameters() and running() have, in T's precision. Matrices are [rows, cols], what has one row
/// [cols]. What was in the file before is lost.
///
/// Throws: DataError if it cannot write.
template <class T>
void save_weights(const Transformer<T>& model, const std::filesystem::path& path);

/// Reads into a model what save_weights, or PyTorch under the same names, has written. Numbers
/// arrive exactly: a float model reads F32, BF16 and F16, a double model F64 too.
///
/// Throws: DataError, with names and shapes, unless the file has the model's tensors and no
/// others, each of its shape; a single row may be [cols] or [1, cols]. The model is as before then.
template <class T>
void load_weights(Transformer<T>& model, const std::filesystem::path& path);

}  // namespace libnorm
