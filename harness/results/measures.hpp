#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "harness/results/result.hpp"

namespace harness {

/// Numbers that are computed together, from a trained model or during training. They are not part
/// of a run's identity: a result says which version of each measure made its numbers.
struct Measure {
  /// What it needs: the model after the last step; also Adam's moments then; or the course of
  /// training, which only training again gives. Each is more than the one before.
  enum class Of { final_weights, final_state, course };
  /// At the end of each run; or only where `norm-harness remeasure --metrics` asks for it, since it
  /// takes long.
  enum class When { always, on_request };

  std::string_view name;
  /// Raised when its numbers change on purpose. `norm-harness remeasure` brings stored results up
  /// to it; no run is trained again because of it alone.
  int version = 1;
  Of of = Of::final_weights;
  /// The metrics that it gives, as `list` names them. Each is a part of a metric's name in a result
  /// (`layer3.no_padding.effective_rank`, `slice_range.published`). All that has the measure's own
  /// name as its first part is the measure's too (`rows.read.centred.effective_rank`).
  std::vector<std::string_view> metrics;
  When when = When::always;
};

/// The first part of a name between dots: `rows` of `rows.read.effective_rank`.
std::string_view first_part(std::string_view name);

/// Whether a name's first part is a measure of the list.
bool is_under_measure(std::string_view name, const std::vector<Measure>& measures);

/// Names of the measures that a result has in another version than these, and so must not be judged
/// by. Measures that the result lacks are not among them.
std::vector<std::string> other_versions(const RunResult& result,
                                        const std::vector<Measure>& measures);

/// Names of the measures that a result has in another version, or lacks though they are not on
/// request; none for a run that diverged.
std::vector<std::string> due_measures(const RunResult& result,
                                      const std::vector<Measure>& measures);

/// The measure of this name in a list. Throws: ValueError.
const Measure& find_measure(const std::vector<Measure>& measures, std::string_view name);

/// The metrics of a measure of spectra: all in the catalogue that need only singular values.
std::vector<std::string_view> spectrum_metrics();

/// Prepares a result for a new measurement by a measure of the list: notes its version and removes
/// its old metrics, and the spectra and slices under its name.
/// Returns: the measure. Throws: ValueError for an unknown name.
const Measure& begin_measure(const std::vector<Measure>& measures, std::string_view name,
                             RunResult& result);

}  // namespace harness
