#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace harness {

/// One place of a curve: a middle value and the range around it.
struct Point {
  double x = 0, median = 0, smallest = 0, largest = 0;
};

/// Points by rising x. Where a median is not finite the line is broken.
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
  /// The lowest value drawn where it is; what lies below is drawn here. Minus infinity if nothing
  /// does.
  double foot = 0;
  std::vector<Tick> ticks;
};

/// A tight axis with about four round intervals. Needs low < high.
Axis linear_axis(double low, double high);

enum class ScaleChoice { log, by_data };

/// An axis that holds every curve. by_data: logarithmic if the values span more than two decades.
/// A logarithmic axis shows at most this many decades, so that one stray value does not squeeze the
/// rest, and with values that are not positive it ends at the decade under the smallest positive
/// one; either way its foot says where.
Axis fit_axis(const std::vector<Curve>& curves, ScaleChoice choice, int decades);

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
  /// Panels in a row; 0: all of them.
  std::size_t columns = 0;
  YAxes y_axes = YAxes::separate;
};

/// The text, or the first so many bytes of it and three dots.
std::string shortened(const std::string& text, std::size_t bytes);

/// Texts of at most so many letters, broken between words: the lines of a note that is too long for
/// the width of a chart. A word that is too long by itself is shortened.
std::vector<std::string> wrap(const std::string& text, std::size_t letters = 100);

}  // namespace harness
