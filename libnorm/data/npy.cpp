#include "libnorm/data/npy.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <limits>
#include <optional>
#include <utility>

namespace libnorm {
namespace {

static_assert(std::endian::native == std::endian::little, "numbers lie in memory as in the files");

constexpr Index kLargest = std::numeric_limits<Index>::max();
/// Numbers that are decoded at a time: as few as the second-level cache holds.
constexpr Index kStretch = Index{1} << 15;
constexpr std::string_view kMagic = "\x93NUMPY";
constexpr const char* kReadable = "'<f2', '<f4' or '<f8'";
constexpr const char* kHeader = "{'descr': ..., 'fortran_order': ..., 'shape': ...}";

std::optional<Index> product(Index a, Index b) {
  if (b != 0 && a > kLargest / b) return std::nullopt;
  return a * b;
}

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

/// What a header says.
struct Header {
  std::optional<std::string> dtype;
  std::optional<bool> fortran_order;
  std::optional<std::vector<Index>> shape;
};

/// Reads the one Python literal that a header is: a dictionary of three keys in any order.
class HeaderReader {
 public:
  HeaderReader(const OpenFile& file, std::string_view text) : file_(file), rest_(text) {}

  Header read();

 private:
  void read_entry(Header& header);
  std::string read_string(const char* what);
  bool read_truth();
  std::vector<Index> read_shape();
  Index read_extent();
  void skip_space() { rest_.remove_prefix(std::min(rest_.find_first_not_of(" \n"), rest_.size())); }
  bool take(std::string_view token);
  void need(std::string_view token);
  [[noreturn]] void fail(const std::string& wrong, const std::string& right = kHeader) const;

  const OpenFile& file_;
  std::string_view rest_;
};

void HeaderReader::fail(const std::string& wrong, const std::string& right) const {
  file_.fail(wrong + " (its header goes on " + shown(rest_) + ")", right);
}

bool HeaderReader::take(std::string_view token) {
  skip_space();
  if (!rest_.starts_with(token)) return false;
  rest_.remove_prefix(token.size());
  return true;
}

void HeaderReader::need(std::string_view token) {
  if (!take(token)) fail("no " + shown(token) + " where one belongs");
}

Header HeaderReader::read() {
  Header header;
  need("{");
  while (!take("}")) {
    read_entry(header);
    if (!take(",")) {
      need("}");
      break;
    }
  }
  skip_space();
  if (!rest_.empty()) fail("something behind the dictionary", "spaces there and a line end");
  for (const auto& [there, key] : {std::pair(header.dtype.has_value(), "descr"),
                                   std::pair(header.fortran_order.has_value(), "fortran_order"),
                                   std::pair(header.shape.has_value(), "shape")}) {
    if (!there) file_.fail("a header without " + shown(key), kHeader);
  }
  return header;
}

void HeaderReader::read_entry(Header& header) {
  const std::string key = read_string("key");
  const bool twice = (key == "descr" && header.dtype) || (key == "shape" && header.shape) ||
                     (key == "fortran_order" && header.fortran_order);
  if (twice) fail("the key " + shown(key) + " a second time", "each key once");
  need(":");
  if (key == "descr") {
    skip_space();
    if (rest_.starts_with('[')) fail("records, not numbers", std::string("dtype ") + kReadable);
    header.dtype = read_string("dtype");
  } else if (key == "fortran_order") {
    header.fortran_order = read_truth();
  } else if (key == "shape") {
    header.shape = read_shape();
  } else {
    fail("no such key (" + shown(key) + ")");
  }
}

std::string HeaderReader::read_string(const char* what) {
  skip_space();
  const char quote = rest_.empty() ? '\0' : rest_[0];
  if (quote != '\'' && quote != '"') fail(std::string("no ") + what + " where one belongs");
  const std::size_t end = rest_.find(quote, 1);
  if (end == std::string_view::npos) fail("a quote that nothing closes");
  const std::string text(rest_.substr(1, end - 1));
  rest_.remove_prefix(end + 1);
  return text;
}

bool HeaderReader::read_truth() {
  if (take("True")) return true;
  if (!take("False")) fail("an order that is neither True nor False");
  return false;
}

std::vector<Index> HeaderReader::read_shape() {
  std::vector<Index> shape;
  need("(");
  while (!take(")")) {
    if (Index(shape.size()) == kMostDimensions) {
      fail("too many dimensions", "at most " + std::to_string(kMostDimensions));
    }
    shape.push_back(read_extent());
    if (take(",")) continue;
    need(")");
    // To Python, (3) is a number.
    if (shape.size() == 1) fail("a shape that is no tuple", "a comma behind its only extent");
    break;
  }
  return shape;
}

Index HeaderReader::read_extent() {
  skip_space();
  if (rest_.starts_with('-')) fail("a negative extent", "extents of 0 or more");
  const std::string_view digits = rest_.substr(0, rest_.find_first_not_of("0123456789"));
  if (digits.empty() || (digits.size() > 1 && digits[0] == '0')) {
    fail("no extent where one belongs", "a shape as (3, 4)");
  }
  Index extent = 0;
  for (const char c : digits) {
    const Index digit = c - '0';
    if (extent > (kLargest - digit) / 10) fail("an extent too large to count", "less than 2^63");
    extent = 10 * extent + digit;
  }
  rest_.remove_prefix(digits.size());
  return extent;
}

/// The header's text, and where the numbers begin.
std::pair<std::string, Index> header_text(const OpenFile& file) {
  std::byte start[12] = {};
  file.read(0, std::span(start).first(std::size_t(std::min<Index>(file.size(), 12))));
  const std::string_view magic(reinterpret_cast<const char*>(start), kMagic.size());
  if (magic != kMagic) {
    file.fail("is no .npy file (it begins with " +
                  shown(magic.substr(0, std::size_t(std::min<Index>(file.size(), 6)))) + ")",
              "what numpy.save writes");
  }
  const int major = int(start[6]), minor = int(start[7]);
  if (file.size() >= 8 && (major < 1 || major > 3 || minor != 0)) {
    file.fail("no such version (" + std::to_string(major) + "." + std::to_string(minor) + ")",
              "1.0, 2.0 or 3.0");
  }
  const Index begin = major == 1 ? 10 : 12;
  const Index length =
      major == 1 ? bits_at<std::uint16_t>(start + 8) : Index{bits_at<std::uint32_t>(start + 8)};
  if (length > kLongestNpyHeader) {
    file.fail("too long a header (" + std::to_string(length) + " bytes)",
              "at most " + std::to_string(kLongestNpyHeader));
  }
  if (begin + length > file.size()) {
    file.fail("ends in its header (" + std::to_string(file.size()) + " bytes)", "the whole file");
  }
  std::string text(std::size_t(length), '\0');
  file.read(begin, std::as_writable_bytes(std::span(text)));
  return {text, begin + length};
}

NumberFormat format_of(const OpenFile& file, const std::string& dtype) {
  if (dtype == "<f2") return NumberFormat::float16;
  if (dtype == "<f4") return NumberFormat::float32;
  if (dtype == "<f8") return NumberFormat::float64;
  file.fail("dtype that is not read (" + shown(dtype) + ")", kReadable);
}

StoredRows open_npy(const std::filesystem::path& path) {
  auto file = std::make_shared<const OpenFile>(path, "npy");
  const auto [text, begin] = header_text(*file);
  const Header header = HeaderReader(*file, text).read();
  const NumberFormat format = format_of(*file, *header.dtype);
  if (*header.fortran_order) {
    file->fail("Fortran order (columns lie in one piece)",
               "C order, as of numpy.ascontiguousarray");
  }
  StoredRows rows(file, begin, format, *header.shape);
  const Index wanted = rows.rows() * rows.cols() * bytes_of(format), there = file->size() - begin;
  if (there != wanted) {
    file->fail(std::string(there < wanted ? "is cut short" : "goes on behind its numbers") + " (" +
                   std::to_string(there) + " bytes behind the header)",
               std::to_string(wanted) + ", for " + shape_text(rows.rows(), rows.cols()) + " of " +
                   shown(*header.dtype));
  }
  return rows;
}

}  // namespace

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
  for (std::size_t i = 0; i + 1 < shape_.size() && rows; ++i) rows = product(*rows, shape_[i]);
  if (!shape_.empty()) cols_ = shape_.back();
  const auto numbers = rows ? product(*rows, cols_) : std::nullopt;
  if (!numbers || !product(*numbers, bytes_of(format))) {
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

NpyFile::NpyFile(const std::filesystem::path& path) : StoredRows(open_npy(path)) {}

template <class T>
void write_npy(const std::filesystem::path& path, const MatrixView<const T>& rows) {
  std::string header = std::string("{'descr': '<f") + (sizeof(T) == 4 ? "4" : "8") +
                       "', 'fortran_order': False, 'shape': (" + std::to_string(rows.rows) + ", " +
                       std::to_string(rows.cols) + "), }";
  // The numbers begin at a multiple of 64 bytes.
  header.append(63 - (10 + header.size()) % 64, ' ') += '\n';
  errno = 0;
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file << kMagic << '\1' << '\0' << char(header.size()) << '\0' << header;
  for (Index r = 0; r < rows.rows && file; ++r) {
    file.write(reinterpret_cast<const char*>(rows.row(r)), std::streamsize(sizeof(T)) * rows.cols);
  }
  file.close();
  if (!file) {
    throw DataError("npy: cannot write " + path.string() + " (" + std::strerror(errno) +
                    "); need a folder that can be written to, with room");
  }
}

template void write_npy<float>(const std::filesystem::path&, const MatrixView<const float>&);
template void write_npy<double>(const std::filesystem::path&, const MatrixView<const double>&);

}  // namespace libnorm
