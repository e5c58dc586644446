#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "harness/results/result.hpp"

namespace harness {

/// Numbers that are made together, of a trained model or on the way to it. They are no part of a
/// run's identity: a result says by which version of each measure its numbers were made.
struct Measure {
  /// Of the model after the last step; or of the course, which only training again can tell.
  enum class Of { final_weights, course };

  std::string_view name;
  /// Raised when its numbers change by intention. `norm-harness remeasure` brings stored results up
  /// to it; none is trained anew for it.
  int version = 1;
  Of of = Of::final_weights;
  /// The metrics that it gives, as `list` names them: each is a part of a metric's name in a result
  /// (`layer3.no_padding.effective_rank`, `slice_range.published`).
  std::vector<std::string_view> metrics;
};

/// Names of the measures that a result has of another version than these, and so must not be judged
/// by. None of a measure that the result lacks.
std::vector<std::string> other_versions(const RunResult& result,
                                        const std::vector<Measure>& measures);

/// Names of the measures that a result lacks or has of another version; none of a run that
/// diverged.
std::vector<std::string> due_measures(const RunResult& result,
                                      const std::vector<Measure>& measures);

/// The measure of a list with this name. Throws: ValueError.
const Measure& find_measure(const std::vector<Measure>& measures, std::string_view name);

/// The metrics of a measure of spectra: all of the catalogue that singular values alone have.
std::vector<std::string_view> spectrum_metrics();

/// Notes that a measure is about to be made anew: its version, and without the metrics it had.
void begin_measure(const Measure& measure, RunResult& result);

}  // namespace harness
