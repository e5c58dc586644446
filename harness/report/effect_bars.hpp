#pragma once

#include <optional>
#include <string>
#include <vector>

#include "harness/claims/statistics.hpp"
#include "harness/claims/verdict.hpp"

namespace harness {

/// An effect with its interval, to be drawn as a point on a line.
struct EffectBar {
  std::string label;
  double effect = 0;
  std::optional<Interval> interval;
  /// The half-width of the band around zero within which a difference does not matter.
  double margin = 0;
  /// Gives the colour, and stands beside the numbers; empty if `word` says all.
  Outcome outcome = Outcome::inconclusive;
  /// `holds`, `open`, or another; may be empty.
  std::string word;
  /// The numbers as text, with their unit.
  std::string numbers;
  /// Of a control: smaller, and hollow.
  bool is_control = false;
};

/// The outcome whose colour a finding has.
Outcome outcome_of(Finding finding);

inline constexpr double kNoLimit = 1e300;

/// A forest plot as a table: a row for each effect, with its label, its bar, its numbers and its
/// word. All bars have one scale, which contains zero, the margins and all intervals, as far as
/// they lie within [-most, most]; what lies beyond is drawn at the edge. A row of ticks ends it.
/// Lengths are percentages, so that it fits any width, and colours are the page's.
/// caption, label_heading and unit are texts, not HTML. Returns: HTML; nothing without bars.
std::string effect_bars(const std::vector<EffectBar>& bars, const std::string& caption,
                        const std::string& label_heading, const std::string& unit, double most);

}  // namespace harness
