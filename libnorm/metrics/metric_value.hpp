#pragma once

#include <span>
#include <string>
#include <vector>

namespace libnorm {

/// A metric's value, unit and convention.
struct MetricValue {
  /// `participation_ratio`
  std::string name;
  /// `1` if it has none.
  std::string unit;
  /// May be infinite.
  double value = 0;
  /// What it was computed from, and how: `of l, centred`.
  std::string convention;
};

/// One line for each value: `participation_ratio = 63.99 dimensions (of l, centred)`. Six digits.
std::string text_of(std::span<const MetricValue> values);

/// A JSON object of objects: {"participation_ratio": {"value": 63.98..., "unit": ...}, ...}.
/// Numbers are the shortest decimals that read back as the same double; see json_number.
std::string json_of(std::span<const MetricValue> values);

/// The shortest decimal that reads back as the same double. JSON has no infinity: it becomes the
/// string "inf" or "-inf" (and "nan", which no metric of the library returns), quotes included.
std::string json_number(double value);

/// [1, 2.5, "inf"]
std::string json_array(std::span<const double> values);

/// With quotes; escapes quotes, backslashes and control characters.
std::string json_string(const std::string& text);

}  // namespace libnorm
