#pragma once

#include <filesystem>
#include <string>

#include "harness/results/result.hpp"
#include "libnorm/models/transformer.hpp"
#include "libnorm/optim/adam.hpp"

namespace harness {

/// Hash of a model's weights and running statistics as 4-byte floats: a result's weights_sha256.
std::string weights_sha256(const libnorm::Transformer<float>& model);

/// What a run keeps by default: its state up to 16 MB, else its weights.
Keep default_keep(const libnorm::Transformer<float>& model);

/// Writes what a run keeps as a safetensors file, F32. It has the weights and running statistics
/// under the names of save_weights. For Keep::state it also has Adam's moments, as `adam.first.`
/// and `adam.second.` with the weight's name behind, and the number of steps as the metadata
/// `adam.steps`.
/// Throws: DataError if it cannot write; ValueError for Keep::none.
void write_kept(const std::filesystem::path& file, Keep what,
                const libnorm::Transformer<float>& model, const libnorm::Adam<float>& adam);

/// Reads what the run of `result` has kept into a model and, if there is one, an optimizer.
/// file: Store::kept_file, or a copy of it.
/// Throws: DataError if the file does not fit the model or has other weights than the result, or if
/// an optimizer is given and the run has kept no state. The model is then undefined.
void load_kept(const std::filesystem::path& file, const RunResult& result,
               libnorm::Transformer<float>& model, libnorm::Adam<float>* adam = nullptr);

}  // namespace harness
