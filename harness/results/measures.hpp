#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "harness/results/result.hpp"

namespace harness {

/// Numbers that are computed together, from a trained model or during training. They are not part
/// of a run's identity: a result says which version of each measure made its numbers.
struct Measure {
  /// Of the model after the last step; or of the course of training, which only training again
  /// gives.
  enum class Of { final_weights, course };

  std::string_view name;
  /// Raised when its numbers change on purpose. `norm-harness remeasure` brings stored results up
  /// to it; no run is trained again because of it alone.
  int version = 1;
  Of of = Of::final_weights;
  /// The metrics that it gives, as `list` names them. Each is a part of a metric's name in a result
  /// (`layer3.no_padding.effective_rank`, `slice_range.published`).
  std::vector<std::string_view> metrics;
};

/// Names of the measures that a result has in another version than these, and so must not be judged
/// by. Measures that the result lacks are not among them.
std::vector<std::string> other_versions(const RunResult& result,
                                        const std::vector<Measure>& measures);

/// Names of the measures that a result lacks or has in another version; none for a run that
/// diverged.
std::vector<std::string> due_measures(const RunResult& result,
                                      const std::vector<Measure>& measures);

/// The measure of this name in a list. Throws: ValueError.
const Measure& find_measure(const std::vector<Measure>& measures, std::string_view name);

/// The metrics of a measure of spectra: all in the catalogue that need only singular values.
std::vector<std::string_view> spectrum_metrics();

/// Prepares a result for a new measurement: notes the measure's version and removes its old
/// metrics.
void begin_measure(const Measure& measure, RunResult& result);

}  // namespace harness
