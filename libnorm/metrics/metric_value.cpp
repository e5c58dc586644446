#include "libnorm/metrics/metric_value.hpp"

#include <charconv>
#include <cmath>
#include <string_view>

#include "libnorm/core/domain.hpp"

namespace libnorm {

std::string json_number(double value) {
  return std::isfinite(value) ? number_text(value) : "\"" + number_text(value) + "\"";
}

std::string json_array(std::span<const double> values) {
  std::string text = "[";
  for (const double value : values) {
    if (text.size() > 1) text += ", ";
    text += json_number(value);
  }
  return text + "]";
}

std::string json_string(const std::string& text) {
  constexpr std::string_view kHex = "0123456789abcdef";
  std::string quoted = "\"";
  for (const char c : text) {
    const auto code = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      quoted += '\\';
      quoted += c;
    } else if (code < 0x20) {
      quoted += "\\u00";
      quoted += kHex[code >> 4];
      quoted += kHex[code & 15];
    } else {
      quoted += c;
    }
  }
  return quoted + "\"";
}

std::string text_of(std::span<const MetricValue> values) {
  std::string text;
  for (const MetricValue& metric : values) {
    char digits[32];
    const auto end =
        std::to_chars(digits, digits + sizeof digits, metric.value, std::chars_format::general, 6)
            .ptr;
    text += metric.name + " = ";
    text += std::isfinite(metric.value) ? std::string(digits, end) : number_text(metric.value);
    if (metric.unit != "1") text += " " + metric.unit;
    if (!metric.convention.empty()) text += " (" + metric.convention + ")";
    text += "\n";
  }
  return text;
}

std::string json_of(std::span<const MetricValue> values) {
  std::string text = "{";
  for (const MetricValue& metric : values) {
    if (text.size() > 1) text += ", ";
    text += json_string(metric.name) + ": {\"value\": " + json_number(metric.value) +
            ", \"unit\": " + json_string(metric.unit) +
            ", \"convention\": " + json_string(metric.convention) + "}";
  }
  return text + "}";
}

}  // namespace libnorm
