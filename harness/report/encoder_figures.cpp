#include "harness/report/encoder_figures.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <set>
#include <string_view>
#include <utility>

#include "harness/charts/arm_curves.hpp"
#include "harness/charts/chart.hpp"
#include "harness/report/chart_script.hpp"
#include "harness/report/gnuplot.hpp"
#include "libnorm/core/error.hpp"

namespace harness {
namespace {

using libnorm::DataError;
using libnorm::ValueError;

// Activations of an arm without normalization are of another size than those on a sphere, and all
// are on one axis.
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

/// Blocks whose spectra a run has, from the first on.
std::size_t count_layers(const std::vector<ArmRows>& arms, const Matrix& matrix) {
  std::size_t most = 0;
  for (const ArmRows& arm : arms) {
    for (const RunResult* row : arm.rows) {
      std::size_t layers = 0;
      while (row->spectra.contains(layer_name(layers + 1, matrix))) ++layers;
      most = std::max(most, layers);
    }
  }
  return most;
}

double metric_of(const RunResult& row, const std::string& name) {
  const auto found = row.metrics.find(name);
  if (found != row.metrics.end()) return found->second;
  throw DataError(fmt::format("figure: metric {} is absent ({}); need it in every run", name,
                              describe_run(row)));
}

std::string arm_label(const ArmRows& arm) {
  const auto percent = [&](const std::string& metric) {
    std::vector<double> values;
    for (const RunResult* row : arm.rows) {
      if (row->diverged_at < 0) values.push_back(100 * metric_of(*row, metric));
    }
    return summarize(0, std::move(values), NonFinite::absent).median;
  };
  if (count_diverged(arm) == arm.rows.size()) return name_with_divergence(arm);
  return fmt::format("{}: accuracy {:.1f}% training, {:.1f}% held out", name_with_divergence(arm),
                     percent("training_accuracy"), percent("held_out_accuracy"));
}

/// An arm trained without padding is drawn as the arm that it stands beside.
CurveStyle style_of_arm(std::string_view arm, std::size_t position) {
  constexpr std::string_view kSuffix = "_masked";
  if (arm.ends_with(kSuffix)) arm.remove_suffix(kSuffix.size());
  return style_of(arm, position);
}

std::vector<std::string> notes(const std::vector<ArmRows>& arms, const Matrix& matrix) {
  const RunResult& row = *arms.front().rows.front();
  std::vector<std::string> lines;
  if (row.task == "topics") {
    lines.push_back("GENERATED CORPUS `topics`, NOT AG NEWS: no evidence on the paper's claims.");
  }
  std::ranges::copy(seed_notes(arms), std::back_inserter(lines));
  std::ranges::copy(divergence_notes(arms, "A diverged run is left out."),
                    std::back_inserter(lines));
  lines.push_back(fmt::format("Output of a block after training, at {}.", matrix.words));
  return lines;
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

/// Takes what a note need not say of data: the tokenizer, a checksum, or whose rows it is of which
/// there are so many. `kept` is what stands before.
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

/// What a row says of its data, without details.
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
std::vector<std::string> regime_notes(const std::vector<ArmRows>& arms) {
  const RunResult& row = *arms.front().rows.front();
  std::string length = fmt::format("{} steps", row.steps);
  if (!row.epochs.empty()) {
    length = fmt::format("{} epochs, {}", row.epochs.begin()->second.size(), length);
  }
  std::vector<std::string> lines = wrap(fmt::format("Data: {}.", short_data(row.data)));
  lines.insert(lines.begin(), fmt::format("Profile {}: {}.", row.profile, length));
  return lines;
}

Chart start_chart(const std::vector<ArmRows>& arms, const FigureSpec& spec, std::string name,
                  std::string_view subject) {
  Chart chart;
  chart.name = std::move(name);
  const RunResult& row = *arms.front().rows.front();
  chart.about =
      fmt::format("Figure {}{}: experiment {} on {}, profile {}, protocol {}.", spec.number,
                  subject, spec.experiment, row.task, row.profile, spec.protocol);
  for (std::size_t i = 0; i < arms.size(); ++i) {
    const CurveStyle style = style_of_arm(arms[i].name, i);
    chart.key.push_back({arm_label(arms[i]), style.colour, style.dash});
  }
  chart.notes = notes(arms, matrix_of(spec.protocol));
  return chart;
}

std::size_t require_layers(const std::vector<ArmRows>& arms, const FigureSpec& spec) {
  const std::size_t layers = count_layers(arms, matrix_of(spec.protocol));
  if (layers > 0) return layers;
  throw DataError(fmt::format("figure: no run has spectra of its layers ({}); need at least one",
                              spec.protocol));
}

Panel spectrum_panel(const std::vector<ArmRows>& arms, const std::string& name) {
  const auto read = [&](const RunResult& row) {
    const auto spectrum = row.spectra.find(name);
    return spectrum == row.spectra.end() ? std::vector<double>{} : spectrum->second;
  };
  std::size_t count = 0;
  for (const ArmRows& arm : arms) {
    for (const RunResult* row : arm.rows) count = std::max(count, read(*row).size());
  }
  std::vector<double> index(count);
  for (std::size_t i = 0; i < count; ++i) index[i] = static_cast<double>(i);
  Panel panel{"", "index (0 = largest)", "", {}, {}, {}};
  panel.curves = collect_all(arms, index, name, read, NonFinite::absent);
  // A margin at both ends, where the steepest parts are.
  const auto last = static_cast<double>(std::max<std::size_t>(count, 2) - 1);
  panel.x = linear_axis(-0.02 * last, 1.02 * last);
  return panel;
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

Panel depth_panel(const std::vector<ArmRows>& arms, const DepthMetric& metric, const Matrix& matrix,
                  std::size_t layers) {
  std::vector<double> grid(layers);
  for (std::size_t i = 0; i < layers; ++i) grid[i] = static_cast<double>(i + 1);
  const auto read = [&](const RunResult& row) {
    std::vector<double> values;
    if (row.diverged_at >= 0) return values;
    for (std::size_t layer = 1; layer <= layers; ++layer) {
      const std::string name = layer_name(layer, matrix);
      const double value = metric_of(row, fmt::format("{}.{}", name, metric.name));
      const auto spectrum = row.spectra.find(name);
      const std::size_t channels = spectrum == row.spectra.end() ? 0 : spectrum->second.size();
      if (metric.is_share && channels == 0) {
        throw DataError(fmt::format("figure: spectrum {} is absent ({}); need it in every run",
                                    name, describe_run(row)));
      }
      values.push_back(metric.is_share ? value / static_cast<double>(channels) : value);
    }
    return values;
  };
  Panel panel{std::string(metric.title), "layer", "", {}, {}, {}};
  panel.curves = collect_all(arms, grid, std::string(metric.name), read, NonFinite::absent);
  const auto last = static_cast<double>(layers);
  panel.x = {Scale::linear, 0.8, last + 0.2, -HUGE_VAL, {}};
  for (const double layer : grid) panel.x.ticks.push_back({layer, fmt::format("{}", layer)});
  panel.y = fit_axis(panel.curves, ScaleChoice::by_data, kMetricDecades);
  panel.y_label = fmt::format("{} ({})", metric.y_label, scale_word(panel.y));
  return panel;
}

}  // namespace

std::string layer_figure_script(const std::vector<RunResult>& rows, const FigureSpec& spec) {
  const Matrix& matrix = matrix_of(spec.protocol);
  const std::vector<ArmRows> arms = select_arms(rows, spec.arms);
  const std::size_t layers = require_layers(arms, spec);
  Chart chart = start_chart(arms, spec, figure_name(spec), "");
  std::vector<Curve> all;
  for (const std::size_t layer : std::set<std::size_t>{1, (layers + 1) / 2, layers}) {
    Panel panel = spectrum_panel(arms, layer_name(layer, matrix));
    panel.title = fmt::format("({}) Layer {}", char('a' + int(chart.panels.size())), layer);
    all.insert(all.end(), panel.curves.begin(), panel.curves.end());
    chart.panels.push_back(std::move(panel));
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
  std::ranges::copy(foot_notes("All panels", shared), std::back_inserter(chart.notes));
  std::ranges::copy(regime_notes(arms), std::back_inserter(chart.notes));
  return chart_script(chart);
}

std::string depth_figure_name(const FigureSpec& spec) {
  const std::string suffix = spec.protocol == "published" ? "" : "-" + spec.protocol;
  return fmt::format("figure{}-depth{}", spec.number, suffix);
}

std::string depth_figure_script(const std::vector<RunResult>& rows, const FigureSpec& spec) {
  const Matrix& matrix = matrix_of(spec.protocol);
  const std::vector<ArmRows> arms = select_arms(rows, spec.arms);
  const std::size_t layers = require_layers(arms, spec);
  Chart chart = start_chart(arms, spec, depth_figure_name(spec), ", depth");
  for (std::size_t i = 0; i < arms.size(); ++i) chart.key[i].label = name_with_divergence(arms[i]);
  for (const DepthMetric& metric : kDepthMetrics) {
    chart.panels.push_back(depth_panel(arms, metric, matrix, layers));
    const Panel& panel = chart.panels.back();
    std::ranges::copy(foot_notes(panel.title.substr(0, 3), panel.y),
                      std::back_inserter(chart.notes));
  }
  std::ranges::copy(regime_notes(arms), std::back_inserter(chart.notes));
  chart.columns = 2;
  return chart_script(chart);
}

bool has_depth_figure(const std::string& protocol) {
  return protocol == "published" || protocol == "no_padding_centred";
}

std::vector<std::filesystem::path> draw_layer_figure(const std::vector<RunResult>& rows,
                                                     const FigureSpec& spec,
                                                     const std::filesystem::path& directory) {
  return run_gnuplot(figure_name(spec), layer_figure_script(rows, spec), directory);
}

std::vector<std::filesystem::path> draw_depth_figure(const std::vector<RunResult>& rows,
                                                     const FigureSpec& spec,
                                                     const std::filesystem::path& directory) {
  return run_gnuplot(depth_figure_name(spec), depth_figure_script(rows, spec), directory);
}

}  // namespace harness
