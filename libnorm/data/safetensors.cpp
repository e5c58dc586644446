#include "libnorm/data/safetensors.hpp"

#include <utf8proc.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <functional>
#include <limits>
#include <string_view>
#include <tuple>
#include <utility>

namespace libnorm {
namespace {

constexpr Index kLargest = std::numeric_limits<Index>::max();
constexpr const char* kEntry = "{\"dtype\": ..., \"shape\": [...], \"data_offsets\": [begin, end]}";

struct Dtype {
  std::string_view name;
  Index bits;
};
constexpr Dtype kDtypes[] = {{"F64", 64},    {"F32", 32},        {"F16", 16},        {"BF16", 16},
                             {"I64", 64},    {"I32", 32},        {"I16", 16},        {"I8", 8},
                             {"U64", 64},    {"U32", 32},        {"U16", 16},        {"U8", 8},
                             {"BOOL", 8},    {"C64", 64},        {"F8_E5M2", 8},     {"F8_E4M3", 8},
                             {"F8_E8M0", 8}, {"F8_E5M2FNUZ", 8}, {"F8_E4M3FNUZ", 8}, {"F6_E2M3", 6},
                             {"F6_E3M2", 6}, {"F4", 4}};

/// Reads a header: the few shapes of JSON that it may have, and no others, so nothing nests deeper
/// than these functions.
class HeaderReader {
 public:
  HeaderReader(const StoredBytes& file, std::string_view text) : file_(file), text_(text) {}

  void read(std::vector<StoredTensor>& tensors, Metadata& metadata);

 private:
  /// Takes `brackets` and, between them, items with commas between.
  template <class ReadItem>
  void read_list(const char* brackets, ReadItem read_item);
  /// Reads an object whose members `read_value(key)` reads.
  template <class ReadValue>
  void read_object(ReadValue read_value);
  void read_tensor(StoredTensor& tensor);
  std::string read_string();
  void read_escape(std::string& into);
  std::uint32_t read_hexadecimal();
  Index read_count();
  char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }
  void skip_space() { at_ = std::min(text_.find_first_not_of(" \t\n\r", at_), text_.size()); }
  bool take(char wanted);
  void need(char wanted);
  [[noreturn]] void fail(const std::string& wrong, const std::string& right = kEntry) const;

  const StoredBytes& file_;
  std::string_view text_;
  std::size_t at_ = 0;
};

void HeaderReader::fail(const std::string& wrong, const std::string& right) const {
  file_.fail(wrong + " (byte " + std::to_string(at_) + " of its header, " +
                 shown(text_.substr(std::min(at_, text_.size()))) + ")",
             right);
}

bool HeaderReader::take(char wanted) {
  skip_space();
  if (at_ == text_.size() || text_[at_] != wanted) return false;
  ++at_;
  return true;
}

void HeaderReader::need(char wanted) {
  if (!take(wanted)) fail(std::string("no '") + wanted + "' where one belongs");
}

template <class ReadItem>
void HeaderReader::read_list(const char* brackets, ReadItem read_item) {
  need(brackets[0]);
  if (take(brackets[1])) return;
  do {
    read_item();
  } while (take(','));
  need(brackets[1]);
}

template <class ReadValue>
void HeaderReader::read_object(ReadValue read_value) {
  read_list("{}", [&] {
    std::string key = read_string();
    need(':');
    read_value(std::move(key));
  });
}

void HeaderReader::read(std::vector<StoredTensor>& tensors, Metadata& metadata) {
  at_ = utf8_end(text_);
  if (at_ < text_.size()) fail("bytes that are no UTF-8", "a header in UTF-8");
  at_ = 0;
  if (peek() != '{') fail("a header that begins with no '{'", "a JSON object");
  bool has_metadata = false;
  read_object([&](std::string name) {
    if (name != kMetadataName) {
      tensors.emplace_back().name = std::move(name);
      read_tensor(tensors.back());
      return;
    }
    if (std::exchange(has_metadata, true)) fail("metadata a second time", "each key once");
    read_object([&](std::string key) {
      std::string value = read_string();
      if (!metadata.emplace(key, std::move(value)).second) {
        fail("metadata with the key " + shown(key) + " a second time", "each key once");
      }
    });
  });
  skip_space();
  if (at_ != text_.size()) fail("something behind the header's object", "spaces there, or nothing");
}

void HeaderReader::read_tensor(StoredTensor& tensor) {
  bool has_dtype = false, has_shape = false, has_offsets = false;
  std::vector<Index> offsets;
  read_object([&](const std::string& key) {
    bool& has = key == "dtype" ? has_dtype : key == "shape" ? has_shape : has_offsets;
    if (&has == &has_offsets && key != "data_offsets") {
      fail("tensor " + shown(tensor.name) + " has a key that is unknown, " + shown(key));
    }
    if (std::exchange(has, true)) {
      fail("tensor " + shown(tensor.name) + " has " + shown(key) + " a second time");
    }
    if (key == "dtype") {
      tensor.dtype = read_string();
      return;
    }
    std::vector<Index>& counts = key == "shape" ? tensor.shape : offsets;
    read_list("[]", [&] {
      if (Index(counts.size()) == kMostDimensions) {
        fail("tensor " + shown(tensor.name) + " has too many dimensions",
             "at most " + std::to_string(kMostDimensions));
      }
      counts.push_back(read_count());
    });
  });
  if (!has_dtype || !has_shape || offsets.size() != 2) {
    fail("tensor " + shown(tensor.name) + " has no dtype, no shape or no two offsets");
  }
  tensor.begin = offsets[0];
  tensor.end = offsets[1];
}

std::string HeaderReader::read_string() {
  need('"');
  std::string text;
  while (true) {
    const std::size_t begin = at_;
    while (at_ < text_.size() && text_[at_] != '"' && text_[at_] != '\\' &&
           static_cast<unsigned char>(text_[at_]) >= 0x20) {
      ++at_;
    }
    text += text_.substr(begin, at_ - begin);
    if (at_ == text_.size()) fail("a string that nothing closes");
    if (peek() == '"') break;
    if (peek() != '\\') fail("a control character in a string", "it written as \\u00..");
    ++at_;
    read_escape(text);
  }
  ++at_;
  return text;
}

void HeaderReader::read_escape(std::string& into) {
  constexpr std::string_view kLetters = "\"\\/bfnrt", kMeanings = "\"\\/\b\f\n\r\t";
  const std::size_t place = at_ < text_.size() ? kLetters.find(text_[at_]) : std::string_view::npos;
  if (place != std::string_view::npos) {
    ++at_;
    into += kMeanings[place];
    return;
  }
  if (peek() != 'u') fail("an escape that is unknown", "one of JSON's");
  std::uint32_t code = read_hexadecimal();
  if (code >= 0xd800 && code < 0xdc00) {
    const std::uint32_t low = text_.substr(at_, 2) == "\\u" ? (++at_, read_hexadecimal()) : 0;
    if (low < 0xdc00 || low > 0xdfff) fail("half a character", "both surrogates");
    code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
  } else if (code >= 0xdc00 && code < 0xe000) {
    fail("half a character", "both surrogates");
  }
  std::array<utf8proc_uint8_t, 4> bytes;
  const auto size = utf8proc_encode_char(utf8proc_int32_t(code), bytes.data());
  into.append(reinterpret_cast<const char*>(bytes.data()), std::size_t(size));
}

/// Four digits behind the `u` that comes next.
std::uint32_t HeaderReader::read_hexadecimal() {
  ++at_;
  std::uint32_t code = 0;
  for (int i = 0; i < 4; ++i, ++at_) {
    const std::size_t digit = std::string_view("0123456789abcdefABCDEF").find(peek());
    if (digit == std::string_view::npos) fail("an escape that is cut", "four digits behind \\u");
    code = 16 * code + std::uint32_t(digit < 16 ? digit : digit - 6);
  }
  return code;
}

Index HeaderReader::read_count() {
  skip_space();
  if (peek() == '-') fail("a negative number", "0 or more");
  const std::size_t begin = at_;
  Index count = 0;
  for (; peek() >= '0' && peek() <= '9'; ++at_) {
    const Index digit = peek() - '0';
    if (count > (kLargest - digit) / 10) fail("a number too large to count with", "less than 2^63");
    count = 10 * count + digit;
  }
  const bool padded = at_ - begin > 1 && text_[begin] == '0';
  if (at_ == begin || padded) fail("no whole number where one belongs", "digits alone");
  return count;
}

/// Bytes of a tensor by its dtype and shape.
Index expected_bytes(const StoredBytes& file, const StoredTensor& tensor) {
  const auto* dtype = std::find_if(std::begin(kDtypes), std::end(kDtypes),
                                   [&](const Dtype& d) { return d.name == tensor.dtype; });
  if (dtype == std::end(kDtypes)) {
    file.fail("tensor " + shown(tensor.name) + " has an unknown dtype, " + shown(tensor.dtype),
              "one of the format's, as F32");
  }
  Index bits = dtype->bits;
  for (const Index extent : tensor.shape) {
    if (extent != 0 && bits > kLargest / extent) {
      file.fail("tensor " + shown(tensor.name) + " has a shape too large to count",
                "less than 2^63 bits");
    }
    bits *= extent;
  }
  if (bits % 8 != 0) {
    file.fail("tensor " + shown(tensor.name) + " ends inside a byte", "whole bytes");
  }
  return bits / 8;
}

/// Every tensor's bytes are as many as they should be, and they lie one behind the other.
void check_places(const StoredBytes& file, const std::vector<StoredTensor>& tensors, Index data) {
  std::vector<const StoredTensor*> in_order;
  for (const StoredTensor& t : tensors) in_order.push_back(&t);
  std::sort(in_order.begin(), in_order.end(), [](const auto* a, const auto* b) {
    return std::tie(a->begin, a->end, a->name) < std::tie(b->begin, b->end, b->name);
  });
  Index end = 0;
  for (const StoredTensor* t : in_order) {
    const std::string place =
        shown(t->name) + " (bytes " + std::to_string(t->begin) + " .. " + std::to_string(t->end);
    const Index bytes = expected_bytes(file, *t);
    if (t->end < t->begin || t->end - t->begin != bytes) {
      file.fail("offsets that are not as dtype and shape of " + place + ")",
                std::to_string(bytes) + " bytes");
    }
    if (t->begin != end) {
      file.fail(std::string(t->begin > end ? "a gap" : "an overlap") + " before " + place + ")",
                "its first byte at " + std::to_string(end));
    }
    if (t->end > data) {
      file.fail("is cut short in " + place + ", of " + std::to_string(data) + ")",
                "the whole file");
    }
    end = t->end;
  }
  if (end != data) {
    file.fail("has bytes after its tensors (" + std::to_string(data) + " bytes of data)",
              std::to_string(end));
  }
}

std::string header_text(const StoredBytes& file) {
  if (file.size() < 8) {
    file.fail("ends before its header (" + std::to_string(file.size()) + " bytes)",
              "what safetensors writes");
  }
  std::uint64_t length = 0;
  file.read(0, std::as_writable_bytes(std::span(&length, 1)));
  if (length > std::uint64_t(kLongestSafetensorsHeader)) {
    file.fail("too long a header (" + std::to_string(length) + " bytes)",
              "at most " + std::to_string(kLongestSafetensorsHeader) +
                  "; what begins otherwise is no safetensors file");
  }
  if (Index(length) > file.size() - 8) {
    file.fail("ends in its header (" + std::to_string(file.size()) + " bytes, the header alone " +
                  std::to_string(length) + ")",
              "the whole file");
  }
  std::string text(std::size_t(length), '\0');
  file.read(8, std::as_writable_bytes(std::span(text)));
  return text;
}

}  // namespace

std::optional<NumberFormat> StoredTensor::format() const {
  if (dtype == "F16") return NumberFormat::float16;
  if (dtype == "BF16") return NumberFormat::bfloat16;
  if (dtype == "F32") return NumberFormat::float32;
  if (dtype == "F64") return NumberFormat::float64;
  return std::nullopt;
}

SafetensorsFile::SafetensorsFile(const std::filesystem::path& path)
    : file_(std::make_shared<const OpenFile>(path, "safetensors")) {
  const std::string text = header_text(*file_);
  data_begin_ = 8 + Index(text.size());
  HeaderReader(*file_, text).read(tensors_, metadata_);
  const auto by_name = [](const auto& a, const auto& b) { return a.name < b.name; };
  std::sort(tensors_.begin(), tensors_.end(), by_name);
  const auto twice = std::adjacent_find(tensors_.begin(), tensors_.end(), std::not_fn(by_name));
  if (twice != tensors_.end()) {
    file_->fail("tensor " + shown(twice->name) + " a second time", "each name once");
  }
  check_places(*file_, tensors_, file_->size() - data_begin_);
}

const StoredTensor* SafetensorsFile::find(const std::string& name) const {
  const auto place = std::lower_bound(tensors_.begin(), tensors_.end(), name,
                                      [](const auto& t, const auto& n) { return t.name < n; });
  return place != tensors_.end() && place->name == name ? &*place : nullptr;
}

StoredRows SafetensorsFile::rows(const std::string& name) const {
  const StoredTensor* tensor = find(name);
  if (!tensor) {
    file_->fail("no tensor " + shown(name) + " (" + std::to_string(tensors_.size()) + " others)",
                "the name of one that is there");
  }
  const auto format = tensor->format();
  if (!format) {
    file_->fail("tensor " + shown(name) + " cannot be read (dtype " + tensor->dtype + ")",
                "F16, BF16, F32 or F64");
  }
  return {file_, data_begin_ + tensor->begin, *format, tensor->shape};
}

}  // namespace libnorm
