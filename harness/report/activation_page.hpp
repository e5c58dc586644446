#pragma once

#include <string>
#include <vector>

#include "harness/activations/measure_activations.hpp"
#include "harness/charts/figure.hpp"
#include "harness/report/html_report.hpp"

namespace harness {

/// What was measured of one array of a user's activations.
struct MeasuredArray {
  /// Its file and its name there.
  std::string name;
  /// A short name, for a key: the tensor's, or the file's.
  std::string label;
  /// The rows that were measured, and those that were left out, as they hold a NaN or an infinity.
  libnorm::Index rows = 0, left_out = 0;
  libnorm::Index channels = 0;
  Measurement found;

  /// The centred spectrum; if there is none, another; null without any.
  const libnorm::ActivationSpectrum* spectrum() const;
};

/// The spectra beside the edge of noise, the channels' variances and, of several arrays, what
/// changes from one to the next. Of many arrays six spectra are drawn, evenly spaced.
std::vector<Figure> activation_figures(const std::vector<MeasuredArray>& arrays);

/// One HTML page that needs no other file and no script: a table with a line for each array, the
/// figures, outlier channels, and every number with its convention. It depends on its arguments
/// alone. Throws: DataError as html_report.
std::string activation_page(const std::vector<MeasuredArray>& arrays,
                            const std::vector<ReportFigure>& figures);

}  // namespace harness
