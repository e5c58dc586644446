#include <sys/mman.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "harness/base/zip_file.hpp"
#include "libnorm/data/npy.hpp"

namespace {

using libnorm::Index;
using libnorm::MatrixView;

void require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "npz_fuzz: does not hold: %s\n", what);
  std::abort();
}

/// Rows `first` .. `first + count - 1`.
std::vector<double> read(const libnorm::StoredRows& rows, Index first, Index count) {
  std::vector<double> numbers(std::size_t(count * rows.cols()));
  rows.read(first, MatrixView<double>(numbers.data(), count, rows.cols()));
  return numbers;
}

/// Rows are the same whether they are read forward or backward, few or all.
void check_rows(const libnorm::StoredRows& rows) {
  constexpr Index kMost = 1 << 12;
  if (rows.cols() < 1 || rows.cols() > kMost || rows.rows() < 1) return;
  const Index count = std::min(rows.rows(), kMost / rows.cols());
  const std::vector<double> all = read(rows, 0, count);
  for (const Index r : {count - 1, count / 2, Index{0}}) {
    const std::vector<double> one = read(rows, r, 1);
    require(std::memcmp(one.data(), all.data() + r * rows.cols(), 8 * one.size()) == 0,
            "rows read alone are the same rows");
  }
}

}  // namespace

/// The bytes are the archive.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  // A file in memory: disks are slow.
  static const std::string path =
      "/proc/self/fd/" + std::to_string(memfd_create("npz_fuzz", MFD_CLOEXEC));
  std::ofstream(path, std::ios::binary)
      .write(reinterpret_cast<const char*>(data), std::streamsize(size));
  const auto attempt = [](auto what) {
    try {
      what();
    } catch (const libnorm::DataError& error) {
      const std::string_view message(error.what());
      require(
          message.starts_with("npz: " + path) && message.find("; need ") != std::string_view::npos,
          "an error names the file and what would be right");
    }
  };
  attempt([&] {
    const harness::ZipFile zip(std::make_shared<const libnorm::OpenFile>(path, "npz"));
    for (const harness::ZipMember& member : zip.members()) {
      attempt([&] { check_rows(libnorm::NpyFile(zip.open(member, path + ", an array"))); });
    }
  });
  return 0;
}
