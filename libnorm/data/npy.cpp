#include "libnorm/data/npy.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace libnorm {
namespace {

constexpr Index kLargest = std::numeric_limits<Index>::max();
constexpr std::string_view kMagic = "\x93NUMPY";
constexpr const char* kReadable = "'<f2', '<f4' or '<f8'";
constexpr const char* kHeader = "{'descr': ..., 'fortran_order': ..., 'shape': ...}";

template <class Bits>
Bits bits_at(const std::byte* bytes) {
  Bits bits;
  std::memcpy(&bits, bytes, sizeof bits);
  return bits;
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

/// A file whose header has been read, and found to be in C order.
struct OpenArray {
  std::shared_ptr<const OpenFile> file;
  Header header;
  /// Where its numbers begin.
  Index begin = 0;
};

OpenArray open_array(const std::filesystem::path& path) {
  OpenArray array;
  array.file = std::make_shared<const OpenFile>(path, "npy");
  const auto [text, begin] = header_text(*array.file);
  array.header = HeaderReader(*array.file, text).read();
  array.begin = begin;
  return array;
}

[[noreturn]] void refuse_dtype(const OpenArray& array, const char* readable) {
  array.file->fail("dtype that is not read (" + shown(*array.header.dtype) + ")", readable);
}

void require_c_order(const OpenArray& array) {
  if (!*array.header.fortran_order) return;
  array.file->fail("Fortran order (columns lie in one piece)",
                   "C order, as of numpy.ascontiguousarray");
}

/// The file ends with the last of `bytes` bytes.
void require_bytes(const OpenArray& array, Index bytes, const std::string& of) {
  const Index there = array.file->size() - array.begin;
  if (there == bytes) return;
  array.file->fail(std::string(there < bytes ? "is cut short" : "goes on behind its numbers") +
                       " (" + std::to_string(there) + " bytes behind the header)",
                   std::to_string(bytes) + ", for " + of + " of " + shown(*array.header.dtype));
}

NumberFormat format_of(const OpenArray& array) {
  const std::string& dtype = *array.header.dtype;
  if (dtype == "<f2") return NumberFormat::float16;
  if (dtype == "<f4") return NumberFormat::float32;
  if (dtype == "<f8") return NumberFormat::float64;
  refuse_dtype(array, kReadable);
}

StoredRows open_npy(const std::filesystem::path& path) {
  const OpenArray array = open_array(path);
  const NumberFormat format = format_of(array);
  require_c_order(array);
  StoredRows rows(array.file, array.begin, format, *array.header.shape);
  require_bytes(array, rows.rows() * rows.cols() * bytes_of(format),
                shape_text(rows.rows(), rows.cols()));
  return rows;
}

/// Numbers of a file, each an Integer. Throws: DataError for one that std::int64_t does not hold.
template <class Integer>
std::vector<std::int64_t> integers_of(const OpenArray& array) {
  constexpr Index kWidth = sizeof(Integer);
  std::optional<Index> count = 1;
  for (const Index extent : *array.header.shape) {
    if (count) count = checked_product(*count, extent);
  }
  if (!count || !checked_product(*count, kWidth)) {
    array.file->fail("a shape too large to count", "less than 2^63 bytes");
  }
  require_bytes(array, *count * kWidth, std::to_string(*count));
  std::vector<Integer> numbers(static_cast<std::size_t>(*count));
  array.file->read(array.begin, std::as_writable_bytes(std::span(numbers)));
  std::vector<std::int64_t> wide;
  for (const Integer n : numbers) {
    if (std::cmp_greater(n, kLargest)) {
      array.file->fail("an integer too large to count with (" + std::to_string(n) + ")",
                       "less than 2^63");
    }
    wide.push_back(std::int64_t(n));
  }
  return wide;
}

}  // namespace

NpyFile::NpyFile(const std::filesystem::path& path) : StoredRows(open_npy(path)) {}

std::vector<std::int64_t> read_npy_integers(const std::filesystem::path& path) {
  using Read = std::vector<std::int64_t> (*)(const OpenArray&);
  constexpr std::pair<std::string_view, Read> kIntegers[] = {
      {"|i1", &integers_of<std::int8_t>},  {"|u1", &integers_of<std::uint8_t>},
      {"<i2", &integers_of<std::int16_t>}, {"<u2", &integers_of<std::uint16_t>},
      {"<i4", &integers_of<std::int32_t>}, {"<u4", &integers_of<std::uint32_t>},
      {"<i8", &integers_of<std::int64_t>}, {"<u8", &integers_of<std::uint64_t>}};
  const OpenArray array = open_array(path);
  for (const auto& [dtype, read] : kIntegers) {
    if (dtype != *array.header.dtype) continue;
    require_c_order(array);
    return read(array);
  }
  refuse_dtype(array, "integers, '|i1' to '<u8'");
}

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
    throw DataError("npy: cannot write " + path.string() + " (" +
                    (errno == 0 ? "the system gives no reason" : std::strerror(errno)) +
                    "); need a folder that can be written to, with room");
  }
}

template void write_npy<float>(const std::filesystem::path&, const MatrixView<const float>&);
template void write_npy<double>(const std::filesystem::path&, const MatrixView<const double>&);

}  // namespace libnorm
