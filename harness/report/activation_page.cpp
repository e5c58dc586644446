#include "harness/report/activation_page.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <optional>
#include <string_view>

#include <fmt/format.h>

#include "harness/report/html.hpp"
#include "harness/report/page_parts.hpp"

namespace harness {
namespace {

using libnorm::ActivationSpectrum;
using libnorm::Index;
using libnorm::MetricValue;

/// Curves that can be told apart.
constexpr std::size_t kMostCurves = 6;
/// Points of a curve; more are not seen.
constexpr std::size_t kMostPoints = 400;
constexpr int kDecades = 6;
/// A channel of so many times the mean variance is an outlier (ChannelMoments).
constexpr double kOutlier = 5;
constexpr std::size_t kMostChannelsShown = 10;

/// From the first array to the last.
constexpr std::string_view kColours[kMostCurves] = {"#440154", "#414487", "#2A788E",
                                                    "#22A884", "#7AD151", "#C8A400"};

/// What the summary's columns and the panels of several arrays show, as far as it was measured.
constexpr std::string_view kShown[] = {
    "effective_rank", "participation_ratio", "stable_rank",      "iso_score",
    "mean_cosine",    "largest_kurtosis",    "outlier_channels", "rank_one_distance"};

/// Indices of the arrays that are drawn.
std::vector<std::size_t> drawn(std::size_t arrays) {
  std::vector<std::size_t> indices;
  const std::size_t count = std::min(arrays, kMostCurves);
  for (std::size_t i = 0; i < count; ++i) {
    indices.push_back(count == 1 ? 0 : (i * (arrays - 1) + (count - 1) / 2) / (count - 1));
  }
  return indices;
}

/// The values as a curve over 1, 2, ..., with fewer points where there are many: the largest values
/// are first, and kept.
Curve thinned(const std::vector<double>& values) {
  Curve curve;
  const std::size_t every = std::max<std::size_t>(1, values.size() / kMostPoints);
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (i >= kMostPoints / 4 && i % every != 0 && i + 1 != values.size()) continue;
    curve.points.push_back({double(i + 1), values[i], values[i], values[i]});
  }
  return curve;
}

Axis index_axis(const std::vector<Curve>& curves) {
  double last = 2;
  for (const Curve& curve : curves) {
    if (!curve.points.empty()) last = std::max(last, curve.points.back().x);
  }
  return linear_axis(1 - 0.02 * last, 1.02 * last);
}

/// A level line across the panel.
void add_level(Panel& panel, double level) {
  panel.curves.push_back(
      {{{panel.x.low, level, level, level}, {panel.x.high, level, level, level}}});
}

/// An entry for each curve, and one for the level.
std::vector<KeyEntry> key_of(const std::vector<MeasuredArray>& arrays,
                             const std::vector<std::size_t>& indices, const std::string& level) {
  std::vector<KeyEntry> key;
  for (std::size_t i = 0; i < indices.size(); ++i) {
    const std::size_t colour =
        indices.size() == 1 ? 0 : i * (kMostCurves - 1) / (indices.size() - 1);
    key.push_back({shortened(arrays[indices[i]].label, 40), kColours[colour], "solid"});
  }
  key.push_back({level, "#000000", "(3,3)"});
  return key;
}

std::string described(const std::vector<MeasuredArray>& arrays) {
  const std::size_t curves = drawn(arrays.size()).size();
  if (curves == arrays.size()) return counted(curves, "array");
  return fmt::format("{} of {}", curves, counted(arrays.size(), "array"));
}

/// A panel with a curve for each array that is drawn, and a level. read: an array's values,
/// descending; none if there is nothing to draw. Nothing if no array has any.
template <class Read>
std::optional<Figure> curves_figure(const std::vector<MeasuredArray>& arrays, Panel panel,
                                    double level, const std::string& level_label, Read read) {
  const std::vector<std::size_t> indices = drawn(arrays.size());
  for (const std::size_t i : indices) panel.curves.push_back(thinned(read(arrays[i])));
  if (std::ranges::all_of(panel.curves, [](const Curve& c) { return c.points.empty(); })) {
    return std::nullopt;
  }
  panel.x = index_axis(panel.curves);
  panel.y = fit_axis(panel.curves, ScaleChoice::log, kDecades);
  if (panel.y.low < level && level < panel.y.high) add_level(panel, level);
  Figure figure;
  figure.chart.panels = {std::move(panel)};
  figure.chart.y_axes = YAxes::shared;
  figure.chart.key = key_of(arrays, indices, level_label);
  return figure;
}

std::optional<Figure> spectrum_figure(const std::vector<MeasuredArray>& arrays) {
  const auto read = [](const MeasuredArray& array) -> std::vector<double> {
    const ActivationSpectrum* spectrum = array.spectrum();
    const double edge = spectrum == nullptr ? 0 : noise_edges(*spectrum).upper;
    if (!(edge > 0) || !std::isfinite(edge)) return {};  // constant rows
    std::vector<double> values = spectrum->eigenvalues();
    for (double& l : values) l /= edge;
    return values;
  };
  auto figure = curves_figure(
      arrays, {"Eigenvalues over the edge of noise", "index (1 = largest)", "l / edge", {}, {}, {}},
      1, "edge of noise", read);
  if (!figure) return figure;
  figure->chart.name = "spectrum";
  figure->chart.about = "spectra of activations beside the edge of noise";
  figure->aspect = "Spectrum";
  figure->caption = fmt::format(
      "Eigenvalues l = s^2 / rows of {}, largest first, over Marchenko and Pastur's upper edge: "
      "rows of independent noise have nearly none above 1. Each has its own edge, from the "
      "eigenvalues that are no spikes.",
      described(arrays));
  figure->alt = "Eigenvalues against their index, with a level line where noise would end.";
  return figure;
}

std::optional<Figure> channels_figure(const std::vector<MeasuredArray>& arrays) {
  const auto read = [](const MeasuredArray& array) -> std::vector<double> {
    if (!array.found.moments) return {};
    std::vector<double> values = array.found.moments->variance();
    std::ranges::sort(values, std::greater());
    const double mean = std::accumulate(values.begin(), values.end(), 0.0) / double(values.size());
    if (!(mean > 0) || !std::isfinite(mean)) return {};
    for (double& value : values) value /= mean;
    return values;
  };
  auto figure = curves_figure(
      arrays,
      {"Variance of the channels", "channel (1 = largest variance)", "variance / mean", {}, {}, {}},
      kOutlier, "outliers", read);
  if (!figure) return figure;
  figure->chart.name = "channels";
  figure->chart.about = "variances of activations' channels";
  figure->aspect = "Channels";
  figure->caption = fmt::format(
      "Variance of each channel of {} over the mean of all, largest first. Channels "
      "of {:g} or more are counted as outliers.",
      described(arrays), kOutlier);
  figure->alt = "The channels' variances against their rank, with a level line for outliers.";
  return figure;
}

/// A metric; of those that were measured twice, the last: of the centred rows. Nothing if it was
/// not measured.
std::optional<double> value_of(const MeasuredArray& array, std::string_view name) {
  const auto& values = array.found.values;
  const auto last = std::find_if(values.rbegin(), values.rend(),
                                 [&](const MetricValue& value) { return value.name == name; });
  return last == values.rend() ? std::nullopt : std::optional(last->value);
}

/// Linear for what may be 0 or below, as counts and cosines.
Axis course_axis(const Curve& curve) {
  const auto [least, most] = std::ranges::minmax(curve.points, {}, &Point::median);
  if (least.median > 0) return fit_axis({curve}, ScaleChoice::by_data, kDecades);
  const double span = most.median - least.median, pad = span > 0 ? 0.06 * span : 0.5;
  return linear_axis(least.median - pad, most.median + pad);
}

std::optional<Figure> course_figure(const std::vector<MeasuredArray>& arrays) {
  if (arrays.size() < 2) return std::nullopt;
  Figure figure;
  for (const std::string_view name : kShown) {
    Curve curve;
    for (std::size_t i = 0; i < arrays.size(); ++i) {
      const auto value = value_of(arrays[i], name);
      if (!value || !std::isfinite(*value)) continue;
      curve.points.push_back({double(i + 1), *value, *value, *value});
    }
    if (curve.points.size() < 2) continue;
    Panel panel{std::string(name), "array", "", {}, {}, {curve}};
    std::ranges::replace(panel.title, '_', ' ');
    panel.x = index_axis(panel.curves);
    panel.y = course_axis(curve);
    figure.chart.panels.push_back(std::move(panel));
  }
  if (figure.chart.panels.empty()) return std::nullopt;
  figure.chart.name = "course";
  figure.chart.about = "metrics of activations from one array to the next";
  figure.chart.columns = std::min<std::size_t>(4, figure.chart.panels.size());
  figure.chart.key = {{"each array, in the order of the table", kColours[1], "solid"}};
  figure.aspect = "From one array to the next";
  figure.caption =
      fmt::format("Metrics of {}, in the order of the table.", counted(arrays.size(), "array"));
  figure.alt = "Panels, each with a metric against the array's number.";
  return figure;
}

std::string value_cell(const std::optional<double>& value) {
  if (!value) return number_cell("");
  const bool is_count = std::floor(*value) == *value && std::abs(*value) < 1e6;
  return number_cell(is_count ? fmt::format("{:.0f}", *value) : four_digits(*value));
}

std::string heading_cell(std::string_view text) {
  return fmt::format("<th scope=\"col\" class=\"number\">{}</th>", breakable(text));
}

std::string summary_table(const std::vector<MeasuredArray>& arrays) {
  std::string inside = "<thead><tr><th scope=\"col\">Array</th>";
  for (const char* name : {"rows", "channels"}) inside += heading_cell(name);
  for (const std::string_view name : kShown) inside += heading_cell(name);
  inside += heading_cell("above noise") + "</tr></thead>\n<tbody>\n";
  for (std::size_t i = 0; i < arrays.size(); ++i) {
    const MeasuredArray& array = arrays[i];
    inside += fmt::format("<tr><th scope=\"row\">{}{}</th>",
                          arrays.size() > 1 ? fmt::format("{}. ", i + 1) : "", escape(array.name));
    inside += number_cell(std::to_string(array.rows)) + number_cell(std::to_string(array.channels));
    for (const std::string_view name : kShown) inside += value_cell(value_of(array, name));
    const ActivationSpectrum* spectrum = array.spectrum();
    inside +=
        number_cell(spectrum ? std::to_string(noise_edges(*spectrum).spikes) : "") + "</tr>\n";
  }
  return table("numbers",
               "Each array; of the centred rows, unless a number's convention below "
               "says otherwise",
               inside + "</tbody>\n");
}

/// The channels of the largest variance.
std::string channels_table(const MeasuredArray& array) {
  if (!array.found.moments) return "";
  const libnorm::ChannelMoments& moments = *array.found.moments;
  const std::vector<double> variance = moments.variance(), kurtosis = moments.kurtosis();
  std::vector<std::size_t> order(variance.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::stable_sort(order, std::greater(), [&](std::size_t c) { return variance[c]; });
  order.resize(std::min(order.size(), kMostChannelsShown));
  const double mean =
      std::accumulate(variance.begin(), variance.end(), 0.0) / double(variance.size());
  std::string inside = "<thead><tr>";
  for (const char* name : {"channel", "mean", "variance", "of the mean variance", "kurtosis"}) {
    inside += heading_cell(name);
  }
  inside += "</tr></thead>\n<tbody>\n";
  for (const std::size_t c : order) {
    inside += "<tr>" + number_cell(std::to_string(c)) + number_cell(four_digits(moments.mean()[c]));
    inside += number_cell(four_digits(variance[c]));
    inside += number_cell(mean > 0 ? fmt::format("{:.1f}", variance[c] / mean) : "");
    inside += number_cell(four_digits(kurtosis[c])) + "</tr>\n";
  }
  return table("numbers", "The channels of the largest variance, counted from 0",
               inside + "</tbody>\n");
}

std::string numbers_table(const MeasuredArray& array) {
  std::string inside =
      "<thead><tr><th scope=\"col\">Metric</th><th scope=\"col\" class=\"number\">Value</th><th "
      "scope=\"col\">Unit</th><th scope=\"col\">Convention</th></tr></thead>\n<tbody>\n";
  for (const MetricValue& m : array.found.values) {
    inside += fmt::format("<tr><th scope=\"row\">{}</th>{}<td>{}</td><td>{}</td></tr>\n",
                          breakable(m.name), number_cell(four_digits(m.value)),
                          m.unit == "1" ? "" : escape(m.unit), escape(m.convention));
  }
  return table("numbers", "Every number", inside + "</tbody>\n");
}

std::string array_section(const MeasuredArray& array, bool is_open) {
  std::string html = fmt::format("<details{}>\n<summary>{}</summary>\n", is_open ? " open" : "",
                                 escape(array.name));
  if (array.left_out > 0) {
    html += fmt::format("<p>{} left out, as they hold a NaN or an infinity.</p>\n",
                        counted(std::size_t(array.left_out), "row"));
  }
  html += channels_table(array) + numbers_table(array);
  for (const LeftOut& left : array.found.left_out) {
    html +=
        fmt::format("<p>Left out: {} ({}).</p>\n",
                    escape(fmt::format("{}", fmt::join(left.metrics, ", "))), escape(left.reason));
  }
  return html + "</details>\n";
}

/// What came out, of one array.
std::string finding_of(const MeasuredArray& array) {
  const ActivationSpectrum* spectrum = array.spectrum();
  const auto rank = value_of(array, "effective_rank");
  if (spectrum == nullptr || !rank) return "";
  const libnorm::NoiseEdges edges = noise_edges(*spectrum);
  return fmt::format(
      "<p>{}: effective rank {} of {} channels; {} above what noise of their size would "
      "show.</p>\n",
      escape(array.label), four_digits(*rank), array.channels,
      counted(std::size_t(edges.spikes), "eigenvalue"));
}

}  // namespace

const ActivationSpectrum* MeasuredArray::spectrum() const {
  const auto centred =
      std::ranges::find(found.spectra, libnorm::Centring::mean, &ActivationSpectrum::centring);
  if (centred != found.spectra.end()) return &*centred;
  return found.spectra.empty() ? nullptr : &found.spectra.front();
}

std::vector<Figure> activation_figures(const std::vector<MeasuredArray>& arrays) {
  std::vector<Figure> figures;
  for (auto& figure : {spectrum_figure(arrays), course_figure(arrays), channels_figure(arrays)}) {
    if (!figure) continue;
    figures.push_back(*figure);
    add_foot_notes(figures.back().chart);
  }
  return figures;
}

std::string activation_page(const std::vector<MeasuredArray>& arrays,
                            const std::vector<ReportFigure>& figures) {
  const std::string title = arrays.size() == 1
                                ? "Activations of " + arrays.front().name
                                : "Activations of " + counted(arrays.size(), "array");
  std::string html = page_start(title, "figures");
  html += "<header>\n<h1>" + escape(title) + "</h1>\n<div class=\"found\">\n";
  html += finding_of(arrays.front());
  if (arrays.size() > 1) html += finding_of(arrays.back());
  html += "</div>\n</header>\n<main>\n<section id=\"arrays\">\n" + summary_table(arrays) +
          "</section>\n" + figures_section(figures);
  html += "<section id=\"numbers\">\n<h2>Channels and every number</h2>\n";
  for (const MeasuredArray& array : arrays) html += array_section(array, arrays.size() == 1);
  return html + "</section>\n</main>\n</body>\n</html>\n";
}

}  // namespace harness
