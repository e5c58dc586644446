#include "harness/results/result_json.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <set>
#include <utility>

#include <nlohmann/json.hpp>

#include "harness/base/sha256.hpp"
#include "libnorm/core/error.hpp"

namespace harness {
namespace {

using libnorm::DataError;
using libnorm::ValueError;
using nlohmann::json;

json number_to_json(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value > 0 ? "inf" : "-inf";
  return value;
}

json numbers_to_json(const std::vector<double>& values) {
  json list = json::array();
  for (const double value : values) list.push_back(number_to_json(value));
  return list;
}

/// The deepest nesting of brackets that is read; a result has three levels.
constexpr std::size_t kDeepestJson = 32;
constexpr std::size_t kLongestName = 200;

[[noreturn]] void refuse(const std::string& where, const json& arrived, const char* wanted) {
  // This handler replaces bad bytes, since the value shown may not be UTF-8.
  std::string shown = arrived.dump(-1, ' ', false, json::error_handler_t::replace);
  if (shown.size() > 80) shown = shown.substr(0, 80) + "...";
  throw DataError(where + " has a wrong value (" + shown + "); need " + wanted);
}

double number_from_json(const json& value, const std::string& where) {
  if (value.is_number()) return value.get<double>();
  if (value == "nan") return std::numeric_limits<double>::quiet_NaN();
  if (value == "inf") return std::numeric_limits<double>::infinity();
  if (value == "-inf") return -std::numeric_limits<double>::infinity();
  refuse(where, value, "a number, \"nan\", \"inf\" or \"-inf\"");
}

std::vector<double> numbers_from_json(const json& value, const std::string& where) {
  if (!value.is_array()) refuse(where, value, "a list of numbers");
  std::vector<double> numbers;
  numbers.reserve(value.size());
  for (const json& item : value) {
    numbers.push_back(number_from_json(item, where + "[" + std::to_string(numbers.size()) + "]"));
  }
  return numbers;
}

const std::string& checked_name(const std::string& name, const std::string& where) {
  if (!is_name(name)) refuse(where, json(name), kNameWanted);
  return name;
}

/// Throws: ValueError for a result with a name that could not be read back.
void check_names(const RunResult& result) {
  std::vector<std::string_view> names = {result.task, result.profile, result.arm};
  const auto add_keys = [&](const auto& map) {
    for (const auto& item : map) names.push_back(item.first);
  };
  for (const auto& [factor, level] : result.cell) {
    names.push_back(factor);
    names.push_back(level);
  }
  add_keys(result.measures);
  add_keys(result.metrics);
  add_keys(result.slices);
  add_keys(result.epochs);
  add_keys(result.spectra);
  for (const std::string_view name : names) {
    if (is_name(name)) continue;
    throw ValueError("result: invalid name (" + std::string(name) + "); need " + kNameWanted);
  }
}

using NamedNumbers = std::map<std::string, std::vector<double>>;

json named_numbers_to_json(const NamedNumbers& lists) {
  json object = json::object();
  for (const auto& [name, values] : lists) object[name] = numbers_to_json(values);
  return object;
}

NamedNumbers named_numbers_from_json(const json& value, const std::string& where) {
  if (!value.is_object()) refuse(where, value, "an object");
  NamedNumbers lists;
  for (const auto& item : value.items()) {
    const std::string& name = checked_name(item.key(), where);
    lists[name] = numbers_from_json(item.value(), where + "." + name);
  }
  return lists;
}

/// What is wrong if the lists are not all of one length; empty if they are.
std::string describe_unequal(const NamedNumbers& lists) {
  for (const auto& [name, values] : lists) {
    const auto& [first, first_values] = *lists.begin();
    if (values.size() == first_values.size()) continue;
    return first + " and " + name + " differ in length (" + std::to_string(first_values.size()) +
           " and " + std::to_string(values.size()) + "); need a number of each for every epoch";
  }
  return "";
}

template <class T>
T integer_from_json(const json& value, const std::string& where) {
  if (value.is_number_unsigned() && std::in_range<T>(value.get<std::uint64_t>())) {
    return static_cast<T>(value.get<std::uint64_t>());
  }
  if (value.is_number_integer() && !value.is_number_unsigned() &&
      std::in_range<T>(value.get<std::int64_t>())) {
    return static_cast<T>(value.get<std::int64_t>());
  }
  refuse(where, value, "an integer in range");
}

std::map<std::string, std::string> cell_from_json(const json& value, const std::string& where) {
  JsonObjectReader members(value, where);
  std::map<std::string, std::string> cell;
  for (const auto& item : value.items()) {
    const std::string& factor = checked_name(item.key(), where);
    cell[factor] = checked_name(members.text(factor), where + "." + factor);
  }
  return cell;
}

std::map<std::string, int> measures_from_json(const json& value, const std::string& where) {
  if (!value.is_object()) refuse(where, value, "an object");
  std::map<std::string, int> measures;
  for (const auto& item : value.items()) {
    const std::string& name = checked_name(item.key(), where);
    measures[name] = integer_from_json<int>(item.value(), where + "." + name);
  }
  return measures;
}

/// An object's values by name, each read by `read`.
template <class Value, class Read>
std::map<std::string, Value> map_from_json(const json& value, const std::string& where,
                                           const Read& read) {
  if (!value.is_object()) refuse(where, value, "an object");
  std::map<std::string, Value> values;
  for (const auto& item : value.items()) {
    const std::string name = checked_name(item.key(), where);
    values[name] = read(item.value(), where + "." + name);
  }
  return values;
}

/// The measures of a result from before results named them.
std::map<std::string, int> first_measures(const RunResult& result) {
  if (result.diverged_at >= 0) return {};
  if (result.task == kUnnamedTask) return {{"slices", 1}, {"spectrum", 1}};
  std::map<std::string, int> measures = {{"epochs", 1}, {"spectra", 1}};
  if (!result.held_out_correct.empty()) measures["held_out"] = 1;
  return measures;
}

constexpr std::string_view kHexDigits = "0123456789abcdef";

json bits_to_json(const std::vector<bool>& bits) {
  std::string hex((bits.size() + 7) / 8 * 2, '0');
  for (std::size_t i = 0; i < bits.size(); ++i) {
    if (!bits[i]) continue;
    char& digit = hex[i / 4];
    digit = kHexDigits[kHexDigits.find(digit) | (8u >> i % 4)];
  }
  return {{"count", bits.size()}, {"hex", hex}};
}

std::vector<bool> bits_from_json(const json& value, const std::string& where) {
  JsonObjectReader members(value, where);
  const auto count = integer_from_json<std::uint32_t>(members.take("count"), where + ": count");
  const std::string hex = members.text("hex");
  members.require_none_left();
  const std::string wanted = "2 lower-case hexadecimal digits for every 8 of count, the rest 0";
  // Checked before anything of this size is made.
  if (hex.size() != (std::size_t(count) + 7) / 8 * 2) refuse(where + ": hex", hex, wanted.c_str());
  std::vector<bool> bits(hex.size() * 4);
  for (std::size_t i = 0; i < bits.size(); ++i) {
    const std::size_t digit = kHexDigits.find(hex[i / 4]);
    if (digit == std::string_view::npos) refuse(where + ": hex", hex, wanted.c_str());
    bits[i] = (digit & (8u >> i % 4)) != 0;
    if (bits[i] && i >= count) refuse(where + ": hex", hex, wanted.c_str());
  }
  bits.resize(count);
  return bits;
}

std::string hash_from_json(JsonObjectReader& members, const std::string& key) {
  std::string hash = members.text(key);
  if (!is_sha256_hex(hash)) {
    refuse(members.where() + ": " + key, json(hash), "64 lower-case hexadecimal digits");
  }
  return hash;
}

Kept kept_from_json(const json& value, const std::string& where) {
  JsonObjectReader members(value, where);
  const std::string what = members.text("what");
  Kept kept{Keep::none, hash_from_json(members, "sha256")};
  members.require_none_left();
  for (const Keep keep : {Keep::weights, Keep::state}) {
    if (what == kKeepWords[int(keep)]) kept.what = keep;
  }
  if (kept.what == Keep::none) refuse(where + ": what", what, "weights or state");
  return kept;
}

json to_json(const Environment& environment) {
  return {{"version", environment.version},   {"numerics", environment.numerics},
          {"compiler", environment.compiler}, {"flags", environment.flags},
          {"cpu", environment.cpu},           {"isa", environment.isa},
          {"threads", environment.threads},   {"device", environment.device}};
}

Environment environment_from_json(const json& value, const std::string& where) {
  JsonObjectReader members(value, where);
  Environment environment;
  environment.version = members.text("version");
  environment.numerics = members.text("numerics");
  environment.compiler = members.text("compiler");
  environment.flags = members.text("flags");
  environment.cpu = members.text("cpu");
  environment.isa = members.text("isa");
  environment.threads = integer_from_json<int>(members.take("threads"), where + ": threads");
  // Results from before the support of GPUs have no device.
  if (members.has("device")) environment.device = members.text("device");
  members.require_none_left();
  return environment;
}

Slice slice_from_json(const json& value, const std::string& where) {
  JsonObjectReader members(value, where);
  Slice slice;
  slice.alpha = numbers_from_json(members.take("alpha"), where + ": alpha");
  slice.loss = numbers_from_json(members.take("loss"), where + ": loss");
  members.require_none_left();
  if (slice.alpha.size() != slice.loss.size()) {
    throw DataError(where + ": alpha and loss differ in length (" +
                    std::to_string(slice.alpha.size()) + " and " +
                    std::to_string(slice.loss.size()) + "); need a loss for each alpha");
  }
  return slice;
}

}  // namespace

bool is_name(std::string_view name) {
  const auto is_letter = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("_.+-=@:").find(c) != std::string_view::npos;
  };
  return !name.empty() && name.size() <= kLongestName && name.front() != '.' &&
         std::all_of(name.begin(), name.end(), is_letter);
}

JsonObjectReader::JsonObjectReader(const json& object, std::string where)
    : object_(object), where_(std::move(where)) {
  if (!object.is_object()) refuse(where_, object, "an object");
}

bool JsonObjectReader::has(const std::string& key) const { return object_.contains(key); }

const json& JsonObjectReader::take(const std::string& key) {
  const auto found = object_.find(key);
  if (found == object_.end()) {
    throw DataError(where_ + ": the key " + key + " is missing; need it");
  }
  taken_.push_back(key);
  return *found;
}

std::string JsonObjectReader::text(const std::string& key) {
  const json& value = take(key);
  if (!value.is_string()) refuse(where_ + ": " + key, value, "a string");
  return value.get<std::string>();
}

void JsonObjectReader::require_none_left() const {
  for (const auto& item : object_.items()) {
    if (std::find(taken_.begin(), taken_.end(), item.key()) == taken_.end()) {
      throw DataError(where_ + ": unknown key (" + item.key() + "); need only the keys of this " +
                      "version");
    }
  }
}

json to_json(const RunResult& result) {
  std::vector<const std::string*> hashes = {&result.spec_sha256, &result.weights_sha256,
                                            &result.losses_sha256};
  if (result.kept) hashes.push_back(&result.kept->sha256);
  for (const std::string* hash : hashes) {
    if (!is_sha256_hex(*hash)) {
      throw ValueError("result: a hash is malformed (" + *hash +
                       "); need 64 lower-case hexadecimal " +
                       "digits in spec_sha256, weights_sha256, losses_sha256 and kept");
    }
  }
  check_names(result);
  if (const std::string unequal = describe_unequal(result.epochs); !unequal.empty()) {
    throw ValueError("result: epochs: " + unequal);
  }
  json metrics = json::object();
  for (const auto& [name, value] : result.metrics) metrics[name] = number_to_json(value);
  json slices = json::object();
  for (const auto& [name, slice] : result.slices) {
    slices[name] = {{"alpha", numbers_to_json(slice.alpha)}, {"loss", numbers_to_json(slice.loss)}};
  }
  json value = {{"task", result.task},
                {"profile", result.profile},
                {"arm", result.arm},
                {"seed", result.seed},
                {"steps", result.steps},
                {"diverged_at", result.diverged_at},
                {"spec_sha256", result.spec_sha256},
                {"weights_sha256", result.weights_sha256},
                {"losses_sha256", result.losses_sha256},
                {"final_loss", number_to_json(result.final_loss)},
                {"measures", result.measures},
                {"metrics", std::move(metrics)},
                {"curve_stride", result.curve_stride},
                {"loss_curve", numbers_to_json(result.loss_curve)},
                {"singular_values", numbers_to_json(result.singular_values)},
                {"slices", std::move(slices)},
                {"seconds", number_to_json(result.seconds)},
                {"environment", to_json(result.environment)}};
  if (!result.data.empty()) value["data"] = result.data;
  if (!result.cell.empty()) value["cell"] = result.cell;
  if (!result.spec.empty()) value["spec"] = result.spec;
  if (!result.epochs.empty()) value["epochs"] = named_numbers_to_json(result.epochs);
  if (!result.spectra.empty()) value["spectra"] = named_numbers_to_json(result.spectra);
  if (!result.held_out_correct.empty()) {
    value["held_out_correct"] = bits_to_json(result.held_out_correct);
  }
  if (result.kept) {
    value["kept"] = {{"what", kKeepWords[int(result.kept->what)]}, {"sha256", result.kept->sha256}};
  }
  return value;
}

std::string to_line(const RunResult& result) {
  try {
    return to_json(result).dump();
  } catch (const json::exception& error) {
    throw ValueError("result: cannot be written as JSON (" + std::string(error.what()) +
                     "); need text in UTF-8");
  }
}

RunResult result_from_json(const json& value, const std::string& source) {
  JsonObjectReader members(value, source);
  const auto numbers = [&](const char* key) {
    return numbers_from_json(members.take(key), source + ": " + key);
  };
  const auto integer = [&](const char* key) {
    return integer_from_json<std::int64_t>(members.take(key), source + ": " + key);
  };
  const auto named_numbers = [&](const char* key) {
    if (!members.has(key)) return NamedNumbers{};
    return named_numbers_from_json(members.take(key), source + ": " + key);
  };
  RunResult result;
  // Results from before tasks had names are all of the one task that there was.
  const auto name_at = [&](const char* key) {
    return checked_name(members.text(key), source + ": " + key);
  };
  result.task = members.has("task") ? name_at("task") : kUnnamedTask;
  if (members.has("data")) result.data = members.text("data");
  result.profile = name_at("profile");
  result.arm = name_at("arm");
  if (members.has("cell")) result.cell = cell_from_json(members.take("cell"), source + ": cell");
  result.seed = integer_from_json<std::uint64_t>(members.take("seed"), source + ": seed");
  result.steps = integer("steps");
  result.diverged_at = integer("diverged_at");
  result.spec_sha256 = hash_from_json(members, "spec_sha256");
  if (members.has("spec")) result.spec = members.text("spec");
  result.weights_sha256 = hash_from_json(members, "weights_sha256");
  result.losses_sha256 = hash_from_json(members, "losses_sha256");
  result.final_loss = number_from_json(members.take("final_loss"), source + ": final_loss");
  result.metrics =
      map_from_json<double>(members.take("metrics"), source + ": metrics", number_from_json);
  result.curve_stride = integer("curve_stride");
  result.loss_curve = numbers("loss_curve");
  result.singular_values = numbers("singular_values");
  result.slices =
      map_from_json<Slice>(members.take("slices"), source + ": slices", slice_from_json);
  result.epochs = named_numbers("epochs");
  if (const std::string unequal = describe_unequal(result.epochs); !unequal.empty()) {
    throw DataError(source + ": epochs: " + unequal);
  }
  result.spectra = named_numbers("spectra");
  if (members.has("held_out_correct")) {
    result.held_out_correct =
        bits_from_json(members.take("held_out_correct"), source + ": held_out_correct");
  }
  result.measures = members.has("measures")
                        ? measures_from_json(members.take("measures"), source + ": measures")
                        : first_measures(result);
  if (members.has("kept")) result.kept = kept_from_json(members.take("kept"), source + ": kept");
  result.seconds = number_from_json(members.take("seconds"), source + ": seconds");
  result.environment = environment_from_json(members.take("environment"), source + ": environment");
  members.require_none_left();
  return result;
}

RunResult result_from_line(std::string_view line, const std::string& source) {
  return result_from_json(parse_json(line, source), source);
}

json parse_json(std::string_view text, const std::string& source) {
  // The keys so far of every open object or list.
  std::vector<std::set<std::string>> open;
  const auto check = [&](int, json::parse_event_t event, json& parsed) {
    using Event = json::parse_event_t;
    if (event == Event::object_start || event == Event::array_start) {
      // Functions that walk through the value recurse as deep.
      if (open.size() == kDeepestJson) {
        throw DataError(source + ": nests too deep (more than " + std::to_string(kDeepestJson) +
                        " brackets); need at most so many");
      }
      open.emplace_back();
    } else if (event == Event::object_end || event == Event::array_end) {
      open.pop_back();
    } else if (event == Event::key && !open.back().insert(parsed.get<std::string>()).second) {
      throw DataError(source + ": duplicate key " + parsed.get<std::string>() + "; need each once");
    }
    return true;
  };
  try {
    return json::parse(text, check);
  } catch (const json::exception& error) {
    throw DataError(source + ": is not JSON (" + error.what() + "); need valid JSON");
  }
}

}  // namespace harness
