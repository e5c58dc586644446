#include "harness/charts/chart.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>

#include <fmt/format.h>

namespace harness {
namespace {

// The most bytes of a word in a note, so that it fits a line.
constexpr std::size_t kLongestWord = 90;

// Values spanning more than this factor read better on a logarithmic axis.
constexpr double kLogRatio = 100;

double nice_step(double span, int intervals) {
  const double raw = span / intervals;
  const double decade = std::pow(10.0, std::floor(std::log10(raw)));
  for (const double mantissa : {1.0, 2.0, 2.5, 5.0}) {
    if (mantissa * decade >= raw * 0.999) return mantissa * decade;
  }
  return 10 * decade;
}

Axis padded_linear_axis(double low, double high) {
  const double span = high - low;
  const double pad = span > 0 ? 0.06 * span : std::max(0.1 * std::abs(high), 1e-9);
  return linear_axis(low - pad, high + pad);
}

// Labels at every decade, or every second or third; the others get a tick only.
std::vector<Tick> decade_ticks(double low, double high) {
  const int first = static_cast<int>(std::ceil(std::log10(low) - 1e-9));
  const int last = static_cast<int>(std::floor(std::log10(high) + 1e-9));
  const int every = std::max(1, (last - first + 4) / 5);
  std::vector<Tick> ticks;
  for (int decade = first; decade <= last; ++decade) {
    const bool labelled = decade % every == 0;
    ticks.push_back({std::pow(10.0, decade), labelled ? fmt::format("10^{{{}}}", decade) : ""});
  }
  return ticks;
}

std::vector<Tick> mantissa_ticks(double low, double high) {
  std::vector<Tick> ticks;
  const int first = static_cast<int>(std::floor(std::log10(low)));
  for (int decade = first; std::pow(10.0, decade) <= high; ++decade) {
    for (const int mantissa : {1, 2, 5}) {
      const double at = mantissa * std::pow(10.0, decade);
      if (at >= low && at <= high) ticks.push_back({at, fmt::format("{:g}", at)});
    }
  }
  return ticks;
}

Axis log_axis(double smallest_positive, double smallest, double largest, int decades) {
  Axis axis{Scale::log, 0, 0, -kInfinity, {}};
  double low = smallest_positive;
  const double lowest = std::ceil(std::log10(largest) - decades);
  if (smallest <= 0 || std::log10(low) < lowest) {
    axis.foot = low = std::pow(10.0, std::max(std::floor(std::log10(low)), lowest));
  }
  const double pad = std::pow(largest / low, 0.05) * 1.01;
  axis.low = low / pad;
  axis.high = largest * pad;
  const double ratio = axis.high / axis.low;
  // If high / low < 5, there may be fewer than two of the numbers 1, 2, 5.
  if (ratio < 5) {
    axis.ticks = linear_axis(axis.low, axis.high).ticks;
  } else {
    axis.ticks =
        ratio < 100 ? mantissa_ticks(axis.low, axis.high) : decade_ticks(axis.low, axis.high);
  }
  return axis;
}

}  // namespace

Axis linear_axis(double low, double high) {
  Axis axis{Scale::linear, low, high, -kInfinity, {}};
  const double step = nice_step(high - low, 4);
  const double exponent = std::floor(std::log10(step * 1.001));
  // A step of 2.5 needs one digit more than its decade.
  const bool quarter = std::abs(step / std::pow(10.0, exponent) - 2.5) < 0.1;
  const int digits = std::max(0, static_cast<int>(-exponent) + (quarter ? 1 : 0));
  const auto first = static_cast<std::int64_t>(std::ceil(low / step - 1e-6));
  const auto last = static_cast<std::int64_t>(std::floor(high / step + 1e-6));
  for (std::int64_t i = first; i <= last; ++i) {
    const double at = static_cast<double>(i) * step;
    axis.ticks.push_back({at, i == 0 ? "0" : fmt::format("{:.{}f}", at, digits)});
  }
  return axis;
}

Axis fit_axis(const std::vector<Curve>& curves, ScaleChoice choice, int decades) {
  double positive = kInfinity, smallest = kInfinity, largest = -kInfinity;
  for (const Curve& curve : curves) {
    for (const Point& point : curve.points) {
      if (!std::isfinite(point.median)) continue;
      smallest = std::min(smallest, point.smallest);
      largest = std::max(largest, point.largest);
      for (const double value : {point.smallest, point.median, point.largest}) {
        if (value > 0) positive = std::min(positive, value);
      }
    }
  }
  if (smallest > largest) return linear_axis(0, 1);  // nothing finite: an empty panel
  if (!std::isfinite(positive)) return padded_linear_axis(smallest, largest);
  const bool wide = largest > kLogRatio * std::max(smallest, 0.0);
  if (choice == ScaleChoice::by_data && !wide) return padded_linear_axis(smallest, largest);
  return log_axis(positive, smallest, largest, decades);
}

std::string scale_word(const Axis& axis) { return axis.scale == Scale::log ? "log" : "linear"; }

void add_foot_notes(Chart& chart) {
  for (const Panel& panel : chart.panels) {
    const bool shared = chart.y_axes == YAxes::shared;
    if (std::isfinite(panel.y.foot)) {
      // The foot is a whole decade; `(c)` begins the panel's title.
      const std::string foot = fmt::format("1e{}", std::lround(std::log10(panel.y.foot)));
      chart.notes.push_back(fmt::format("{}: values below {} are drawn at {}.",
                                        shared ? "All panels" : panel.title.substr(0, 3), foot,
                                        foot));
    }
    if (shared) return;
  }
}

std::string shortened(const std::string& text, std::size_t bytes) {
  if (text.size() <= bytes) return text;
  // Do not cut within a character: its later bytes are 10xxxxxx.
  while (bytes > 0 && (static_cast<unsigned char>(text[bytes]) & 0xC0) == 0x80) --bytes;
  return text.substr(0, bytes) + "...";
}

std::vector<std::string> wrap(const std::string& text, std::size_t letters) {
  std::vector<std::string> lines;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = text.find(' ', at);
    const std::string word = shortened(text.substr(at, end - at), kLongestWord);
    at = end == std::string::npos ? text.size() : end + 1;
    if (lines.empty() || lines.back().size() + 1 + word.size() > letters) {
      lines.push_back(word);
    } else {
      lines.back() += " " + word;
    }
  }
  return lines;
}

}  // namespace harness
