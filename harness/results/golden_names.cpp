#include "harness/results/golden_names.hpp"

#include <vector>

#include "harness/base/sha256.hpp"
#include "harness/results/spec.hpp"
#include "libnorm/core/error.hpp"

namespace harness {
namespace {

constexpr std::string_view kDigits = "0123456789abcdef";
constexpr std::string_view kEnding = ".jsonl";
constexpr std::size_t kSpecDigits = 16;

bool is_plain(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_'; }

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  for (std::size_t at = 0; at <= text.size();) {
    const std::size_t end = std::min(text.find(separator, at), text.size());
    parts.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return parts;
}

bool is_variant(std::string_view text) {
  for (const std::string_view item : split(text, ',')) {
    const auto sides = split(item, '=');
    if (sides.size() != 2 || !decode_name(sides[0]) || !decode_name(sides[1])) return false;
  }
  return true;
}

}  // namespace

std::string encode_name(std::string_view name) {
  std::string part;
  for (const char c : name) {
    const auto byte = static_cast<unsigned char>(c);
    if (is_plain(c)) {
      part += c;
    } else {
      part += {'%', kDigits[byte >> 4], kDigits[byte & 15]};
    }
  }
  return part;
}

std::optional<std::string> decode_name(std::string_view part) {
  std::string name;
  for (std::size_t i = 0; i < part.size(); ++i) {
    if (part[i] != '%') {
      name += part[i];
      continue;
    }
    if (i + 2 >= part.size()) return std::nullopt;
    const std::size_t high = kDigits.find(part[i + 1]), low = kDigits.find(part[i + 2]);
    if (high == kDigits.npos || low == kDigits.npos) return std::nullopt;
    name += static_cast<char>(high * 16 + low);
    i += 2;
  }
  // A name has one encoding; any other text is none.
  if (name.empty() || encode_name(name) != part) return std::nullopt;
  return name;
}

std::string encode_cell(const std::map<std::string, std::string>& cell) {
  std::string text;
  for (const auto& [factor, level] : cell) {
    text += (text.empty() ? "" : ",") + encode_name(factor) + "=" + encode_name(level);
  }
  return text;
}

std::string variant_of(const RunResult& result) {
  if (!result.cell.empty() || result.profile != kCustomProfile) return encode_cell(result.cell);
  if (result.spec.empty()) {
    throw libnorm::ValueError("golden: a result of the profile custom has no spec (" + result.arm +
                              "); need a result with its spec, as a store's");
  }
  const std::string text = Spec::parse(result.spec, "result: spec").canonical_without("seed");
  return "spec=" + sha256_hex(text).substr(0, kSpecDigits);
}

std::string golden_file_of(const RunResult& result) {
  const std::string variant = variant_of(result);
  return encode_name(result.task) + "/" + encode_name(result.profile) + "/" +
         encode_name(result.arm) + (variant.empty() ? "" : "/" + variant) + std::string(kEnding);
}

bool is_file_of_results(std::string_view file) {
  if (!file.ends_with(kEnding)) return false;
  file.remove_suffix(kEnding.size());
  auto parts = split(file, '/');
  if (parts.size() < 2 || parts.size() > 4) return false;
  if (parts.size() == 4) {
    if (!is_variant(parts.back())) return false;
    parts.pop_back();
  }
  for (const std::string_view part : parts) {
    if (!decode_name(part)) return false;
  }
  return true;
}

}  // namespace harness
