#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "harness/activations/activation_file.hpp"
#include "harness/activations/sound_rows.hpp"
#include "libnorm/metrics/activations/activation_spectrum.hpp"
#include "libnorm/metrics/activations/channel_moments.hpp"
#include "libnorm/metrics/metric_value.hpp"

namespace harness {

/// The input that a metric needs.
enum class MetricNeeds {
  /// One pass over the rows, a few at a time.
  spectrum,
  moments,
  directions,
  /// All rows in memory.
  rows,
  /// All rows in memory, and time quadratic in their number.
  pairs,
  /// A class for each row; optionally a head, [classes, C].
  labels,
  head,
  /// A second file.
  other,
};

/// A metric by name, for --metrics and --help.
struct MeasuredMetric {
  std::string name;
  MetricNeeds needs;
};

/// The catalogue of libnorm/metrics on rows.
const std::vector<MeasuredMetric>& measured_metrics();

/// A request: rows, and the metrics to compute.
struct Measuring {
  ActivationFile file;
  /// The rows to measure.
  RowSelection rows;
  /// Names; empty: all that the input allows.
  std::vector<std::string> metrics;
  std::vector<libnorm::Centring> centrings;
  /// A class for each row that is measured, from 0 to classes - 1, or empty.
  std::vector<std::int32_t> labels;
  libnorm::Index classes = 0;
  std::optional<ActivationFile> head, head_bias;
  /// A second file; its same rows are used.
  std::optional<ActivationFile> other;
};

/// Metrics that were not computed, and why.
struct LeftOut {
  std::vector<std::string> metrics;
  std::string reason;
};

/// The results of a request.
struct Measurement {
  std::vector<libnorm::ActivationSpectrum> spectra;
  std::vector<libnorm::MetricValue> values;
  /// Of the channels; nothing if no metric of them was asked for.
  std::optional<libnorm::ChannelMoments> moments;
  std::vector<LeftOut> left_out;
};

/// Computes the metrics within these limits: 2^30 bytes of rows in memory, 20,000 rows for metrics
/// of pairs, 8192 channels for spectra (more if there are fewer rows that fit in memory). A named
/// metric beyond a limit is an error; others are left out. progress: called with the rows read so
/// far. Throws: DataError beyond a limit and for unusable rows; the text says where in the file a
/// number is NaN or infinite.
Measurement measure_activations(const Measuring& asked,
                                const std::function<void(libnorm::Index)>& progress);

/// Milliseconds of each of `times` computations of a spectrum and its metrics, for rows in memory
/// and the first centring.
std::vector<double> time_spectrum(const Measuring& asked, int times);

}  // namespace harness
