#include "harness/report/effect_bars.hpp"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "harness/charts/chart.hpp"
#include "harness/report/html.hpp"

namespace harness {
namespace {

/// Maps effects to percentages of a bar's width.
class BarScale {
 public:
  BarScale(const std::vector<EffectBar>& bars, double most) {
    const auto contain = [&](double value) {
      if (!std::isfinite(value)) return;
      low_ = std::min(low_, std::clamp(value, -most, most));
      high_ = std::max(high_, std::clamp(value, -most, most));
    };
    for (const EffectBar& bar : bars) {
      for (const double value : {bar.effect, bar.margin, -bar.margin}) contain(value);
      if (!bar.interval) continue;
      contain(bar.interval->low);
      contain(bar.interval->high);
    }
    if (low_ == high_) high_ = 1;
    const double room = 0.06 * (high_ - low_);
    low_ -= room;
    high_ += room;
  }

  double percent(double value) const {
    if (std::isnan(value)) return 50;
    return 100 * (std::clamp(value, low_, high_) - low_) / (high_ - low_);
  }
  std::vector<Tick> ticks() const { return linear_axis(low_, high_).ticks; }

 private:
  double low_ = 0, high_ = 0;
};

std::string drawn(const EffectBar& bar, const BarScale& scale) {
  const double left = scale.percent(-bar.margin), right = scale.percent(bar.margin);
  const double zero = scale.percent(0), at = scale.percent(bar.effect);
  std::string svg = fmt::format(
      "<svg class=\"bar {}{}\" aria-hidden=\"true\">"
      "<rect class=\"margin\" x=\"{:.2f}%\" width=\"{:.2f}%\" height=\"100%\"/>"
      "<line class=\"zero\" x1=\"{:.2f}%\" x2=\"{:.2f}%\" y2=\"100%\"/>",
      style_of(bar.outcome), bar.is_control ? " control" : "", left, right - left, zero, zero);
  if (bar.interval) {
    svg += fmt::format(
        "<line class=\"interval\" x1=\"{:.2f}%\" x2=\"{:.2f}%\" y1=\"50%\" y2=\"50%\"/>",
        scale.percent(bar.interval->low), scale.percent(bar.interval->high));
  }
  return svg + fmt::format("<circle cx=\"{:.2f}%\" cy=\"50%\" r=\"{}\"/></svg>", at,
                           bar.is_control ? 3.5 : 4.5);
}

std::string tick_row(const BarScale& scale, const std::string& unit) {
  std::string svg = "<svg class=\"ticks\" aria-hidden=\"true\">";
  for (const Tick& tick : scale.ticks()) {
    const double at = scale.percent(tick.at);
    svg += fmt::format(
        "<line x1=\"{0:.2f}%\" x2=\"{0:.2f}%\" y1=\"0\" y2=\"3\"/>"
        "<text x=\"{0:.2f}%\" y=\"14\" text-anchor=\"{1}\">{2}</text>",
        at,
        at < 5    ? "start"
        : at > 95 ? "end"
                  : "middle",
        escape(tick.label));
  }
  return fmt::format(
      "<tr class=\"axis\"><td></td><td>{}</svg></td><td colspan=\"2\">{}</td></tr>\n", svg,
      escape(unit));
}

}  // namespace

Outcome outcome_of(Finding finding) {
  switch (finding) {
    case Finding::holds: return Outcome::supported;
    case Finding::opposite: return Outcome::contradicted;
    case Finding::too_small: return Outcome::negligible;
    case Finding::open: break;
  }
  return Outcome::inconclusive;
}

std::string effect_bars(const std::vector<EffectBar>& bars, const std::string& caption,
                        const std::string& label_heading, const std::string& unit, double most) {
  if (bars.empty()) return "";
  const BarScale scale(bars, most);
  std::string html = fmt::format(
      "<table class=\"bars\">\n<caption>{}</caption>\n<thead><tr><th scope=\"col\">{}</th>"
      "<th scope=\"col\"><span class=\"unseen\">Drawn</span></th>"
      "<th scope=\"col\">Mean, 95% interval</th><th scope=\"col\">Comes to</th></tr></thead>\n"
      "<tbody>\n",
      escape(caption), escape(label_heading));
  for (const EffectBar& bar : bars) {
    html += fmt::format(
        "<tr{}><th scope=\"row\">{}</th><td>{}</td><td class=\"effect\">{}</td>"
        "<td class=\"finding {}\">{}</td></tr>\n",
        bar.is_control ? " class=\"control\"" : "", breakable(bar.label), drawn(bar, scale),
        escape(bar.numbers), style_of(bar.outcome), escape(bar.word));
  }
  return html + tick_row(scale, unit) + "</tbody>\n</table>\n";
}

}  // namespace harness
