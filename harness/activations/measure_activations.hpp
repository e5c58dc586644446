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
#include "libnorm/metrics/metric_value.hpp"

namespace harness {

/// What a metric needs, and so when it can be had.
enum class MetricNeeds {
  /// One pass over rows, few at a time.
  spectrum,
  moments,
  directions,
  /// All rows in memory.
  rows,
  /// That, and time that grows with the square of the rows.
  pairs,
  /// A class for each row; and a head, [classes, C].
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

/// All that libnorm/metrics makes of rows.
const std::vector<MeasuredMetric>& measured_metrics();

/// What is asked of some rows.
struct Measuring {
  ActivationFile file;
  /// Those of its rows that are measured.
  RowSelection rows;
  /// Names; empty: all that can be had.
  std::vector<std::string> metrics;
  std::vector<libnorm::Centring> centrings;
  /// A class for each row that is measured, from 0 to classes - 1, or empty.
  std::vector<std::int32_t> labels;
  libnorm::Index classes = 0;
  std::optional<ActivationFile> head, head_bias;
  /// Of which the same rows are taken.
  std::optional<ActivationFile> other;
};

/// Metrics that were not made, and why.
struct LeftOut {
  std::vector<std::string> metrics;
  std::string reason;
};

/// What came of it.
struct Measurement {
  std::vector<libnorm::ActivationSpectrum> spectra;
  std::vector<libnorm::MetricValue> values;
  std::vector<LeftOut> left_out;
};

/// Rows and metrics that fit: rows in memory take at most 2^30 bytes, pairs of rows are taken of at
/// most 20,000, and spectra of at most 8192 channels, or of more where rows are fewer and fit. What
/// was named and does not fit is an error, what was not is left out. progress: called with the rows
/// read so far. Throws: DataError for what does not fit, and for rows that no metric can be made
/// of; it tells where in the file a number is NaN or infinite.
Measurement measure_activations(const Measuring& asked,
                                const std::function<void(libnorm::Index)>& progress);

/// Milliseconds that each of `times` spectra takes, metrics included, of rows in memory; those of
/// the first centring.
std::vector<double> time_spectrum(const Measuring& asked, int times);

}  // namespace harness
