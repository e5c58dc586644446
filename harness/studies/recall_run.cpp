#include "harness/studies/recall_run.hpp"

#include <algorithm>
#include <cmath>
#include <string>

#include "harness/runs/checkpoint.hpp"
#include "harness/runs/kept_state.hpp"
#include "libnorm/metrics/activations/activation_spectrum.hpp"
#include "libnorm/metrics/activations/spectrum.hpp"
#include "libnorm/metrics/landscape/slice.hpp"

namespace harness {
namespace {

using libnorm::Purpose;
using libnorm::Random;
using libnorm::Walk;

constexpr std::uint32_t kSliceBatch = 0, kSpectrumBatch = 1;
constexpr std::uint32_t kPublishedDirection = 0, kFirstFilterDirection = 1, kFilterDirections = 10;

double range(const libnorm::LossSlice& slice) {
  const auto [low, high] = std::minmax_element(slice.loss.begin(), slice.loss.end());
  return *high - *low;
}

}  // namespace

void check(const RecallOptions& options) {
  options.task().check();
  model_options(options, recall_arms().front()).check();
  if (options.steps < 1) {
    throw libnorm::ValueError("steps: must be positive (" + std::to_string(options.steps) +
                              "); need at least 1");
  }
  for (const RecallArm& arm : recall_arms()) {
    const bool own_rate = arm.learning_rate == &RecallOptions::learning_rate_none;
    adam_options(options, arm)
        .check<float>(adam_names(own_rate ? "learning-rate-none" : "learning-rate"));
  }
}

RecallRun::RecallRun(const RecallOptions& options, const RecallArm& arm, std::uint64_t seed)
    : options_(options),
      arm_(arm),
      seed_(seed),
      task_(options.task()),
      model_(model_options(options, arm)),
      adam_(model_.size(), adam_options(options, arm)) {
  check(options);
  model_.initialize(seed);
  losses_.reserve(std::size_t(options.steps));
}

void RecallRun::step() {
  task_.draw(seed_, Purpose::training_batch, std::uint32_t(steps_done()), options_.path, batch_);
  const double loss = model_.loss_and_gradient(batch_);
  losses_.push_back(float(loss));
  diverged_ = !std::isfinite(losses_.back());
  if (!diverged_) adam_.step(model_.weights_data(), model_.gradient_data());
}

std::vector<std::byte> RecallRun::state() const {
  std::vector<std::byte> out;
  append(out, std::vector<std::int64_t>{steps_done()});
  append(out, losses_);
  append(out, model_.weights());
  append(out, model_.running_values());
  append(out, adam_.first_moment());
  append(out, adam_.second_moment());
  return out;
}

void RecallRun::restore(std::span<const std::byte> state) {
  std::vector<std::int64_t> counts(1);
  take(state, counts);
  if (counts[0] < 0 || counts[0] > options_.steps) {
    throw libnorm::DataError("checkpoint: impossible step (" + std::to_string(counts[0]) +
                             "); need 0 .. " + std::to_string(options_.steps));
  }
  losses_.resize(std::size_t(counts[0]));
  take(state, losses_);
  take(state, model_.weights());
  take(state, model_.running_values());
  take(state, adam_.first_moment());
  take(state, adam_.second_moment());
  require_empty(state);
  adam_.set_steps(counts[0]);
  diverged_ = !losses_.empty() && !std::isfinite(losses_.back());
}

RunResult RecallRun::row(std::string_view profile) {
  RunResult row;
  row.profile = profile;
  row.arm = arm_.name;
  row.seed = seed_;
  row.spec_sha256 = recall_spec(options_, arm_, seed_).sha256();
  row.weights_sha256 = weights_sha256(model_);
  add_losses(row, losses_, options_.steps, diverged_);
  if (!diverged_) add_metrics(row);
  return row;
}

void RecallRun::add_metrics(RunResult& row) {
  task_.draw(seed_, Purpose::probe_batch, kSpectrumBatch, options_.path, batch_);
  const auto activations = model_.activations(batch_, options_.blocks - 1);
  row.singular_values = libnorm::singular_values<float>(activations, batch_.counts.data());
  for (const libnorm::MetricValue& m : libnorm::values_of(row.singular_values)) {
    row.metrics[m.name] = m.value;
  }
  add_slices(row);
}

void RecallRun::add_slices(RunResult& row) {
  task_.draw(seed_, Purpose::probe_batch, kSliceBatch, options_.path, batch_);
  const auto loss = [&] { return model_.loss(batch_); };
  const auto direction = libnorm::unit_direction<float>(
      Random(seed_, Purpose::direction, kPublishedDirection), model_.size());
  const auto add = [&](const std::string& name, Index points, Walk walk) {
    const auto slice =
        slice_loss(model_.weights(), direction, libnorm::even_grid(-0.5, 0.5, points), walk, loss);
    row.slices[name] = {slice.alpha, slice.loss};
    row.metrics["slice_range." + name] = range(slice);
  };
  add("published_e1", 50, Walk::restored);
  add("published", 40, Walk::restored);
  add("accumulated", 40, Walk::accumulated);

  const auto alpha = libnorm::even_grid(-1, 1, 41);
  Slice average{alpha, std::vector<double>(alpha.size(), 0.0)};
  double highest = 0;
  for (std::uint32_t k = 0; k < kFilterDirections; ++k) {
    const auto filter = libnorm::filter_normalized_direction(
        Random(seed_, Purpose::direction, kFirstFilterDirection + k), model_.parameters(),
        model_.weights());
    const auto slice = slice_loss(model_.weights(), filter, alpha, Walk::restored, loss);
    for (std::size_t i = 0; i < alpha.size(); ++i) {
      average.loss[i] += slice.loss[i] / double(kFilterDirections);
    }
    highest += *std::max_element(slice.loss.begin(), slice.loss.end()) / double(kFilterDirections);
  }
  row.slices["filter_normalized"] = average;
  row.metrics["slice_max.filter_normalized"] = highest;
}

}  // namespace harness
