#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "harness/results/result.hpp"

namespace harness {

/// The task of results that do not name one, from before there was another.
inline constexpr const char* kUnnamedTask = "associative_recall";

/// Whether text can be the name of a task, an arm or a metric. Names become parts of paths, labels
/// and columns.
bool is_name(std::string_view name);
inline constexpr const char* kNameWanted =
    "a name: at most 200 letters, digits and _ . + - = @ :, no . first";

/// A result as JSON, keyed by its members' names. data, cell, spec, epochs, spectra,
/// held_out_correct and kept are there only if not empty. A result without `measures` is from
/// before measures had versions: all of it is of version 1.
///
/// held_out_correct is its `count` and `hex`: text i is the bit of value 128 >> i % 8 in byte i /
/// 8, two lower-case digits a byte, and unused bits of the last byte are 0.
/// (`numpy.unpackbits(numpy.frombuffer(bytes.fromhex(hex), "u1"), count=count)`.)
///
/// Doubles and 64-bit seeds read back bit for bit. JSON has no nan or infinity: they become the
/// strings "nan", "inf" and "-inf" (a nan loses its sign and payload).
/// Throws: ValueError for a result that could not be read back: a hash that is not 64 hexadecimal
/// digits, an invalid name, text that is not UTF-8, epochs of unequal lengths.
nlohmann::json to_json(const RunResult& result);

/// The result as one line of text, without the line feed. Equal results give equal bytes.
std::string to_line(const RunResult& result);

/// source: where the JSON came from, for messages.
/// Throws: DataError with source and key for a key that is missing, unknown or of a wrong type, for
/// an invalid name of a task, an arm or a metric, and for epochs of unequal lengths.
RunResult result_from_json(const nlohmann::json& json, const std::string& source);

/// Throws: DataError, also for text that is not JSON.
RunResult result_from_line(std::string_view line, const std::string& source);

/// Parses JSON text. All JSON from files goes through here.
/// Throws: DataError with source, also for a duplicate key in an object, and for nesting that is
/// deeper than in any of our files.
nlohmann::json parse_json(std::string_view text, const std::string& source);

/// Reads each member of a JSON object once, so that one nobody reads is noticed.
class JsonObjectReader {
 public:
  /// where: the object's place, for messages. Throws: DataError if it is not an object.
  JsonObjectReader(const nlohmann::json& object, std::string where);

  /// Whether there is such a member, for optional ones.
  bool has(const std::string& key) const;
  const nlohmann::json& take(const std::string& key);
  std::string text(const std::string& key);
  const std::string& where() const { return where_; }

  /// Throws: DataError that names a member nobody has read.
  void require_none_left() const;

 private:
  const nlohmann::json& object_;
  std::string where_;
  std::vector<std::string> taken_;
};

}  // namespace harness
