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
  std::size_t size = std::min(text.size(), kMost);
  // No character is cut.
  while (size > 0 && size < text.size() && (text[size] & 0xC0) == 0x80) --size;
  return "'" + printable(text.substr(0, size)) + (size < text.size() ? "...'" : "'");
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

template <class T>
void decode_numbers(NumberFormat format, std::span<const std::byte> bytes, std::span<T> numbers) {
  if (Index(bytes.size()) != Index(numbers.size()) * bytes_of(format)) {
    throw ShapeError("decode_numbers: bytes do not fit (" + std::to_string(bytes.size()) + " for " +
                     std::to_string(numbers.size()) + " numbers); need " +
                     std::to_string(bytes_of(format)) + " each");
  }
  decode(format, bytes.data(), Index(numbers.size()), numbers.data());
}

template void decode_numbers<float>(NumberFormat, std::span<const std::byte>, std::span<float>);
template void decode_numbers<double>(NumberFormat, std::span<const std::byte>, std::span<double>);

std::string_view name_of(NumberFormat format) {
  switch (format) {
    case NumberFormat::float16: return "float16";
    case NumberFormat::bfloat16: return "bfloat16";
    case NumberFormat::float32: return "float32";
    case NumberFormat::float64: break;
  }
  return "float64";
}

void swap_bytes(std::span<std::byte> numbers, Index width) {
  for (std::size_t i = 0; i < numbers.size(); i += std::size_t(width)) {
    const auto number = numbers.subspan(i, std::size_t(width));
    std::reverse(number.begin(), number.end());
  }
}

StoredBytes::StoredBytes(std::string name, std::string where, Index size)
    : name_(std::move(name)), where_(std::move(where)), size_(size) {}

void StoredBytes::fail(const std::string& wrong, const std::string& right) const {
  throw DataError(where_ + ": " + name_ + ": " + wrong + "; need " + right);
}

OpenFile::OpenFile(const std::filesystem::path& path, std::string where)
    : StoredBytes(printable(path.string()), std::move(where)) {
  // A pipe that nobody writes to would be waited for.
  descriptor_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  struct stat status = {};
  if (descriptor_ < 0 || ::fstat(descriptor_, &status) != 0 || !S_ISREG(status.st_mode)) {
    const std::string reason = descriptor_ < 0 ? std::strerror(errno) : "no regular file";
    if (descriptor_ >= 0) ::close(descriptor_);
    throw DataError(this->where() + ": cannot open " + name() + " (" + reason +
                    "); need a readable file");
  }
  set_size(Index(status.st_size));
}

OpenFile::~OpenFile() { ::close(descriptor_); }

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

StoredRows::StoredRows(std::shared_ptr<const StoredBytes> file, Index offset, NumberFormat format,
                       std::vector<Index> shape, ByteOrder bytes, ArrayOrder order)
    : file_(std::move(file)),
      offset_(offset),
      format_(format),
      bytes_(bytes),
      order_(order),
      shape_(std::move(shape)) {
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
  // Where no more than one dimension has an extent, both orders are the same bytes.
  const auto wide = std::count_if(shape_.begin(), shape_.end(), [](Index n) { return n != 1; });
  if (wide < 2) order_ = ArrayOrder::c;
}

template <class T>
void StoredRows::read(Index first, const MatrixView<T>& into) const {
  if (into.cols != cols_ || first < 0 || into.rows < 0 || into.rows > rows_ - first) {
    throw ShapeError(file_->where() + ": " + file_->name() + ": no such rows (from " +
                     std::to_string(first) + ", " + shape_text(into.rows, into.cols) +
                     "); need rows of " + shape_text(rows_, cols_));
  }
  if (into.rows == 0 || into.cols == 0) return;
  order_ == ArrayOrder::c ? read_in_c_order(first, into) : read_in_fortran_order(first, into);
}

/// Numbers from the array's number `first` on, their lowest bytes first.
void StoredRows::read_numbers(Index first, std::span<std::byte> into) const {
  const Index width = bytes_of(format_);
  file_->read(offset_ + first * width, into);
  if (bytes_ == ByteOrder::big) swap_bytes(into, width);
}

template <class T>
void StoredRows::read_in_c_order(Index first, const MatrixView<T>& into) const {
  const Index width = bytes_of(format_), all = into.rows * cols_;
  std::vector<std::byte> bytes(std::size_t(std::min(all, kStretch) * width));
  for (Index done = 0; done < all;) {
    const Index count = std::min(kStretch, all - done);
    read_numbers(first * cols_ + done, std::span(bytes).first(std::size_t(count * width)));
    for (Index i = 0; i < count;) {
      const Index row = (done + i) / cols_, col = (done + i) % cols_;
      const Index here = std::min(cols_ - col, count - i);
      decode(format_, bytes.data() + i * width, here, into.row(row) + col);
      i += here;
    }
    done += count;
  }
}

/// In Fortran order a column is lines of numbers along the first dimension, one for each index of
/// the dimensions between it and the last: the row that a line's first number belongs to.
Index StoredRows::row_of_line(Index line) const {
  Index row = 0;
  for (std::size_t d = 1; d + 1 < shape_.size(); ++d) {
    row = row * shape_[d] + line % shape_[d];
    line /= shape_[d];
  }
  return row;
}

template <class T>
void StoredRows::read_in_fortran_order(Index first, const MatrixView<T>& into) const {
  const Index width = bytes_of(format_), length = shape_[0], lines = rows_ / length;
  // Of each line those numbers whose rows may be wanted; neighbours in it are `lines` rows apart.
  const Index low = first / lines, end = (first + into.rows - 1) / lines + 1;
  // Of short lines as many are read at a time as there is room for.
  constexpr Index kShort = 1024;
  const Index room = length < kShort ? kStretch : std::min(kStretch, end - low);
  std::vector<std::byte> bytes(std::size_t(room * width));
  std::vector<T> numbers(static_cast<std::size_t>(room));
  Index begin = 0, there = 0;
  for (Index column = 0; column < cols_; ++column) {
    for (Index line = 0; line < lines; ++line) {
      const Index place = (column * lines + line) * length, row = row_of_line(line) - first;
      if (row + (end - 1) * lines < 0 || row + low * lines >= into.rows) continue;
      for (Index i = low; i < end; ++i) {
        if (place + i >= begin + there) {
          begin = place + i;
          const Index left = length < kShort ? rows_ * cols_ - begin : end - i;
          there = std::min(room, left);
          read_numbers(begin, std::span(bytes).first(std::size_t(there * width)));
          decode(format_, bytes.data(), there, numbers.data());
        }
        const Index r = i * lines + row;
        if (r >= 0 && r < into.rows) into(r, column) = numbers[std::size_t(place + i - begin)];
      }
    }
  }
}

template void StoredRows::read<float>(Index, const MatrixView<float>&) const;
template void StoredRows::read<double>(Index, const MatrixView<double>&) const;

}  // namespace libnorm
