#include "harness/studies/recall_measures.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

#include "harness/studies/flatness_measures.hpp"
#include "harness/studies/row_measures.hpp"
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
constexpr const char* kCurvature = "curvature";
constexpr const char* kRescaled = "rescaled";
constexpr const char* kEngine = "engine";
constexpr std::uint32_t kSliceBatch = 0, kSpectrumBatch = 1, kFirstReadBatch = 1000;
constexpr std::uint32_t kPublishedDirection = 0, kFirstFilterDirection = 1, kFilterDirections = 10;

double range(const libnorm::LossSlice& slice) {
  const auto [low, high] = std::minmax_element(slice.loss.begin(), slice.loss.end());
  return *high - *low;
}

/// A trained model, and the batch it is measured on.
class Meter {
 public:
  explicit Meter(const TrainedRecall& trained)
      : trained_(trained), options_(trained.options), seed_(trained.seed), model_(trained.model) {}

  void add_spectrum(RunResult& result) {
    draw(kSpectrumBatch);
    const auto activations = model_.activations(batch_, options_.blocks - 1);
    result.singular_values = libnorm::singular_values<float>(activations, batch_.counts.data());
    for (const libnorm::MetricValue& metric : libnorm::values_of(result.singular_values)) {
      result.metrics[metric.name] = metric.value;
    }
  }

  void add_slices(RunResult& result) {
    std::erase_if(result.slices, [](const auto& slice) {
      return !is_under_measure(slice.first, recall_measures());
    });
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

  void add_rows(RunResult& result) {
    add_rows_of(kRows, model_, result);
    result.metrics["rows.task_rank"] = double(options_.rank);
  }

  void add_untrained(RunResult& result) {
    libnorm::Transformer<float> untrained(model_.options());
    untrained.initialize(seed_);
    add_rows_of(kUntrained, untrained, result);
  }

  void add_curvature(RunResult& result) {
    for (const auto& [name, value] : curvature_of(model_, trained_.adam.second_moment())) {
      result.metrics["curvature." + name] = value;
    }
  }

  void add_rescaled(RunResult& result) {
    const auto before = flatness_of(model_, trained_.adam.second_moment());
    for (const Rescaling rescaling :
         {Rescaling::values_outputs, Rescaling::queries_keys, Rescaling::gain_head}) {
      libnorm::Transformer<float> model = model_;
      std::vector<float> second_moment = trained_.adam.second_moment();
      if (!rescale(rescaling, 2, model_, model.weights(), second_moment)) continue;
      for (const auto& [name, value] : flatness_of(model, second_moment)) {
        const std::string metric =
            "rescaled." + std::string(rescaling_name(rescaling)) + "." + name;
        result.metrics[metric] = value / before.at(name);
      }
    }
  }

  void add_engine(RunResult& result) {
    libnorm::Transformer<float> reset = model_;
    for (const libnorm::Parameter& p : affine_parameters(model_)) {
      add_spread("engine." + p.name, p, result);
      const float first = float(p.initial == libnorm::Initial::constant ? p.bound : 0);
      std::fill_n(reset.weights().begin() + p.offset, p.size(), first);
    }
    draw(kSliceBatch);
    result.metrics["engine.loss"] = model_.loss(batch_);
    result.metrics["engine.reset.loss"] = reset.loss(batch_);
    draw(kSpectrumBatch);
    const auto rows = reset.activations(batch_, options_.blocks - 1);
    const auto s = libnorm::singular_values<float>(rows, batch_.counts.data());
    for (const libnorm::MetricValue& metric : libnorm::values_of(s)) {
      result.metrics["engine.reset." + metric.name] = metric.value;
    }
  }

  void add_landmarks(RunResult& result) {
    if (trained_.landmarks == nullptr) {
      throw libnorm::ValueError(
          "measure: of the course of training alone (landmarks); need one of the final weights");
    }
    trained_.landmarks->add_to(result, model_.options(), [&](auto& model, RunResult& there) {
      const TrainedRecall at{options_, seed_, model, trained_.adam, trained_.adam_options};
      measure_recall(at, {kSpectrum, kSlices}, there);
    });
  }

 private:
  std::map<std::string, double> curvature_of(libnorm::Transformer<float>& model,
                                             const std::vector<float>& second_moment) {
    if (trained_.adam.steps() < 1 && options_.steps > 0) {
      throw libnorm::ValueError(
          "measure: no second moments (Adam made 0 steps); need a run that has kept its state");
    }
    draw(kSliceBatch);
    return curvature_numbers(
        {model, batch_, second_moment, trained_.adam.steps(), trained_.adam_options});
  }

  /// Every definition of flatness that `rescaled` compares.
  std::map<std::string, double> flatness_of(libnorm::Transformer<float>& model,
                                            const std::vector<float>& second_moment) {
    RunResult there;
    Meter({options_, seed_, model, trained_.adam, trained_.adam_options}).add_slices(there);
    auto numbers = curvature_of(model, second_moment);
    for (const char* diagnostic : {"converged", "residual", "trace_error", "adaptive_gap"}) {
      numbers.erase(diagnostic);
    }
    const Slice& slice = there.slices.at("filter_normalized");
    numbers["slice_range.published"] = there.metrics.at("slice_range.published");
    numbers["slice_rise.filter_normalized"] =
        there.metrics.at("slice_max.filter_normalized") - slice.loss[slice.loss.size() / 2];
    return numbers;
  }

  void add_spread(const std::string& name, const libnorm::Parameter& p, RunResult& result) const {
    double sum = 0, squares = 0;
    const auto value = [&](Index i) { return double(model_.weights()[std::size_t(p.offset + i)]); };
    for (Index i = 0; i < p.size(); ++i) sum += value(i);
    const double mean = sum / double(p.size());
    for (Index i = 0; i < p.size(); ++i) squares += (value(i) - mean) * (value(i) - mean);
    result.metrics[name + ".mean"] = mean;
    result.metrics[name + ".deviation"] = std::sqrt(squares / double(p.size()));
  }

  void add_rows_of(const std::string& name, libnorm::Transformer<float>& model, RunResult& result) {
    draw(kSpectrumBatch);
    measure_rows(name + ".all", model.activations(batch_, options_.blocks - 1),
                 batch_.counts.data(), result);
    std::vector<float> read;
    const Index batches = (kReadSequences + options_.batch - 1) / options_.batch;
    for (Index i = 0; i < batches; ++i) {
      draw(kFirstReadBatch + std::uint32_t(i));
      const auto rows = model.read_rows(batch_);
      for (Index b = 0; b < rows.rows; ++b) {
        read.insert(read.end(), rows.row(b), rows.row(b) + rows.cols);
      }
    }
    const Index c = options_.channels;
    read.resize(std::size_t(std::min(kReadSequences, Index(read.size()) / c) * c));
    measure_rows(name + ".read", {read.data(), Index(read.size()) / c, c}, nullptr, result);
  }

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

  const TrainedRecall& trained_;
  const RecallOptions& options_;
  std::uint64_t seed_;
  libnorm::Transformer<float>& model_;
  libnorm::Batch batch_;
  std::function<double()> loss_ = [this] { return model_.loss(batch_); };
};

}  // namespace

const std::vector<Measure>& recall_measures() {
  using enum Measure::Of;
  using enum Measure::When;
  static const std::vector<Measure> list = {
      {kSpectrum, 1, final_weights, spectrum_metrics()},
      {kSlices, 1, final_weights, {"slice_range", "slice_max"}},
      {kRows, 1, final_weights, {"mean_cosine", "row_length_spread", "task_rank"}, on_request},
      {kUntrained, 1, final_weights, {}, on_request},
      {kCurvature,
       1,
       final_state,
       {"lambda_1", "trace", "adam_edge", "adaptive_worst_case"},
       on_request},
      {kRescaled, 1, final_state, {}, on_request},
      {kEngine, 1, final_weights, {}, on_request},
      {kLandmarks, 1, course, {}, on_request},
  };
  return list;
}

void measure_recall(const TrainedRecall& trained, const std::vector<std::string>& which,
                    RunResult& result) {
  static constexpr std::pair<std::string_view, void (Meter::*)(RunResult&)> kMeters[] = {
      {kSpectrum, &Meter::add_spectrum},   {kSlices, &Meter::add_slices},
      {kRows, &Meter::add_rows},           {kUntrained, &Meter::add_untrained},
      {kCurvature, &Meter::add_curvature}, {kRescaled, &Meter::add_rescaled},
      {kEngine, &Meter::add_engine},       {kLandmarks, &Meter::add_landmarks},
  };
  Meter meter(trained);
  for (const std::string& name : which) {
    begin_measure(recall_measures(), name, result);
    for (const auto& [measure, add] : kMeters) {
      if (measure == name) (meter.*add)(result);
    }
  }
}

}  // namespace harness
