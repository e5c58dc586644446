#include "harness/results/measures.hpp"

#include <algorithm>

#include "libnorm/core/error.hpp"
#include "libnorm/metrics/activations/activation_spectrum.hpp"

namespace harness {
namespace {

/// Whether a measure gives a metric, by a part of the metric's name between dots. What is under
/// another measure's name is the other's.
bool gives(const Measure& measure, std::string_view metric, const std::vector<Measure>& measures) {
  if (is_under_measure(metric, measures)) return first_part(metric) == measure.name;
  for (std::size_t at = 0; at <= metric.size();) {
    const std::size_t end = std::min(metric.find('.', at), metric.size());
    const std::string_view part = metric.substr(at, end - at);
    if (std::ranges::find(measure.metrics, part) != measure.metrics.end()) return true;
    at = end + 1;
  }
  return false;
}

}  // namespace

std::string_view first_part(std::string_view name) { return name.substr(0, name.find('.')); }

bool is_under_measure(std::string_view name, const std::vector<Measure>& measures) {
  return std::ranges::find(measures, first_part(name), &Measure::name) != measures.end();
}

std::vector<std::string> other_versions(const RunResult& result,
                                        const std::vector<Measure>& measures) {
  std::vector<std::string> names;
  for (const Measure& measure : measures) {
    const auto found = result.measures.find(std::string(measure.name));
    if (found != result.measures.end() && found->second != measure.version) {
      names.emplace_back(measure.name);
    }
  }
  return names;
}

std::vector<std::string> due_measures(const RunResult& result,
                                      const std::vector<Measure>& measures) {
  std::vector<std::string> names;
  if (result.diverged_at >= 0) return names;
  for (const Measure& measure : measures) {
    const auto found = result.measures.find(std::string(measure.name));
    const bool is_lacking = found == result.measures.end() && measure.when == Measure::When::always;
    if (is_lacking || (found != result.measures.end() && found->second != measure.version)) {
      names.emplace_back(measure.name);
    }
  }
  return names;
}

const Measure& find_measure(const std::vector<Measure>& measures, std::string_view name) {
  const auto found = std::ranges::find(measures, name, &Measure::name);
  if (found != measures.end()) return *found;
  std::string known;
  for (const Measure& measure : measures) {
    known += (known.empty() ? "" : ", ") + std::string(measure.name);
  }
  throw libnorm::ValueError("measure: unknown name (" + std::string(name) + "); use one of " +
                            known);
}

std::vector<std::string_view> spectrum_metrics() {
  std::vector<std::string_view> names;
  for (const libnorm::ActivationMetric& metric : libnorm::activation_metrics()) {
    if (metric.asks == libnorm::SpectrumKind::any) names.push_back(metric.name);
  }
  return names;
}

const Measure& begin_measure(const std::vector<Measure>& measures, std::string_view name,
                             RunResult& result) {
  const Measure& measure = find_measure(measures, name);
  result.measures[std::string(name)] = measure.version;
  std::erase_if(result.metrics,
                [&](const auto& metric) { return gives(measure, metric.first, measures); });
  const auto is_own = [&](const auto& item) { return first_part(item.first) == name; };
  std::erase_if(result.spectra, is_own);
  std::erase_if(result.slices, is_own);
  return measure;
}

}  // namespace harness
