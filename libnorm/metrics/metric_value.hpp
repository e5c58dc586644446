#pragma once

#include <span>
#include <string>
#include <vector>

namespace libnorm {

/// A number, with what one must know to read it.
struct MetricValue {
  /// `participation_ratio`
  std::string name;
  /// `1` where it has none.
  std::string unit;
  /// May be infinite.
  double value = 0;
  /// Of what it was taken and how: `of l, centred`.
  std::string convention;
};

/// One line a value: `participation_ratio = 63.99 dimensions (of l, centred)`. Six digits.
std::string text_of(std::span<const MetricValue> values);

/// A JSON object of objects: {"participation_ratio": {"value": 63.98..., "unit": ...}, ...}.
/// Numbers are as short as they can be and give the same double when read; see json_number.
std::string json_of(std::span<const MetricValue> values);

/// The shortest decimal that reads back as the same double. JSON has no infinity: it becomes the
/// string "inf" or "-inf" (and "nan", which no metric of the library returns), quotes included.
std::string json_number(double value);

/// [1, 2.5, "inf"]
std::string json_array(std::span<const double> values);

/// With quotes; escapes quotes, backslashes and control characters.
std::string json_string(const std::string& text);

}  // namespace libnorm
