#include "harness/commands/activation_file.hpp"

#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "harness/commands/command.hpp"
#include "harness/files.hpp"
#include "libnorm/data/npy.hpp"
#include "libnorm/data/safetensors.hpp"

namespace harness {
namespace {

using libnorm::Index;

bool is_npy(const std::filesystem::path& path) {
  if (path.extension() == ".npy") return true;
  if (path.extension() == ".safetensors" || !std::filesystem::is_regular_file(path)) return false;
  return read_start(path, 6) == "\x93NUMPY";
}

/// The first few tensors that can be read, for a message.
std::string listed(const libnorm::SafetensorsFile& file) {
  constexpr int kMost = 8;
  std::string text;
  int count = 0;
  for (const libnorm::StoredTensor& tensor : file.tensors()) {
    if (!tensor.format() || count++ >= kMost) continue;
    text += fmt::format("{}{} [{}]", text.empty() ? "" : ", ", libnorm::shown(tensor.name),
                        fmt::join(tensor.shape, ", "));
  }
  if (count > kMost) text += fmt::format(" and {} more", count - kMost);
  return text.empty() ? "none" : text;
}

std::string chosen_tensor(const libnorm::SafetensorsFile& file, const std::filesystem::path& path,
                          const std::optional<std::string>& named) {
  if (named) {
    if (file.find(*named) != nullptr) return *named;
    throw UsageError(fmt::format("--tensor: {} has no tensor {}; use one of {}", path.string(),
                                 libnorm::shown(*named), listed(file)));
  }
  std::vector<std::string> readable;
  for (const libnorm::StoredTensor& tensor : file.tensors()) {
    if (tensor.format()) readable.push_back(tensor.name);
  }
  if (readable.empty()) {
    throw libnorm::DataError(fmt::format(
        "measure: {}: no tensor that can be read ({} in all); need one of F16, BF16, F32 or F64",
        path.string(), file.tensors().size()));
  }
  if (readable.size() > 1) {
    throw UsageError(
        fmt::format("--tensor: {} holds several; name one of {}", path.string(), listed(file)));
  }
  return readable[0];
}

}  // namespace

std::string ActivationFile::name() const {
  return tensor ? fmt::format("{}, tensor {}", path.string(), libnorm::shown(*tensor))
                : path.string();
}

ActivationFile open_activations(const std::filesystem::path& path,
                                const std::optional<std::string>& tensor) {
  const auto open = [&]() -> ActivationFile {
    if (is_npy(path)) {
      if (tensor) {
        throw UsageError(fmt::format(
            "--tensor: {} is a .npy file, which holds one array and no names", path.string()));
      }
      return {path, std::nullopt, libnorm::NpyFile(path)};
    }
    const libnorm::SafetensorsFile file(path);
    const std::string name = chosen_tensor(file, path, tensor);
    return {path, name, file.rows(name)};
  };
  ActivationFile file = open();
  if (file.rows.rows() < 1 || file.rows.cols() < 1) {
    throw libnorm::DataError(fmt::format("measure: {}: no numbers ([{}, {}]); need a row at least",
                                         file.name(), file.rows.rows(), file.rows.cols()));
  }
  return file;
}

}  // namespace harness
