#include "harness/report/chart_script.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numeric>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "harness/report/gnuplot.hpp"
#include "libnorm/data/printable.hpp"

namespace harness {
namespace {

// 96 units are an inch, so that 11 units of font are 8.25 points.
constexpr double kUnitsPerInch = 96;
constexpr double kTwoColumns = 7 * kUnitsPerInch, kOneColumn = 3.5 * kUnitsPerInch;
constexpr double kFont = 11;
constexpr double kCharacter = 0.58 * kFont;  // mean width of a sans-serif letter
constexpr double kLine = 1.4 * kFont;
constexpr double kPanelHeight = 165;
constexpr double kTitleAbove = 12;  // of the panel's edge, to the middle of the line
constexpr double kXLabelBelow = 33;
constexpr double kYLabelBeside = 20;  // of the longest tick label
constexpr double kRight = 14;
constexpr double kAbovePanel = kTitleAbove + 0.7 * kLine;
constexpr double kBelowPanel = kXLabelBelow + 0.8 * kLine;
constexpr double kPixelsPerUnit = 3.125;  // 2100 pixels: 300 an inch

// All sizes are in units of the canvas. gnuplot takes fractions of it, from the bottom left.
struct Layout {
  double width = kTwoColumns, height = 0, panel_bottom = 0, key_bottom = 0;
  int key_columns = 1, key_rows = 1;
  std::size_t columns = 1, rows = 1;
  std::vector<double> left;  // of a column
  double panel_width = 0;

  double left_of(std::size_t panel) const { return left[panel % columns]; }
  double bottom_of(std::size_t panel) const {
    const auto rows_below = static_cast<double>(rows - 1 - panel / columns);
    return panel_bottom + rows_below * (kPanelHeight + kAbovePanel + kBelowPanel);
  }
};

bool is_labelled(const Chart& chart, const Layout& layout, std::size_t panel) {
  return chart.y_axes == YAxes::separate || panel % layout.columns == 0;
}

std::size_t longest_label(const Axis& axis) {
  std::size_t longest = 0;
  for (const Tick& tick : axis.ticks) {
    // `10^{-3}` shows four letters, two of them small.
    const bool power = tick.label.find('^') != std::string::npos;
    longest = std::max(longest, power ? tick.label.size() - 3 : tick.label.size());
  }
  return longest;
}

double y_label_distance(const Panel& panel) {
  return kYLabelBeside + static_cast<double>(longest_label(panel.y)) * kCharacter;
}

Layout lay_out(const Chart& chart, double width) {
  Layout layout;
  layout.width = width;
  std::size_t longest = 1;
  for (const KeyEntry& entry : chart.key) longest = std::max(longest, entry.label.size());
  const double column = (static_cast<double>(longest) + 8) * kCharacter;
  const int entries = static_cast<int>(chart.key.size());
  layout.key_columns = std::clamp(static_cast<int>(width / column), 1, std::max(1, entries));
  layout.key_rows = (entries + layout.key_columns - 1) / layout.key_columns;
  layout.key_bottom = (static_cast<double>(chart.notes.size()) + 0.4) * kLine;
  layout.panel_bottom = layout.key_bottom + layout.key_rows * kLine + kBelowPanel;
  layout.columns = chart.columns == 0 ? chart.panels.size() : chart.columns;
  layout.rows = (chart.panels.size() + layout.columns - 1) / layout.columns;
  layout.height = std::ceil(layout.bottom_of(0) + kPanelHeight + kAbovePanel);

  std::vector<double> margins(layout.columns, 0);
  for (std::size_t p = 0; p < chart.panels.size(); ++p) {
    double& margin = margins[p % layout.columns];
    if (!is_labelled(chart, layout, p)) continue;
    margin = std::max(margin, y_label_distance(chart.panels[p]) + 0.6 * kLine);
  }
  const double taken =
      std::accumulate(margins.begin(), margins.end(), kRight * static_cast<double>(layout.columns));
  layout.panel_width = (width - taken) / static_cast<double>(layout.columns);
  double at = 0;
  for (const double margin : margins) {
    layout.left.push_back(at + margin);
    at += margin + layout.panel_width + kRight;
  }
  return layout;
}

std::string block_name(std::size_t panel, std::size_t curve) {
  return fmt::format("$panel{}_curve{}", panel + 1, curve + 1);
}

bool has_points(const Curve& curve) {
  return std::ranges::any_of(curve.points, [](const Point& p) { return std::isfinite(p.median); });
}

void write_data(std::string& script, const Chart& chart) {
  for (std::size_t p = 0; p < chart.panels.size(); ++p) {
    for (std::size_t c = 0; c < chart.panels[p].curves.size(); ++c) {
      const Curve& curve = chart.panels[p].curves[c];
      script += "\n" + gnuplot_comment(chart.panels[p].title + ", " + chart.key[c].label) +
                block_name(p, c) + " << END\n";
      bool broken = false;
      for (const Point& point : curve.points) {
        if (!std::isfinite(point.median)) {
          broken = true;
          continue;
        }
        if (broken && script.back() == '\n' && !script.ends_with("END\n")) script += "\n";
        broken = false;
        script += fmt::format("{:.9g} {:.9g} {:.9g} {:.9g}\n", point.x, point.median,
                              point.smallest, point.largest);
      }
      script += "END\n";
    }
  }
}

enum class TickLabels { shown, hidden };

std::string ticks(const Axis& axis, TickLabels labels) {
  std::string list;
  for (const Tick& tick : axis.ticks) {
    // The numbers are computed here, so there is no text to quote.
    list += fmt::format("{}\"{}\" {:.9g}", list.empty() ? "" : ", ",
                        labels == TickLabels::shown ? tick.label : "", tick.at);
  }
  return "(" + list + ")";
}

// Places a text on the canvas. Where gnuplot puts titles and axis labels depends on the terminal.
std::string label(int tag, std::string_view text, double x, double y, const Layout& layout) {
  return fmt::format("  set label {} {} at screen {:.5f},{:.5f} center noenhanced", tag,
                     gnuplot_literal(text), x / layout.width, y / layout.height);
}

void write_panel(std::string& script, const Chart& chart, const Layout& layout, std::size_t index) {
  const Panel& panel = chart.panels[index];
  const double left = layout.left_of(index), right = left + layout.panel_width;
  const double middle = 0.5 * (left + right), bottom = layout.bottom_of(index);
  const bool labelled = is_labelled(chart, layout, index);
  script += fmt::format("\n  set lmargin at screen {:.5f}; set rmargin at screen {:.5f}\n",
                        left / layout.width, right / layout.width);
  if (layout.rows > 1) {
    script += fmt::format("  set bmargin at screen {:.5f}; set tmargin at screen {:.5f}\n",
                          bottom / layout.height, (bottom + kPanelHeight) / layout.height);
  }
  script += label(1, panel.title, middle, bottom + kPanelHeight + kTitleAbove, layout) + "\n";
  script += label(2, panel.x_label, middle, bottom - kXLabelBelow, layout) + "\n";
  script += label(3, labelled ? panel.y_label : "", left - y_label_distance(panel),
                  bottom + 0.5 * kPanelHeight, layout) +
            " rotate by 90\n";
  script += fmt::format(
      "  {}set logscale y\n  set xrange [{:.9g}:{:.9g}]\n  set yrange [{:.9g}:{:.9g}]\n"
      "  set xtics {} offset 0,0.3\n  set ytics {} offset 0.6,0\n",
      panel.y.scale == Scale::log ? "" : "un", panel.x.low, panel.x.high, panel.y.low, panel.y.high,
      ticks(panel.x, TickLabels::shown),
      ticks(panel.y, labelled ? TickLabels::shown : TickLabels::hidden));
  script += std::isfinite(panel.y.foot)
                ? fmt::format("  at(y) = y < {0:.9g} ? {0:.9g} : y\n", panel.y.foot)
                : "  at(y) = y\n";
  std::string bands, lines;
  for (std::size_t c = 0; c < panel.curves.size(); ++c) {
    if (!has_points(panel.curves[c])) continue;
    const std::string block = block_name(index, c);
    bands += fmt::format("    {} using 1:(at($3)):(at($4)) with filledcurves lc rgb '{}', \\\n",
                         block, chart.key[c].colour);
    lines += fmt::format("    {} using 1:(at($2)) with lines ls {}, \\\n", block, c + 1);
  }
  script += "  plot \\\n" + bands + lines + "    NaN notitle\n";
}

void write_key(std::string& script, const Chart& chart, const Layout& layout) {
  script += fmt::format(
      "\n  unset label; unset xtics; unset ytics; unset border; unset grid\n"
      "  unset logscale y; set xrange [0:1]; set yrange [0:1]\n"
      "  set lmargin at screen 0.02; set rmargin at screen 0.98\n"
      "  set bmargin at screen {:.5f}; set tmargin at screen {:.5f}\n"
      "  set key center center horizontal maxcols {} maxrows {} noenhanced Left reverse "
      "samplen 3.5 spacing 1.1 width 1\n",
      layout.key_bottom / layout.height,
      (layout.key_bottom + layout.key_rows * kLine) / layout.height, layout.key_columns,
      layout.key_rows);
  for (std::size_t i = 0; i < chart.notes.size(); ++i) {
    const double y = (static_cast<double>(chart.notes.size() - i) - 0.45) * kLine;
    script += label(static_cast<int>(i) + 1, chart.notes[i], 0.5 * layout.width, y, layout) + "\n";
  }
  script += "  plot \\\n";
  for (std::size_t c = 0; c < chart.key.size(); ++c) {
    script +=
        fmt::format("    NaN with lines ls {} title {}{}\n", c + 1,
                    gnuplot_literal(chart.key[c].label), c + 1 < chart.key.size() ? ", \\" : "");
  }
}

void write_terminals(std::string& script, const std::string& name, const Layout& layout) {
  std::string id = name;  // of letters, digits and _ only
  std::ranges::replace(id, '-', '_');
  script += fmt::format(
      "  if (i == 1) {{\n"
      "    set terminal svg size {0:g},{1:g} fixed enhanced font 'Helvetica,{2:g}' "
      "background '#ffffff' name {8}\n"
      "    set output {3}\n"
      "  }} else {{\n"
      "    set terminal pngcairo size {4:g},{5:g} enhanced font 'Helvetica,{2:g}' "
      "fontscale {6:g} linewidth {7:g} dashlength {7:g} background '#ffffff'\n"
      "    set output {9}\n"
      "  }}\n",
      layout.width, layout.height, kFont, gnuplot_literal(name + ".svg"),
      layout.width * kPixelsPerUnit, std::round(layout.height * kPixelsPerUnit),
      kPixelsPerUnit * 0.75, kPixelsPerUnit, gnuplot_literal(id), gnuplot_literal(name + ".png"));
}

/// A field in quotes, in which a quote is written twice.
std::string csv_field(const std::string& text) {
  std::string field = "\"";
  for (const char letter : libnorm::printable(text)) {
    field += letter;
    if (letter == '"') field += letter;
  }
  return field + "\"";
}

/// The data, and a loop that draws the chart once for each of `pictures` terminals, which the text
/// `terminals` sets.
std::string drawing_script(const Chart& chart, const Layout& layout, const std::string& terminals,
                           int pictures) {
  std::string script =
      "# Columns: x, median, smallest, largest.\nreset session\nset encoding utf8\n";
  write_data(script, chart);
  script += fmt::format("\ndo for [i=1:{}] {{\n  reset\n", pictures) + terminals;
  script += "  set multiplot\n  unset key\n";
  for (std::size_t c = 0; c < chart.key.size(); ++c) {
    script += fmt::format("  set style line {} lc rgb '{}' lw 1.6 dt {}\n", c + 1,
                          chart.key[c].colour, chart.key[c].dash);
  }
  script += fmt::format(
      "  set style fill transparent solid 0.18 noborder\n"
      "  set border 3 lw 0.8 lc rgb '#333333'\n"
      "  set tics nomirror out scale 0.5,0.25\n"
      "  set grid back xtics ytics lt 1 lw 0.5 lc rgb '#dddddd'\n"
      "  set bmargin at screen {:.5f}; set tmargin at screen {:.5f}\n",
      layout.panel_bottom / layout.height, (layout.panel_bottom + kPanelHeight) / layout.height);
  for (std::size_t p = 0; p < chart.panels.size(); ++p) write_panel(script, chart, layout, p);
  write_key(script, chart, layout);
  // Printed last, so that its absence tells a script that stopped early.
  return script + fmt::format("  unset multiplot\n  set output\n}}\nprint {}\n",
                              gnuplot_literal(chart.name + " drawn"));
}

}  // namespace

std::string chart_script(const Chart& chart) {
  const Layout layout = lay_out(chart, kTwoColumns);
  std::string terminals;
  write_terminals(terminals, chart.name, layout);
  return gnuplot_comment(chart.about) +
         gnuplot_comment("Draws " + chart.name + ".svg and " + chart.name +
                         ".png in the directory it is run in, with gnuplot 5.4.") +
         drawing_script(chart, layout, terminals, 2);
}

std::string paper_script(const Chart& chart, PaperWidth width) {
  Chart shown = chart;
  if (width == PaperWidth::one_column) {
    shown.columns = 1;
    shown.y_axes = YAxes::separate;
  }
  const Layout layout = lay_out(shown, width == PaperWidth::one_column ? kOneColumn : kTwoColumns);
  const std::string terminal = fmt::format(
      "  set terminal pdfcairo size {:g}in,{:g}in enhanced font 'Helvetica,{:g}' "
      "background '#ffffff'\n  set output {}\n",
      layout.width / kUnitsPerInch, layout.height / kUnitsPerInch, kFont * 72 / kUnitsPerInch,
      gnuplot_literal(chart.name + ".pdf"));
  return gnuplot_comment(chart.about) +
         gnuplot_comment("Draws " + chart.name +
                         ".pdf in the directory it is run in, with gnuplot "
                         "5.4.") +
         drawing_script(shown, layout, terminal, 1);
}

std::string chart_csv(const Chart& chart) {
  std::string csv = "panel,x_label,y_label,curve,x,median,smallest,largest\n";
  for (const Panel& panel : chart.panels) {
    for (std::size_t c = 0; c < panel.curves.size(); ++c) {
      const std::string head = csv_field(panel.title) + "," + csv_field(panel.x_label) + "," +
                               csv_field(panel.y_label) + "," + csv_field(chart.key[c].label);
      for (const Point& point : panel.curves[c].points) {
        if (!std::isfinite(point.median)) continue;
        csv += fmt::format("{},{:.9g},{:.9g},{:.9g},{:.9g}\n", head, point.x, point.median,
                           point.smallest, point.largest);
      }
    }
  }
  return csv;
}

}  // namespace harness
