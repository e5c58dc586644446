#include "harness/results/measures.hpp"

#include <algorithm>

#include "libnorm/core/error.hpp"
#include "libnorm/metrics/activations/activation_spectrum.hpp"

namespace harness {
namespace {

/// Whether a measure gives a metric, by a part of the metric's name between dots.
bool gives(const Measure& measure, std::string_view metric) {
  for (std::size_t at = 0; at <= metric.size();) {
    const std::size_t end = std::min(metric.find('.', at), metric.size());
    const std::string_view part = metric.substr(at, end - at);
    if (std::ranges::find(measure.metrics, part) != measure.metrics.end()) return true;
    at = end + 1;
  }
  return false;
}

}  // namespace

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
    if (found == result.measures.end() || found->second != measure.version) {
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

void begin_measure(const Measure& measure, RunResult& result) {
  result.measures[std::string(measure.name)] = measure.version;
  std::erase_if(result.metrics, [&](const auto& metric) { return gives(measure, metric.first); });
}

}  // namespace harness
