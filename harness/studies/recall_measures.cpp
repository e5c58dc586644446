#include "harness/studies/recall_measures.hpp"

#include <algorithm>

#include "libnorm/metrics/activations/activation_spectrum.hpp"
#include "libnorm/metrics/activations/spectrum.hpp"
#include "libnorm/metrics/landscape/slice.hpp"

namespace harness {
namespace {

using libnorm::Purpose;
using libnorm::Random;
using libnorm::Walk;

constexpr const char* kSpectrum = "spectrum";
constexpr const char* kSlices = "slices";
constexpr std::uint32_t kSliceBatch = 0, kSpectrumBatch = 1;
constexpr std::uint32_t kPublishedDirection = 0, kFirstFilterDirection = 1, kFilterDirections = 10;

double range(const libnorm::LossSlice& slice) {
  const auto [low, high] = std::minmax_element(slice.loss.begin(), slice.loss.end());
  return *high - *low;
}

/// A trained model, and the batch it is measured on.
class Meter {
 public:
  Meter(const RecallOptions& options, std::uint64_t seed, libnorm::Transformer<float>& model)
      : options_(options), seed_(seed), model_(model) {}

  void add_spectrum(RunResult& result) {
    draw(kSpectrumBatch);
    const auto activations = model_.activations(batch_, options_.blocks - 1);
    result.singular_values = libnorm::singular_values<float>(activations, batch_.counts.data());
    for (const libnorm::MetricValue& metric : libnorm::values_of(result.singular_values)) {
      result.metrics[metric.name] = metric.value;
    }
  }

  void add_slices(RunResult& result) {
    result.slices.clear();
    draw(kSliceBatch);
    const auto direction = libnorm::unit_direction<float>(
        Random(seed_, Purpose::direction, kPublishedDirection), model_.size());
    const auto add = [&](const std::string& name, Index points, Walk walk) {
      const auto slice = slice_loss(model_.weights(), direction,
                                    libnorm::even_grid(-0.5, 0.5, points), walk, loss_);
      result.slices[name] = {slice.alpha, slice.loss};
      result.metrics["slice_range." + name] = range(slice);
    };
    add("published_e1", 50, Walk::restored);
    add("published", 40, Walk::restored);
    add("accumulated", 40, Walk::accumulated);
    add_filter_normalized(result);
  }

 private:
  void draw(std::uint32_t which) {
    options_.task().draw(seed_, Purpose::probe_batch, which, options_.path, batch_);
  }

  void add_filter_normalized(RunResult& result) {
    const auto alpha = libnorm::even_grid(-1, 1, 41);
    Slice average{alpha, std::vector<double>(alpha.size(), 0.0)};
    double highest = 0;
    for (std::uint32_t k = 0; k < kFilterDirections; ++k) {
      const auto filter = libnorm::filter_normalized_direction(
          Random(seed_, Purpose::direction, kFirstFilterDirection + k), model_.parameters(),
          model_.weights());
      const auto slice = slice_loss(model_.weights(), filter, alpha, Walk::restored, loss_);
      for (std::size_t i = 0; i < alpha.size(); ++i) {
        average.loss[i] += slice.loss[i] / double(kFilterDirections);
      }
      highest +=
          *std::max_element(slice.loss.begin(), slice.loss.end()) / double(kFilterDirections);
    }
    result.slices["filter_normalized"] = average;
    result.metrics["slice_max.filter_normalized"] = highest;
  }

  const RecallOptions& options_;
  std::uint64_t seed_;
  libnorm::Transformer<float>& model_;
  libnorm::Batch batch_;
  std::function<double()> loss_ = [this] { return model_.loss(batch_); };
};

}  // namespace

const std::vector<Measure>& recall_measures() {
  static const std::vector<Measure> list = {
      {kSpectrum, 1, Measure::Of::final_weights, spectrum_metrics()},
      {kSlices, 1, Measure::Of::final_weights, {"slice_range", "slice_max"}},
  };
  return list;
}

void measure_recall(const RecallOptions& options, std::uint64_t seed,
                    const std::vector<std::string>& which, libnorm::Transformer<float>& model,
                    RunResult& result) {
  Meter meter(options, seed, model);
  for (const std::string& name : which) {
    begin_measure(find_measure(recall_measures(), name), result);
    name == kSpectrum ? meter.add_spectrum(result) : meter.add_slices(result);
  }
}

}  // namespace harness
