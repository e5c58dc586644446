#include "libnorm/data/stored_rows.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <limits>
#include <utility>

namespace libnorm {
namespace {

static_assert(std::endian::native == std::endian::little, "numbers lie in memory as in the files");

constexpr Index kLargest = std::numeric_limits<Index>::max();
/// Numbers that are decoded at a time: as few as the second-level cache holds.
constexpr Index kStretch = Index{1} << 15;

template <class Bits>
Bits bits_at(const std::byte* bytes) {
  Bits bits;
  std::memcpy(&bits, bytes, sizeof bits);
  return bits;
}

float from_bfloat16(std::uint16_t bits) { return std::bit_cast<float>(std::uint32_t{bits} << 16); }

/// Without branches: what is finite, subnormals too, is a float scaled by 2^-112.
float from_float16(std::uint16_t bits) {
  const std::uint32_t size = (bits & 0x7fffu) << 13, sign = (bits & 0x8000u) << 16;
  const auto finite = std::bit_cast<std::uint32_t>(std::bit_cast<float>(size) * 0x1p112f);
  return std::bit_cast<float>(sign | (size < 0x0f800000u ? finite : size | 0x7f800000u));
}

template <class T>
void decode(NumberFormat format, const std::byte* bytes, Index count, T* out) {
  switch (format) {
    case NumberFormat::float16:
      for (Index i = 0; i < count; ++i) {
        out[i] = T(from_float16(bits_at<std::uint16_t>(bytes + 2 * i)));
      }
      return;
    case NumberFormat::bfloat16:
      for (Index i = 0; i < count; ++i) {
        out[i] = T(from_bfloat16(bits_at<std::uint16_t>(bytes + 2 * i)));
      }
      return;
    case NumberFormat::float32:
      for (Index i = 0; i < count; ++i) out[i] = T(bits_at<float>(bytes + 4 * i));
      return;
    case NumberFormat::float64:
      for (Index i = 0; i < count; ++i) out[i] = T(bits_at<double>(bytes + 8 * i));
      return;
  }
}

}  // namespace

std::optional<Index> checked_product(Index a, Index b) {
  if (b != 0 && a > kLargest / b) return std::nullopt;
  return a * b;
}

std::string shown(std::string_view text) {
  constexpr std::size_t kMost = 40;
  std::string result = "'";
  for (const char c : text.substr(0, kMost)) result += c >= ' ' && c <= '~' ? c : '?';
  return result + (text.size() > kMost ? "...'" : "'");
}

Index bytes_of(NumberFormat format) {
  switch (format) {
    case NumberFormat::float16:
    case NumberFormat::bfloat16: return 2;
    case NumberFormat::float32: return 4;
    case NumberFormat::float64: break;
  }
  return 8;
}

std::string_view name_of(NumberFormat format) {
  switch (format) {
    case NumberFormat::float16: return "float16";
    case NumberFormat::bfloat16: return "bfloat16";
    case NumberFormat::float32: return "float32";
    case NumberFormat::float64: break;
  }
  return "float64";
}

OpenFile::OpenFile(const std::filesystem::path& path, std::string where)
    : name_(path.string()), where_(std::move(where)) {
  // A pipe that nobody writes to would be waited for.
  descriptor_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  struct stat status = {};
  if (descriptor_ < 0 || ::fstat(descriptor_, &status) != 0 || !S_ISREG(status.st_mode)) {
    const std::string reason = descriptor_ < 0 ? std::strerror(errno) : "no regular file";
    if (descriptor_ >= 0) ::close(descriptor_);
    throw DataError(where_ + ": cannot open " + name_ + " (" + reason +
                    "); need a file that is there and can be read");
  }
  size_ = Index(status.st_size);
}

OpenFile::~OpenFile() { ::close(descriptor_); }

void OpenFile::fail(const std::string& wrong, const std::string& right) const {
  throw DataError(where_ + ": " + name_ + ": " + wrong + "; need " + right);
}

void OpenFile::read(Index offset, std::span<std::byte> into) const {
  while (!into.empty()) {
    const ssize_t count = ::pread(descriptor_, into.data(), into.size(), offset);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) {
      fail(std::string("cannot be read on (") +
               (count < 0 ? std::strerror(errno) : "it has become shorter") + ")",
           "a file that stays as it is");
    }
    into = into.subspan(std::size_t(count));
    offset += count;
  }
}

StoredRows::StoredRows(std::shared_ptr<const OpenFile> file, Index offset, NumberFormat format,
                       std::vector<Index> shape)
    : file_(std::move(file)), offset_(offset), format_(format), shape_(std::move(shape)) {
  std::optional<Index> rows = 1;
  for (std::size_t i = 0; i + 1 < shape_.size() && rows; ++i)
    rows = checked_product(*rows, shape_[i]);
  if (!shape_.empty()) cols_ = shape_.back();
  const auto numbers = rows ? checked_product(*rows, cols_) : std::nullopt;
  if (!numbers || !checked_product(*numbers, bytes_of(format))) {
    file_->fail("a shape too large to count (" + std::to_string(shape_.size()) + " dimensions)",
                "less than 2^63 bytes");
  }
  rows_ = *rows;
}

template <class T>
void StoredRows::read(Index first, const MatrixView<T>& into) const {
  if (into.cols != cols_ || first < 0 || into.rows < 0 || into.rows > rows_ - first) {
    throw ShapeError(file_->where() + ": " + file_->name() + ": no such rows (from " +
                     std::to_string(first) + ", " + shape_text(into.rows, into.cols) +
                     "); need rows of " + shape_text(rows_, cols_));
  }
  const Index width = bytes_of(format_), all = into.rows * cols_;
  std::vector<std::byte> bytes(std::size_t(std::min(all, kStretch) * width));
  for (Index done = 0; done < all;) {
    const Index count = std::min(kStretch, all - done);
    file_->read(offset_ + (first * cols_ + done) * width,
                std::span(bytes).first(std::size_t(count * width)));
    for (Index i = 0; i < count;) {
      const Index row = (done + i) / cols_, col = (done + i) % cols_;
      const Index here = std::min(cols_ - col, count - i);
      decode(format_, bytes.data() + i * width, here, into.row(row) + col);
      i += here;
    }
    done += count;
  }
}

template void StoredRows::read<float>(Index, const MatrixView<float>&) const;
template void StoredRows::read<double>(Index, const MatrixView<double>&) const;

}  // namespace libnorm
