#include "libnorm/data/safetensors.hpp"

#include <sys/mman.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "libnorm/data/safetensors_writer.hpp"

namespace {

using libnorm::Index;
using libnorm::MatrixView;
using libnorm::StoredRows;
using libnorm::StoredTensor;

void require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "safetensors_fuzz: does not hold: %s\n", what);
  std::abort();
}

/// What `make` returns, or nothing if it refuses as it should.
template <class Make>
auto try_to(const std::string& path, Make make) -> std::optional<decltype(make())> {
  try {
    return make();
  } catch (const libnorm::DataError& error) {
    const std::string_view message(error.what());
    require(message.starts_with("safetensors: " + path + ": ") &&
                message.find("; need ") != std::string_view::npos,
            "an error names the file and what would be right");
    return std::nullopt;
  }
}

auto open(const std::string& path) {
  return try_to(path, [&] { return libnorm::SafetensorsFile(path); });
}

std::vector<double> read(const StoredRows& rows) {
  std::vector<double> numbers(std::size_t(rows.rows() * rows.cols()));
  if (!numbers.empty()) {
    rows.read(0, MatrixView<double>(numbers.data(), rows.rows(), rows.cols()));
  }
  return numbers;
}

/// The tensors of a file that can be read, as doubles.
struct Content {
  std::vector<StoredTensor> tensors;
  std::vector<std::vector<double>> numbers;
};

Content content_of(const libnorm::SafetensorsFile& file, const std::string& path) {
  Content content;
  for (const StoredTensor& tensor : file.tensors()) {
    require(file.find(tensor.name)->name == tensor.name, "a name that is listed is found");
    const auto rows = try_to(path, [&] { return file.rows(tensor.name); });
    require(!rows || tensor.format(), "what is read has a format");
    if (!rows) continue;
    content.tensors.push_back(tensor);
    content.numbers.push_back(read(*rows));
  }
  return content;
}

void require_same_again(const Content& content, const libnorm::Metadata& metadata,
                        const std::string& path) {
  std::vector<libnorm::NamedTensor<double>> tensors;
  for (std::size_t i = 0; i < content.tensors.size(); ++i) {
    tensors.push_back(
        {content.tensors[i].name, content.tensors[i].shape, content.numbers[i].data()});
  }
  try {
    libnorm::write_safetensors<double>(path, tensors, metadata);
  } catch (const libnorm::ShapeError&) {
    return;  // no numbers, in a shape that only narrower ones can be counted in
  }
  const auto file = open(path);
  require(file && file->metadata() == metadata, "metadata written back is the same");
  const Content again = content_of(*file, path);
  require(again.tensors.size() == content.tensors.size(), "tensors written back are as many");
  for (std::size_t i = 0; i < content.tensors.size(); ++i) {
    const auto &a = content.numbers[i], &b = again.numbers[i];
    require(again.tensors[i].name == content.tensors[i].name &&
                again.tensors[i].shape == content.tensors[i].shape && a.size() == b.size() &&
                (a.empty() || std::memcmp(a.data(), b.data(), 8 * a.size()) == 0),
            "tensors written back are the same");
  }
}

}  // namespace

/// The bytes are the file behind its first 8, which are as they should be; or, if the first byte
/// is odd, the bytes behind it are the whole file.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  // A file in memory: disks are slow.
  static const std::string path =
      "/proc/self/fd/" + std::to_string(memfd_create("safetensors_fuzz", MFD_CLOEXEC));
  std::string bytes(reinterpret_cast<const char*>(data), size);
  if (size > 0 && data[0] % 2 == 1 && data[0] != '{') {
    bytes.erase(0, 1);
  } else {
    // The header ends with the first line, if there is one.
    const std::uint64_t length = std::min(bytes.find('\n'), bytes.size());
    bytes.insert(0, reinterpret_cast<const char*>(&length), sizeof length);
    if (8 + length < bytes.size()) bytes.erase(8 + length, 1);
  }
  std::ofstream(path, std::ios::binary).write(bytes.data(), std::streamsize(bytes.size()));
  if (const auto file = open(path))
    require_same_again(content_of(*file, path), file->metadata(), path);
  return 0;
}
