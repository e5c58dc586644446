#include "harness/results/spec.hpp"

#include <algorithm>
#include <cmath>
#include <system_error>

#include "harness/base/sha256.hpp"
#include "libnorm/core/error.hpp"

namespace harness {
namespace {

using libnorm::DataError;
using libnorm::ValueError;

bool is_key(std::string_view key) {
  const auto is_letter = [](char c) { return c >= 'a' && c <= 'z'; };
  return !key.empty() && is_letter(key.front()) && std::all_of(key.begin(), key.end(), [&](char c) {
    return is_letter(c) || (c >= '0' && c <= '9') || c == '_';
  });
}

bool is_value(std::string_view value) {
  return !value.empty() && value.front() != ' ' && value.back() != ' ' &&
         std::all_of(value.begin(), value.end(), [](char c) { return c >= ' ' && c <= '~'; });
}

/// The line that old specifications had, and the one value that it ever had.
constexpr std::string_view kMeasuresKey = "measures", kMeasuresValue = "1";

template <class T>
T convert(std::string_view key, const std::string& text, const char* type) {
  T value{};
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || stop != end) {
    throw ValueError("spec: " + std::string(key) + " is not " + type + " (" + text + "); need " +
                     type + " that fits 64 bits");
  }
  return value;
}

}  // namespace

std::string format_number(double value) {
  char digits[32];
  const auto end = std::to_chars(digits, digits + sizeof digits, value).ptr;
  return std::string(digits, end);
}

Spec Spec::parse(std::string_view text, const std::string& source) {
  Spec spec;
  for (int line_number = 1; !text.empty(); ++line_number) {
    const std::string where = source + ": line " + std::to_string(line_number) + ": ";
    const std::size_t end = text.find('\n');
    if (end == std::string_view::npos) {
      throw DataError(where + "is cut short (" + std::string(text) + "); need key=value and a " +
                      "line feed");
    }
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(end + 1);
    const std::size_t equals = line.find('=');
    if (equals == std::string_view::npos || !is_key(line.substr(0, equals)) ||
        !is_value(line.substr(equals + 1))) {
      throw DataError(where + "malformed (" + std::string(line) + "); need key=value");
    }
    const auto added = spec.pairs_.emplace(line.substr(0, equals), line.substr(equals + 1));
    if (!added.second) {
      throw DataError(where + "the key " + added.first->first + " came before (" +
                      std::string(line) + "); need each key once");
    }
  }
  spec.pairs_.erase(std::string(kMeasuresKey));
  return spec;
}

Spec Spec::parse(std::string_view text, const std::string& source, const Spec& like) {
  const Spec spec = parse(text, source);
  // All lines are well-formed; this second pass finds the first wrong one, to name it.
  int line_number = 1;
  for (std::string_view rest = text; !rest.empty(); ++line_number) {
    const std::string_view key = rest.substr(0, rest.find('='));
    if (!like.has(key) && key != kMeasuresKey) {
      std::string known;
      for (const auto& pair : like.pairs_) known += (known.empty() ? "" : ", ") + pair.first;
      throw DataError(source + ": line " + std::to_string(line_number) + ": unknown key (" +
                      std::string(key) + "); need one of " + known);
    }
    rest.remove_prefix(rest.find('\n') + 1);
  }
  for (const auto& pair : like.pairs_) {
    if (!spec.has(pair.first)) {
      throw DataError(source + ": the key " + pair.first + " is missing; need a line " +
                      pair.first + "=value");
    }
  }
  return spec;
}

Spec& Spec::set(std::string_view key, std::string_view value) {
  if (!is_key(key)) {
    throw ValueError("spec: malformed key (" + std::string(key) +
                     "); need lower-case letters, digits and underscores, a letter first");
  }
  if (key == kMeasuresKey) {
    throw ValueError("spec: measures are no part of a run; need keys that decide its training");
  }
  if (!is_value(value)) {
    throw ValueError("spec: malformed value of " + std::string(key) + " (" + std::string(value) +
                     "); need printable ASCII on one line, no blank at either end");
  }
  pairs_.insert_or_assign(std::string(key), std::string(value));
  return *this;
}

Spec& Spec::set(std::string_view key, double value) {
  if (!std::isfinite(value)) {
    throw ValueError("spec: " + std::string(key) + " is not finite (" + format_number(value) +
                     "); need a finite number");
  }
  return set(key, std::string_view(format_number(value)));
}

const std::string& Spec::text(std::string_view key) const {
  const auto found = pairs_.find(key);
  if (found == pairs_.end()) {
    throw ValueError("spec: no value for " + std::string(key) + " (spec is: " + canonical() +
                     "); need the key to be set");
  }
  return found->second;
}

std::int64_t Spec::integer(std::string_view key) const {
  return convert<std::int64_t>(key, text(key), "an integer");
}

std::uint64_t Spec::unsigned_integer(std::string_view key) const {
  return convert<std::uint64_t>(key, text(key), "an unsigned integer");
}

double Spec::number(std::string_view key) const {
  const double value = convert<double>(key, text(key), "a number");
  if (!std::isfinite(value)) {
    throw ValueError("spec: " + std::string(key) + " is not finite (" + text(key) +
                     "); need a finite number");
  }
  return value;
}

std::string Spec::canonical() const {
  std::string lines;
  for (const auto& [key, value] : pairs_) lines += key + "=" + value + "\n";
  return lines;
}

std::string Spec::canonical_without(std::string_view key) const {
  Spec rest = *this;
  rest.pairs_.erase(std::string(key));
  return rest.canonical();
}

std::string Spec::sha256() const { return sha256_hex(canonical()); }

std::string Spec::old_canonical() const {
  Spec old = *this;
  old.pairs_.emplace(kMeasuresKey, kMeasuresValue);
  return old.canonical();
}

std::string Spec::old_sha256() const { return sha256_hex(old_canonical()); }

bool Spec::has_hash(std::string_view hash) const {
  return hash == sha256() || hash == old_sha256();
}

}  // namespace harness
