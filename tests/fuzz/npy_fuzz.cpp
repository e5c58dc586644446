#include "libnorm/data/npy.hpp"

#include <sys/mman.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace {

using libnorm::Index;
using libnorm::MatrixView;

void require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "npy_fuzz: does not hold: %s\n", what);
  std::abort();
}

std::optional<libnorm::NpyFile> open(const std::string& path) {
  try {
    return libnorm::NpyFile(path);
  } catch (const libnorm::DataError& error) {
    const std::string_view message(error.what());
    require(message.starts_with("npy: " + path + ": ") &&
                message.find("; need ") != std::string_view::npos,
            "an error names the file and what would be right");
    return std::nullopt;
  }
}

/// As many integers as the shape makes, or an error.
void try_integers(const std::string& path) {
  try {
    const auto bytes = std::make_shared<const libnorm::OpenFile>(path, "npy");
    const libnorm::NpySummary summary = libnorm::summarize_npy(bytes);
    const std::vector<std::int64_t> numbers = libnorm::read_npy_integers(bytes);
    Index count = 1;
    for (const Index extent : summary.shape) count *= extent;
    require(summary.numbers == libnorm::NpyNumbers::whole && Index(numbers.size()) == count,
            "integers are those of the shape");
  } catch (const libnorm::DataError&) {
  }
}

std::vector<double> read(const libnorm::NpyFile& file, Index stretch) {
  std::vector<double> numbers(std::size_t(file.rows() * file.cols()));
  for (Index first = 0; first < file.rows() && file.cols() > 0; first += stretch) {
    const Index count = std::min(stretch, file.rows() - first);
    file.read(first, MatrixView<double>(numbers.data() + first * file.cols(), count, file.cols()));
  }
  return numbers;
}

}  // namespace

/// The bytes are the file.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  // A file in memory: disks are slow.
  static const std::string path =
      "/proc/self/fd/" + std::to_string(memfd_create("npy_fuzz", MFD_CLOEXEC));
  std::ofstream(path, std::ios::binary)
      .write(reinterpret_cast<const char*>(data), std::streamsize(size));
  try_integers(path);
  const auto file = open(path);
  if (file) {
    const std::vector<double> numbers = read(*file, 1 << 20);
    require(numbers.size() * std::size_t(bytes_of(file->format())) < size,
            "numbers are in the file");
    const auto same = [&](const std::vector<double>& others) {
      return others.size() == numbers.size() &&
             (numbers.empty() ||
              std::memcmp(others.data(), numbers.data(), 8 * numbers.size()) == 0);
    };
    require(same(read(*file, 3)), "rows in stretches are the same rows");
    const Index rows = file->rows(), cols = file->cols();
    // Rows of no numbers may be more than anyone would write.
    if (!numbers.empty()) {
      libnorm::write_npy(path, MatrixView<const double>(numbers.data(), rows, cols));
      const auto again = open(path);
      require(again && again->rows() == rows && again->cols() == cols && same(read(*again, 2)),
              "rows written back are the same rows");
    }
  }
  return 0;
}
