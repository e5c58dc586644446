#pragma once

#include <charconv>
#include <concepts>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>

namespace harness {

/// The shortest decimal text that reads back as the same double ("1e-08", "0.9", "nan").
std::string format_number(double value);

/// Everything that decides the bits of a training run, as key=value pairs. Two runs with one spec
/// have the same result on any machine. What cannot change the result (threads, folders) is not in
/// it; the numerics version, which can, is a key like any other.
///
/// A key consists of lower-case letters, digits and underscores, a letter first. A value is one
/// line of printable ASCII without a blank at either end. Set numbers as numbers: `set("rate",
/// 0.5)` and `set("rate", "0.50")` are different specs.
///
/// Measures of the trained model are not part of a spec. Up to version 0.1.0 they were, as the line
/// `measures=1`. Such a text is read as the same spec without that line, and its hash is accepted.
class Spec {
 public:
  /// Reads canonical text back; pairs may stand in any order.
  /// source: what the text came from, for messages.
  /// Throws: DataError with source and line number for a malformed line or a duplicate key.
  static Spec parse(std::string_view text, const std::string& source);

  /// The same for a text that must have the keys of `like`.
  /// Throws: DataError, also for a missing key or (with its line number) one that `like` lacks.
  static Spec parse(std::string_view text, const std::string& source, const Spec& like);

  /// Adds a pair, or replaces the value of a key.
  /// Throws: ValueError for a malformed key or value, a number that is not finite, or `measures`.
  Spec& set(std::string_view key, std::string_view value);
  Spec& set(std::string_view key, double value);
  template <std::integral T>
  Spec& set(std::string_view key, T value) {
    char digits[24];
    const auto end = std::to_chars(digits, digits + sizeof digits, value).ptr;
    return set(key, std::string_view(digits, end));
  }
  /// There is no spelling of yes and no: name the alternatives (path=shortcut, path=dense).
  template <std::same_as<bool> T>
  Spec& set(std::string_view key, T value) = delete;

  bool has(std::string_view key) const { return pairs_.find(key) != pairs_.end(); }

  /// The value of a key. Throws: ValueError if the key is missing or its value is not of this type.
  const std::string& text(std::string_view key) const;
  std::int64_t integer(std::string_view key) const;
  std::uint64_t unsigned_integer(std::string_view key) const;
  double number(std::string_view key) const;

  /// `key=value\n` for each pair, sorted by key as bytes.
  std::string canonical() const;

  /// The same without one key.
  std::string canonical_without(std::string_view key) const;

  /// The canonical text's sha256, in hexadecimal.
  std::string sha256() const;

  /// The text of the same run while measures were part of a spec, and that text's hash.
  /// @{
  std::string old_canonical() const;
  std::string old_sha256() const;
  /// @}

  /// Whether a hash is that of this run, today's or the old one.
  bool has_hash(std::string_view hash) const;

  bool operator==(const Spec&) const = default;

 private:
  std::map<std::string, std::string, std::less<>> pairs_;
};

}  // namespace harness
