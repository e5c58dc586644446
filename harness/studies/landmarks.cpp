#include "harness/studies/landmarks.hpp"

#include <algorithm>
#include <cstdint>
#include <limits>

#include "harness/runs/checkpoint.hpp"

namespace harness {
namespace {

using libnorm::Index;
using libnorm::Transformer;

constexpr std::size_t kLossesOfMean = 100;
/// Parts of the steps, in eighths.
constexpr Index kEighths[] = {1, 3, 4, 6};

double mean_of_last(const std::vector<float>& losses) {
  const std::size_t count = std::min(losses.size(), kLossesOfMean);
  double total = 0;
  for (std::size_t i = losses.size() - count; i < losses.size(); ++i) total += double(losses[i]);
  return total / double(count);
}

}  // namespace

TrainingLandmarks::TrainingLandmarks(Index steps) {
  for (const Index eighths : kEighths) {
    const Index due = steps * eighths / 8;
    points_.push_back({.name = "step_" + std::to_string(due), .due = due});
  }
  points_.push_back({.name = "loss_1", .level = 1});
  points_.push_back({.name = "loss_1e-1", .level = 0.1});
  points_.push_back({.name = "loss_1e-2", .level = 0.01});
}

void TrainingLandmarks::look(const Transformer<float>& model, const std::vector<float>& losses) {
  const double loss = mean_of_last(losses);
  const Index done = Index(losses.size());
  for (Point& point : points_) {
    const bool is_there = point.due >= 0 ? done == point.due : loss <= point.level;
    if (!is_there || point.step >= 0) continue;
    point.step = done;
    point.loss = loss;
    point.weights = model.weights();
    point.running = model.running_values();
  }
}

void TrainingLandmarks::append_to(std::vector<std::byte>& state) const {
  for (const Point& point : points_) {
    append(state, std::vector<std::int64_t>{point.step});
    append(state, std::vector<double>{point.loss});
    append(state, point.weights);
    append(state, point.running);
  }
}

void TrainingLandmarks::take_from(std::span<const std::byte>& state,
                                  const Transformer<float>& model) {
  for (Point& point : points_) {
    std::vector<std::int64_t> step(1);
    std::vector<double> loss(1);
    take(state, step);
    take(state, loss);
    point.step = step[0];
    point.loss = loss[0];
    point.weights.resize(point.step >= 0 ? model.weights().size() : 0);
    point.running.resize(point.step >= 0 ? model.running_values().size() : 0);
    take(state, point.weights);
    take(state, point.running);
  }
}

void TrainingLandmarks::add_to(
    RunResult& result, const libnorm::TransformerOptions& options,
    const std::function<void(Transformer<float>& model, RunResult& result)>& measure) const {
  for (const Point& point : points_) {
    const std::string name = "landmarks." + point.name;
    if (point.step < 0) {
      result.metrics[name + ".step"] = std::numeric_limits<double>::infinity();
      continue;
    }
    Transformer<float> model(options);
    std::copy(point.weights.begin(), point.weights.end(), model.weights().begin());
    std::copy(point.running.begin(), point.running.end(), model.running_values().begin());
    RunResult there;
    measure(model, there);
    result.metrics[name + ".step"] = double(point.step);
    result.metrics[name + ".loss"] = point.loss;
    for (const auto& [metric, value] : there.metrics) result.metrics[name + "." + metric] = value;
    for (const auto& [slice, values] : there.slices) result.slices[name + "." + slice] = values;
    result.spectra[name] = there.singular_values;
  }
}

}  // namespace harness
