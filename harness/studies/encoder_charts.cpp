#include "harness/studies/encoder_charts.hpp"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <set>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "harness/charts/arm_curves.hpp"
#include "harness/studies/encoder_options.hpp"
#include "libnorm/core/error.hpp"

namespace harness {
namespace {

using libnorm::DataError;
using libnorm::ValueError;

// Activations without normalization have another size than those on a sphere, and all are shown on
// one axis.
constexpr int kSpectrumDecades = 7;
constexpr int kMetricDecades = 5;

struct Matrix {
  std::string_view protocol, variant, words;
};
constexpr Matrix kMatrices[] = {
    {"published", "published", "all positions of one batch, padding included; not centred"},
    {"centred", "centred", "all positions of one batch, padding included; less their mean"},
    {"no_padding", "no_padding", "the positions of one batch that hold text; not centred"},
    {"no_padding_centred", "no_padding_centred",
     "the positions of one batch that hold text; less their mean"},
    {"masked", "no_padding", "all positions, of models trained without padding; not centred"},
};

const Matrix& matrix_of(const std::string& protocol) {
  const auto found = std::ranges::find(kMatrices, protocol, &Matrix::protocol);
  if (found != std::end(kMatrices)) return *found;
  throw ValueError(fmt::format(
      "figure: no spectra are measured under this protocol ({}); use published, centred, "
      "no_padding, no_padding_centred or masked",
      protocol));
}

std::string layer_name(std::size_t layer, const Matrix& matrix) {
  return fmt::format("layer{}.{}", layer, matrix.variant);
}

/// The number of blocks, from the first on, whose spectra a run has. Throws: DataError if no run
/// has any.
std::size_t count_layers(const ArmCurves& arms, const Matrix& matrix) {
  std::size_t most = 0;
  for (const RunResult* result : arms.runs()) {
    std::size_t layers = 0;
    while (result->spectra.contains(layer_name(layers + 1, matrix))) ++layers;
    most = std::max(most, layers);
  }
  if (most > 0) return most;
  throw DataError(fmt::format("figure: no run has spectra of its layers ({}); need at least one",
                              matrix.protocol));
}

double metric_of(const RunResult& result, const std::string& name) {
  const auto found = result.metrics.find(name);
  if (found != result.metrics.end()) return found->second;
  throw DataError(fmt::format("figure: metric {} is absent ({}); need it in every run", name,
                              describe_run(result)));
}

/// Medians over the seeds.
std::string accuracies(const std::vector<const RunResult*>& runs) {
  const auto percent = [&](const std::string& metric) {
    std::vector<double> values;
    for (const RunResult* result : runs) values.push_back(100 * metric_of(*result, metric));
    return summarize(0, std::move(values), NonFinite::absent).median;
  };
  return fmt::format(": accuracy {:.1f}% training, {:.1f}% held out", percent("training_accuracy"),
                     percent("held_out_accuracy"));
}

/// Takes `head` and then as many letters of `set` as there are, at least one; or nothing.
bool take(std::string_view& text, std::string_view head, std::string_view set) {
  if (!text.starts_with(head)) return false;
  const std::string_view rest = text.substr(head.size());
  const std::size_t size = std::min(rest.find_first_not_of(set), rest.size());
  if (size == 0) return false;
  text = rest.substr(size);
  return true;
}

/// Removes details that a note does not need: the tokenizer, a checksum, and the source of the rows
/// if their number is given. `kept` is the text before them.
bool take_detail(std::string_view& text, std::string_view kept) {
  constexpr std::string_view kDigits = "0123456789", kHexadecimal = "0123456789abcdef";
  if (take(text, ", sha256 ", kHexadecimal)) return true;
  if (text.starts_with(", tokenized with ")) {
    std::string_view rest = text.substr(std::min(text.find(", tokens sha256 "), text.size()));
    if (!take(rest, ", tokens sha256 ", kHexadecimal)) return false;
    text = rest;
    return true;
  }
  for (const std::string_view split : {" of AG News's train split", " of AG News's test split"}) {
    if (!text.starts_with(split)) continue;
    const bool rows = kept.ends_with("rows");
    if (!rows && !(kept.ends_with("subset") && split == " of AG News's train split")) return false;
    text.remove_prefix(split.size());
    std::string_view rest = text;
    if (rows && take(rest, " (", kDigits) && rest.starts_with(" rows)")) text = rest.substr(6);
    return true;
  }
  return false;
}

/// A result's description of its data, without details.
std::string short_data(const std::string& text) {
  constexpr std::size_t kMostRead = 4000, kMostShown = 600;
  const std::string start = shortened(text, kMostRead);
  std::string_view data = start;
  std::string kept;
  while (!data.empty()) {
    if (take_detail(data, kept)) continue;
    kept += data.front();
    data.remove_prefix(1);
  }
  return shortened(kept, kMostShown);
}

/// What the runs were trained on and for how long.
std::vector<std::string> regime_notes(const RunResult& result) {
  std::string length = fmt::format("{} steps", result.steps);
  if (!result.epochs.empty()) {
    length = fmt::format("{} epochs, {}", result.epochs.begin()->second.size(), length);
  }
  std::vector<std::string> lines = wrap(fmt::format("Data: {}.", short_data(result.data)));
  lines.insert(lines.begin(), fmt::format("Profile {}: {}.", result.profile, length));
  return lines;
}

/// A chart without panels; part: `depth`, or nothing.
Chart start_chart(const ArmCurves& arms, const FigureSpec& spec, const std::string& part) {
  const RunResult& result = arms.first();
  Chart chart;
  chart.name = figure_name(spec, part);
  chart.about = fmt::format("Figure {}{}: experiment {} on {}, profile {}, protocol {}.",
                            spec.number, part.empty() ? "" : ", " + part, spec.experiment,
                            result.task, result.profile, spec.protocol);
  if (result.task == kGeneratedTask) {
    chart.notes.push_back(
        "GENERATED CORPUS `topics`, NOT AG NEWS: no evidence on the paper's claims.");
  }
  for (std::string& note : arms.notes("A diverged run is left out.")) {
    chart.notes.push_back(std::move(note));
  }
  chart.notes.push_back(
      fmt::format("Output of a block after training, at {}.", matrix_of(spec.protocol).words));
  return chart;
}

struct DepthMetric {
  std::string_view name, title, y_label;
  bool is_share;  // of the channels, so that widths can be compared
};
constexpr DepthMetric kDepthMetrics[] = {
    {"effective_rank", "(a) Effective rank / C", "of the channels", true},
    {"participation_ratio", "(b) Participation ratio / C", "of the channels", true},
    {"stable_rank", "(c) Stable rank", "dimensions", false},
    {"decay_exponent", "(d) Decay exponent", "exponent", false},
};

/// The metric of each layer. Throws: DataError if one is absent.
std::vector<double> values_by_layer(const RunResult& result, const DepthMetric& metric,
                                    const Matrix& matrix, std::size_t layers) {
  std::vector<double> values;
  if (result.diverged_at >= 0) return values;
  for (std::size_t layer = 1; layer <= layers; ++layer) {
    const std::string name = layer_name(layer, matrix);
    const double value = metric_of(result, fmt::format("{}.{}", name, metric.name));
    const auto spectrum = result.spectra.find(name);
    const std::size_t channels = spectrum == result.spectra.end() ? 0 : spectrum->second.size();
    if (metric.is_share && channels == 0) {
      throw DataError(fmt::format("figure: spectrum {} is absent ({}); need it in every run", name,
                                  describe_run(result)));
    }
    values.push_back(metric.is_share ? value / static_cast<double>(channels) : value);
  }
  return values;
}

Panel depth_panel(const ArmCurves& arms, const DepthMetric& metric, const Matrix& matrix,
                  std::size_t layers) {
  std::vector<double> grid(layers);
  for (std::size_t i = 0; i < layers; ++i) grid[i] = static_cast<double>(i + 1);
  Panel panel{std::string(metric.title), "layer", "", {}, {}, {}};
  panel.curves = arms.curves(
      grid, std::string(metric.name),
      [&](const RunResult& result) { return values_by_layer(result, metric, matrix, layers); },
      NonFinite::absent);
  const auto last = static_cast<double>(layers);
  panel.x = {Scale::linear, 0.8, last + 0.2, -HUGE_VAL, {}};
  for (const double layer : grid) panel.x.ticks.push_back({layer, fmt::format("{}", layer)});
  panel.y = fit_axis(panel.curves, ScaleChoice::by_data, kMetricDecades);
  panel.y_label = fmt::format("{} ({})", metric.y_label, scale_word(panel.y));
  return panel;
}

/// Whether a protocol's depth figure is drawn besides its layers: that of the published protocol,
/// and that of the matrix that differs most from it.
bool has_depth_figure(const std::string& protocol) {
  return protocol == "published" || protocol == "no_padding_centred";
}

}  // namespace

Chart layer_chart(const std::vector<RunResult>& results, const FigureSpec& spec) {
  const Matrix& matrix = matrix_of(spec.protocol);
  const ArmCurves arms(results, spec.arms);
  const std::size_t layers = count_layers(arms, matrix);
  Chart chart = start_chart(arms, spec, "");
  chart.key = arms.key(accuracies);
  std::vector<Curve> all;
  for (const std::size_t layer : std::set<std::size_t>{1, (layers + 1) / 2, layers}) {
    const std::string name = layer_name(layer, matrix);
    chart.panels.push_back(arms.spectrum_panel(
        fmt::format("({}) Layer {}", char('a' + int(chart.panels.size())), layer), name,
        [&](const RunResult& result) {
          const auto spectrum = result.spectra.find(name);
          return spectrum == result.spectra.end() ? std::vector<double>{} : spectrum->second;
        }));
    const Panel& panel = chart.panels.back();
    all.insert(all.end(), panel.curves.begin(), panel.curves.end());
  }
  const Axis shared = fit_axis(all, ScaleChoice::log, kSpectrumDecades);
  for (Panel& panel : chart.panels) {
    panel.y = shared;
    panel.y_label = fmt::format("singular value ({})", scale_word(shared));
  }
  chart.y_axes = YAxes::shared;
  chart.notes.push_back(
      "Accuracy: training, of the last epoch as it ran; held out, after it. Medians over the "
      "seeds.");
  add_foot_notes(chart);
  std::ranges::copy(regime_notes(arms.first()), std::back_inserter(chart.notes));
  return chart;
}

Chart depth_chart(const std::vector<RunResult>& results, const FigureSpec& spec) {
  const Matrix& matrix = matrix_of(spec.protocol);
  const ArmCurves arms(results, spec.arms);
  const std::size_t layers = count_layers(arms, matrix);
  Chart chart = start_chart(arms, spec, "depth");
  chart.key = arms.key();
  for (const DepthMetric& metric : kDepthMetrics) {
    chart.panels.push_back(depth_panel(arms, metric, matrix, layers));
  }
  chart.columns = 2;
  add_foot_notes(chart);
  std::ranges::copy(regime_notes(arms.first()), std::back_inserter(chart.notes));
  return chart;
}

std::vector<Figure> encoder_figures(const std::vector<RunResult>& results, const FigureSpec& spec) {
  const std::string arms = fmt::format("{}", fmt::join(spec.arms, ", "));
  std::vector<Figure> figures = {
      {.chart = layer_chart(results, spec),
       .aspect = "",
       .caption = "singular values of the first, the middle and the last block's output",
       .alt = fmt::format("Panels of the first, the middle and the last layer, on one logarithmic "
                          "axis: singular values against index for the arms {}. The key has their "
                          "accuracies.",
                          arms)}};
  if (!has_depth_figure(spec.protocol)) return figures;
  figures.push_back(
      {.chart = depth_chart(results, spec),
       .aspect = "against depth",
       .caption = "effective rank and participation ratio in shares of the channels, stable rank "
                  "and decay exponent of each block's output",
       .alt = fmt::format("Four panels for the arms {}: effective rank, participation ratio, "
                          "stable rank and decay exponent against the number of the layer.",
                          arms)});
  return figures;
}

}  // namespace harness
