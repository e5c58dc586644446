#pragma once

#include <limits>
#include <string>
#include <string_view>
#include <vector>

namespace harness {

/// What no axis shows.
inline constexpr double kInfinity = std::numeric_limits<double>::infinity();

/// A point of a curve: a middle value and the range around it.
struct Point {
  double x = 0, median = 0, smallest = 0, largest = 0;
};

/// Points by ascending x. The line is broken where a median is not finite.
struct Curve {
  std::vector<Point> points;
};

enum class Scale { linear, log };

struct Tick {
  double at = 0;
  std::string label;  // in gnuplot's enhanced text
};

struct Axis {
  Scale scale = Scale::linear;
  double low = 0, high = 1;
  /// The lowest value drawn at its place; values below are drawn here. Minus infinity if there are
  /// none.
  double foot = 0;
  std::vector<Tick> ticks;
};

/// A tight axis with about four round intervals. Needs low < high.
Axis linear_axis(double low, double high);

enum class ScaleChoice { log, by_data };

/// An axis that contains every curve. by_data: logarithmic if the values span more than two
/// decades. A logarithmic axis shows at most `decades` decades, so that an outlier does not squeeze
/// the rest; if some values are not positive, it ends at the decade below the smallest positive
/// one. Its foot is set in both cases.
Axis fit_axis(const std::vector<Curve>& curves, ScaleChoice choice, int decades);

/// `log` or `linear`.
std::string scale_word(const Axis& axis);

struct Panel {
  std::string title, x_label, y_label;
  Axis x, y;
  std::vector<Curve> curves;  // curves[i] is drawn as key[i] of the chart
};

struct KeyEntry {
  std::string label;
  std::string_view colour, dash;  // as gnuplot writes them
};

/// shared: the panels have one y axis, and only the first of a row has its label and numbers.
enum class YAxes { separate, shared };

/// Panels in rows, one key and some lines of notes under them.
struct Chart {
  std::string name;   // of the files
  std::string about;  // first line of the script
  std::vector<Panel> panels;
  std::vector<KeyEntry> key;
  std::vector<std::string> notes;
  /// Panels in a row; 0: all.
  std::size_t columns = 0;
  YAxes y_axes = YAxes::separate;
};

/// Adds a note for each y axis with values below it: that they are drawn at its foot.
void add_foot_notes(Chart& chart);

/// The text, cut to `bytes` bytes and three dots if it is longer.
std::string shortened(const std::string& text, std::size_t bytes);

/// Breaks a text between words into lines of at most `letters` letters, for notes that are wider
/// than a chart. A longer word is shortened.
std::vector<std::string> wrap(const std::string& text, std::size_t letters = 100);

}  // namespace harness
