#include "libnorm/data/npy.hpp"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "libnorm/data/output_file.hpp"

namespace libnorm {
namespace {

constexpr Index kLargest = std::numeric_limits<Index>::max();
constexpr std::string_view kMagic = "\x93NUMPY";
constexpr const char* kReadable = "float16, bfloat16, float32 or float64";
constexpr const char* kHeader = "{'descr': ..., 'fortran_order': ..., 'shape': ...}";

template <class Bits>
Bits bits_at(const std::byte* bytes) {
  Bits bits;
  std::memcpy(&bits, bytes, sizeof bits);
  return bits;
}

/// What one of NumPy's words for a type means: a kind of its letters, and V2 for bfloat16.
struct Dtype {
  char kind;
  Index width;
  ByteOrder order;
};

/// Nothing for what is no number that can be read here.
std::optional<Dtype> parse_dtype(std::string_view text) {
  struct Words {
    char kind;
    Index width;
    std::string_view words;
  };
  // As NumPy reads them under Linux, with blanks around each.
  constexpr Words kWords[] = {{'f', 2, " f2 e float16 half "},
                              {'f', 4, " f4 f float32 single "},
                              {'f', 8, " f8 d float64 double float "},
                              {'V', 2, " V2 bfloat16 "},
                              {'b', 1, " b1 ? bool bool_ "},
                              {'i', 1, " i1 b int8 byte "},
                              {'u', 1, " u1 B uint8 ubyte "},
                              {'i', 2, " i2 h int16 short "},
                              {'u', 2, " u2 H uint16 ushort "},
                              {'i', 4, " i4 i int32 intc "},
                              {'u', 4, " u4 I uint32 uintc "},
                              {'i', 8, " i8 l q p int64 int int_ intp long longlong "},
                              {'u', 8, " u8 L Q P uint64 uint uintp ulong ulonglong "}};
  ByteOrder order = ByteOrder::little;
  if (!text.empty() && std::string_view("<>=|").find(text[0]) != std::string_view::npos) {
    if (text[0] == '>') order = ByteOrder::big;
    text.remove_prefix(1);
  }
  if (text.empty() || text.find(' ') != std::string_view::npos) return std::nullopt;
  for (const auto& [kind, width, words] : kWords) {
    if (words.find(" " + std::string(text) + " ") == std::string_view::npos) continue;
    // Nobody knows what two swapped bytes without a type mean.
    if (kind == 'V' && order == ByteOrder::big) return std::nullopt;
    return Dtype{kind, width, order};
  }
  return std::nullopt;
}

NpyNumbers numbers_of(const std::optional<Dtype>& dtype) {
  if (!dtype) return NpyNumbers::other;
  return dtype->kind == 'f' || dtype->kind == 'V' ? NpyNumbers::real : NpyNumbers::whole;
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
  HeaderReader(const StoredBytes& file, std::string_view text) : file_(file), rest_(text) {}

  Header read();

 private:
  void read_entry(Header& header);
  std::string read_string(const char* what);
  bool read_truth();
  std::vector<Index> read_shape();
  Index read_extent();
  void skip_space() {
    rest_.remove_prefix(std::min(rest_.find_first_not_of(" \t\r\n\f"), rest_.size()));
  }
  bool take(std::string_view token);
  void need(std::string_view token);
  [[noreturn]] void fail(const std::string& wrong, const std::string& right = kHeader) const;

  const StoredBytes& file_;
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
    if (rest_.starts_with('[')) fail("records, not numbers", kReadable);
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
  // As Python 2 writes a text in Unicode.
  if (rest_.starts_with("u'") || rest_.starts_with("u\"")) rest_.remove_prefix(1);
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
  // Python 2 writes long integers so.
  if (rest_.starts_with('L')) rest_.remove_prefix(1);
  return extent;
}

/// The header's text, and where the numbers begin.
std::pair<std::string, Index> header_text(const StoredBytes& file) {
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

/// A file whose header has been read.
struct OpenArray {
  std::shared_ptr<const StoredBytes> file;
  Header header;
  std::optional<Dtype> dtype;
  /// Where its numbers begin.
  Index begin = 0;

  ArrayOrder order() const { return *header.fortran_order ? ArrayOrder::fortran : ArrayOrder::c; }
};

OpenArray open_array(std::shared_ptr<const StoredBytes> file) {
  OpenArray array;
  array.file = std::move(file);
  const auto [text, begin] = header_text(*array.file);
  array.header = HeaderReader(*array.file, text).read();
  array.dtype = parse_dtype(*array.header.dtype);
  array.begin = begin;
  return array;
}

void require_numbers(const OpenArray& array, NpyNumbers numbers, const std::string& right) {
  if (numbers_of(array.dtype) == numbers) return;
  array.file->fail("a dtype that is not read here (" + shown(*array.header.dtype) + ")", right);
}

/// The file ends with the last of `bytes` bytes.
void require_bytes(const OpenArray& array, Index bytes, const std::string& of) {
  const Index there = array.file->size() - array.begin;
  if (there == bytes) return;
  array.file->fail(std::string(there < bytes ? "is cut short" : "has bytes after its numbers") +
                       " (" + std::to_string(there) + " bytes behind the header)",
                   std::to_string(bytes) + ", for " + of + " of " + shown(*array.header.dtype));
}

StoredRows open_npy(std::shared_ptr<const StoredBytes> file) {
  const OpenArray array = open_array(std::move(file));
  require_numbers(array, NpyNumbers::real,
                  std::string(kReadable) + ", as x.astype(\"float32\") makes");
  const auto [kind, width, bytes] = *array.dtype;
  const NumberFormat format = kind == 'V'  ? NumberFormat::bfloat16
                              : width == 2 ? NumberFormat::float16
                              : width == 4 ? NumberFormat::float32
                                           : NumberFormat::float64;
  StoredRows rows(array.file, array.begin, format, *array.header.shape, bytes, array.order());
  require_bytes(array, rows.rows() * rows.cols() * width, shape_text(rows.rows(), rows.cols()));
  return rows;
}

/// How many numbers a shape has. Throws: DataError where their bytes cannot be counted.
Index count_of(const OpenArray& array) {
  std::optional<Index> count = 1;
  for (const Index extent : *array.header.shape) {
    if (count) count = checked_product(*count, extent);
  }
  if (!count || !checked_product(*count, array.dtype->width)) {
    array.file->fail("a shape too large to count", "less than 2^63 bytes");
  }
  return *count;
}

/// Numbers in C order, of numbers in Fortran order.
std::vector<std::int64_t> in_c_order(const std::vector<std::int64_t>& numbers,
                                     const std::vector<Index>& shape) {
  std::vector<std::int64_t> result;
  for (Index i = 0; i < Index(numbers.size()); ++i) {
    Index rest = i, place = 0, stride = Index(numbers.size());
    for (std::size_t d = shape.size(); d-- > 0; rest /= shape[d]) {
      stride /= shape[d];
      place += rest % shape[d] * stride;
    }
    result.push_back(numbers[std::size_t(place)]);
  }
  return result;
}

/// Numbers of a file, each an Integer. Throws: DataError for one that std::int64_t does not hold.
template <class Integer>
std::vector<std::int64_t> integers_of(const OpenArray& array) {
  const Index count = count_of(array);
  require_bytes(array, count * Index(sizeof(Integer)), std::to_string(count));
  std::vector<Integer> numbers(static_cast<std::size_t>(count));
  const auto bytes = std::as_writable_bytes(std::span(numbers));
  array.file->read(array.begin, bytes);
  if (array.dtype->order == ByteOrder::big) swap_bytes(bytes, sizeof(Integer));
  std::vector<std::int64_t> wide;
  for (const Integer n : numbers) {
    if (std::cmp_greater(n, kLargest)) {
      array.file->fail("an integer too large to count with (" + std::to_string(n) + ")",
                       "less than 2^63");
    }
    wide.push_back(array.dtype->kind == 'b' ? std::int64_t(n != 0) : std::int64_t(n));
  }
  return array.order() == ArrayOrder::c ? wide : in_c_order(wide, *array.header.shape);
}

}  // namespace

NpyFile::NpyFile(const std::filesystem::path& path)
    : NpyFile(std::make_shared<const OpenFile>(path, "npy")) {}

NpyFile::NpyFile(const std::shared_ptr<const StoredBytes>& bytes) : StoredRows(open_npy(bytes)) {}

std::vector<std::int64_t> read_npy_integers(const std::filesystem::path& path) {
  return read_npy_integers(std::make_shared<const OpenFile>(path, "npy"));
}

std::vector<std::int64_t> read_npy_integers(const std::shared_ptr<const StoredBytes>& bytes) {
  const OpenArray array = open_array(bytes);
  require_numbers(array, NpyNumbers::whole, "integers of 8 to 64 bits, or truth values");
  const bool has_sign = array.dtype->kind == 'i';
  switch (array.dtype->width) {
    case 1: return has_sign ? integers_of<std::int8_t>(array) : integers_of<std::uint8_t>(array);
    case 2: return has_sign ? integers_of<std::int16_t>(array) : integers_of<std::uint16_t>(array);
    case 4: return has_sign ? integers_of<std::int32_t>(array) : integers_of<std::uint32_t>(array);
    default: break;
  }
  return has_sign ? integers_of<std::int64_t>(array) : integers_of<std::uint64_t>(array);
}

NpySummary summarize_npy(const std::shared_ptr<const StoredBytes>& bytes) {
  OpenArray array = open_array(bytes);
  return {numbers_of(array.dtype), std::move(*array.header.dtype), std::move(*array.header.shape)};
}

template <class T>
void write_npy(const std::filesystem::path& path, const MatrixView<const T>& rows) {
  std::string header = std::string("{'descr': '<f") + (sizeof(T) == 4 ? "4" : "8") +
                       "', 'fortran_order': False, 'shape': (" + std::to_string(rows.rows) + ", " +
                       std::to_string(rows.cols) + "), }";
  // The numbers begin at a multiple of 64 bytes.
  header.append(63 - (10 + header.size()) % 64, ' ') += '\n';
  OutputFile file(path, "npy");
  file.stream() << kMagic << '\1' << '\0' << char(header.size()) << '\0' << header;
  for (Index r = 0; r < rows.rows && file.stream(); ++r) {
    file.stream().write(reinterpret_cast<const char*>(rows.row(r)),
                        std::streamsize(sizeof(T)) * rows.cols);
  }
  file.finish();
}

template void write_npy<float>(const std::filesystem::path&, const MatrixView<const float>&);
template void write_npy<double>(const std::filesystem::path&, const MatrixView<const double>&);

}  // namespace libnorm
