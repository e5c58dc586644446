#include "libnorm/python/results.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>

namespace libnorm::python {
namespace {

std::string short_number(double value) {
  if (!std::isfinite(value)) return std::isnan(value) ? "nan" : value > 0 ? "inf" : "-inf";
  char digits[32];
  return {digits,
          std::to_chars(digits, digits + sizeof digits, value, std::chars_format::general, 6).ptr};
}

}  // namespace

std::string table_of(const std::string& title, const std::vector<MetricValue>& values) {
  std::vector<std::vector<std::string>> lines;
  for (const MetricValue& value : values) {
    lines.push_back({value.name, short_number(value.value), value.unit == "1" ? "" : value.unit,
                     value.convention});
  }
  std::vector<std::size_t> widths(4, 0);
  for (const auto& line : lines) {
    for (std::size_t i = 0; i < line.size(); ++i) widths[i] = std::max(widths[i], line[i].size());
  }
  std::string text = title;
  for (const auto& line : lines) {
    std::string row;
    for (std::size_t i = 0; i < line.size(); ++i) {
      row += (i > 0 ? "  " : "") + line[i] + std::string(widths[i] - line[i].size(), ' ');
    }
    row.erase(row.find_last_not_of(' ') + 1);
    text += (text.empty() ? "" : "\n") + row;
  }
  return text;
}

nb::dict dict_of(const std::vector<MetricValue>& values) {
  nb::dict all;
  for (const MetricValue& value : values) {
    nb::dict one;
    one["value"] = value.value;
    one["unit"] = value.unit;
    one["convention"] = value.convention;
    all[value.name.c_str()] = one;
  }
  return all;
}

nb::dict numbers_of(const std::vector<MetricValue>& values) {
  nb::dict all;
  for (const MetricValue& value : values) all[value.name.c_str()] = value.value;
  return all;
}

double number_of(const std::vector<MetricValue>& values, const std::string& name) {
  std::string known;
  for (const MetricValue& value : values) {
    if (value.name == name) return value.value;
    known += (known.empty() ? "" : ", ") + value.name;
  }
  throw nb::key_error(
      ("no metric of this result has this name (" + name + "); there are " + known).c_str());
}

}  // namespace libnorm::python
