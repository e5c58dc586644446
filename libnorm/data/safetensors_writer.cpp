#include "libnorm/data/safetensors_writer.hpp"

#include <cstdint>
#include <cstring>
#include <limits>
#include <map>

#include "libnorm/data/output_file.hpp"
#include "libnorm/data/stored_rows.hpp"

namespace libnorm {
namespace {

constexpr Index kLargest = std::numeric_limits<Index>::max();

std::string json_string(const std::string& text) {
  constexpr const char* kDigits = "0123456789abcdef";
  if (utf8_end(text) != text.size()) {
    throw ValueError("safetensors: a name or text that is no UTF-8 (" + shown(text) +
                     "); need UTF-8");
  }
  std::string result = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') result += '\\';
    if (static_cast<unsigned char>(c) >= 0x20) {
      result += c;
    } else {
      result += {'\\', 'u', '0', '0', kDigits[c >> 4], kDigits[c & 15]};
    }
  }
  return result + '"';
}

/// The header's entry of a tensor whose first byte is `offset`, which goes on to its last.
template <class T>
std::string json_entry(const NamedTensor<T>& tensor, Index& offset) {
  std::string shape;
  Index bytes = sizeof(T);
  for (const Index extent : tensor.shape) {
    if (extent < 0 || (extent > 0 && bytes > kLargest / 8 / extent)) {
      throw ShapeError("safetensors: invalid shape (" + shown(tensor.name) + ", extent " +
                       std::to_string(extent) + "); need 0 or more, and less than 2^63 bits");
    }
    bytes *= extent;
    shape += (shape.empty() ? "" : ",") + std::to_string(extent);
  }
  const Index begin = offset;
  offset += bytes;
  return json_string(tensor.name) + ":{\"dtype\":\"" + (sizeof(T) == 4 ? "F32" : "F64") +
         "\",\"shape\":[" + shape + "],\"data_offsets\":[" + std::to_string(begin) + "," +
         std::to_string(offset) + "]}";
}

}  // namespace

template <class T>
void write_safetensors(const std::filesystem::path& path, std::span<const NamedTensor<T>> tensors,
                       const Metadata& metadata) {
  std::map<std::string, const NamedTensor<T>*> in_order;
  for (const NamedTensor<T>& t : tensors) {
    if (t.name == kMetadataName || !in_order.emplace(t.name, &t).second) {
      throw ValueError("safetensors: name is taken (" + shown(t.name) +
                       "); need names of their own");
    }
  }
  std::string header, texts;
  for (const auto& [key, value] : metadata) {
    texts += (texts.empty() ? "" : ",") + json_string(key) + ":" + json_string(value);
  }
  if (!texts.empty()) header = json_string(std::string(kMetadataName)) + ":{" + texts + "}";
  Index end = 0;
  for (const auto& [name, t] : in_order) {
    header += (header.empty() ? "" : ",") + json_entry(*t, end);
  }
  header = "{" + header + "}";
  header.append((8 - header.size() % 8) % 8, ' ');
  const std::uint64_t length = header.size();
  OutputFile file(path, "safetensors");
  file.stream().write(reinterpret_cast<const char*>(&length), sizeof length) << header;
  for (const auto& [name, t] : in_order) {
    Index size = sizeof(T);
    for (const Index extent : t->shape) size *= extent;
    file.stream().write(reinterpret_cast<const char*>(t->values), size);
  }
  file.finish();
}

template void write_safetensors<float>(const std::filesystem::path&,
                                       std::span<const NamedTensor<float>>, const Metadata&);
template void write_safetensors<double>(const std::filesystem::path&,
                                        std::span<const NamedTensor<double>>, const Metadata&);

}  // namespace libnorm
