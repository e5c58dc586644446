#include "harness/charts/verdict_chart.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include <fmt/format.h>

#include "harness/base/sha256.hpp"

namespace harness {
namespace {

struct WordStyle {
  Outcome outcome;
  std::string_view colour;
};
constexpr WordStyle kStyles[] = {{Outcome::supported, "#1b7f3b"},
                                 {Outcome::contradicted, "#b3202c"},
                                 {Outcome::fragile, "#c77700"},
                                 {Outcome::negligible, "#2563a8"},
                                 {Outcome::inconclusive, "#6b6b6b"}};

/// A piece of a line in the colour of a word, with its band.
struct Piece {
  Outcome outcome = Outcome::inconclusive;
  std::vector<Point> points;
};

/// In margins; an effect far beyond the rest does not squeeze it.
constexpr double kMostMargins = 12;

double in_margins(double value, double margin) {
  return std::clamp(value / margin, -kMostMargins, kMostMargins);
}

Point point_at(double x, const Comparison& c, double margin) {
  const Interval interval = c.interval.value_or(Interval{c.effect, c.effect});
  return {x, in_margins(c.effect, margin), in_margins(interval.low, margin),
          in_margins(interval.high, margin)};
}

/// The panel of some pieces over [low, high]: a curve for the margin, and one for each word.
Panel panel_of(const std::string& title, const std::string& x_label, double low, double high,
               const std::vector<Piece>& pieces) {
  constexpr double kBreak = std::numeric_limits<double>::quiet_NaN();
  Panel panel;
  panel.title = title;
  panel.x_label = x_label;
  panel.y_label = "effect / margin";
  panel.x = linear_axis(low, high);
  panel.curves.push_back({{{low, 0, -1, 1}, {high, 0, -1, 1}}});
  for (const WordStyle& style : kStyles) {
    Curve curve;
    for (const Piece& piece : pieces) {
      if (piece.outcome != style.outcome) continue;
      curve.points.insert(curve.points.end(), piece.points.begin(), piece.points.end());
      curve.points.push_back({high, kBreak, kBreak, kBreak});
    }
    panel.curves.push_back(std::move(curve));
  }
  double most = 1;
  for (const Curve& curve : panel.curves) {
    for (const Point& point : curve.points) {
      for (const double y : {point.smallest, point.largest}) {
        if (std::isfinite(y)) most = std::max(most, std::fabs(y));
      }
    }
  }
  panel.y = linear_axis(-1.1 * most, 1.1 * most);
  return panel;
}

Chart empty_chart(const std::string& name, const std::string& about) {
  Chart chart;
  chart.name = name;
  chart.about = about;
  chart.columns = 2;
  chart.key.push_back({"within the margin", "#9a9a9a", "1"});
  for (const WordStyle& style : kStyles) {
    chart.key.push_back({word(style.outcome), style.colour, "1"});
  }
  return chart;
}

void add_notes(Chart& chart, const std::vector<std::string>& notes) {
  for (const std::string& note : notes) {
    for (const std::string& line : wrap(note)) chart.notes.push_back(line);
  }
}

/// A file's name from a claim's id, another for each: e1.flatness is e1_flatness, and an id that
/// has other characters than letters, digits and dots, or is long, ends with its hash.
std::string file_name(const std::string& id) {
  constexpr std::size_t kLongest = 60, kHashDigits = 12;
  std::string name = id;
  bool is_plain = id.size() <= kLongest;
  for (char& c : name) {
    const bool is_letter =
        (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    is_plain = is_plain && (is_letter || c == '.');
    if (!is_letter) c = '_';
  }
  if (is_plain) return name;
  return name.substr(0, kLongest) + "-" + sha256_hex(id).substr(0, kHashDigits);
}

std::vector<Piece> steps_pieces(const Verdict& verdict, std::size_t part) {
  const double margin = verdict.parts[part].margin;
  std::vector<Piece> pieces;
  for (std::size_t i = 0; i < verdict.landmarks.size(); ++i) {
    // A line to a point has the colour of its word.
    const LandmarkResult& to = verdict.landmarks[i];
    const LandmarkResult& from = verdict.landmarks[i == 0 ? 0 : i - 1];
    const double first = i == 0 ? 0.6 * double(from.step) : double(from.step);
    pieces.push_back({to.outcome,
                      {point_at(first, from.parts[part].whole, margin),
                       point_at(double(to.step), to.parts[part].whole, margin)}});
  }
  return pieces;
}

}  // namespace

Chart steps_chart(const std::vector<Verdict>& verdicts) {
  Chart chart = empty_chart("verdict-steps", "Verdicts at points of training");
  std::vector<std::string> notes = {
      "Effects of the published definitions in units of their margin, cut at 12; bands are 95% "
      "intervals. The colour is the word that the claim would have if training had ended there."};
  for (const Verdict& verdict : verdicts) {
    if (!verdict.published || verdict.landmarks.empty() || verdict.parts.empty()) continue;
    for (std::size_t k = 0; k < verdict.parts.size(); ++k) {
      chart.panels.push_back(panel_of(shortened(verdict.id + ": " + verdict.parts[k].label, 46),
                                      "step", 0, double(verdict.landmarks.back().step),
                                      steps_pieces(verdict, k)));
    }
    notes.push_back(fmt::format("{}: {} ({}; {}).", verdict.id, word(verdict.outcome),
                                verdict.scope, verdict.regime));
  }
  add_notes(chart, notes);
  return chart;
}

std::vector<Chart> definition_charts(const std::vector<Verdict>& verdicts) {
  std::vector<Chart> charts;
  for (auto first = verdicts.begin(); first != verdicts.end();) {
    const auto end = std::find_if(first + 1, verdicts.end(),
                                  [](const Verdict& verdict) { return verdict.published; });
    Chart chart =
        empty_chart("verdict-definitions-" + file_name(first->id), "A claim under its definitions");
    std::string names;
    for (std::size_t k = 0; k < first->parts.size(); ++k) {
      std::vector<Piece> pieces;
      for (auto verdict = first; verdict != end; ++verdict) {
        if (verdict->parts.size() <= k) continue;
        const PartResult& part = verdict->parts[k];
        const double x = double(verdict - first + 1);
        pieces.push_back({verdict->as_defined,
                          {point_at(x - 0.3, part.reading.whole, part.margin),
                           point_at(x + 0.3, part.reading.whole, part.margin)}});
      }
      chart.panels.push_back(panel_of(shortened(first->parts[k].label, 46), "definition", 0.4,
                                      double(end - first) + 0.6, pieces));
    }
    for (auto verdict = first; verdict != end; ++verdict) {
      names += fmt::format("{}{} {}", names.empty() ? "" : ", ", verdict - first + 1,
                           verdict->definition);
    }
    add_notes(chart, {fmt::format("{}: {} ({}; {}).", first->id, word(first->outcome), first->scope,
                                  first->regime),
                      "Effects in units of each definition's margin, cut at 12; bands are 95% "
                      "intervals; colours are words as defined, without controls: " +
                          names + "."});
    if (!chart.panels.empty()) charts.push_back(std::move(chart));
    first = end;
  }
  return charts;
}

}  // namespace harness
