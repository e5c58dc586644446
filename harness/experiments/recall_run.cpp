#include "harness/experiments/recall_run.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <string>

#include "harness/sha256.hpp"
#include "libnorm/metrics/slice.hpp"
#include "libnorm/metrics/spectrum.hpp"

namespace harness {
namespace {

using libnorm::Purpose;
using libnorm::Random;
using libnorm::Walk;

constexpr Index kCurvePoints = 200;
constexpr Index kFinalSteps = 100;
constexpr std::uint32_t kSliceBatch = 0, kSpectrumBatch = 1;
constexpr std::uint32_t kPublishedDirection = 0, kFirstFilterDirection = 1, kFilterDirections = 10;

template <class T>
std::span<const std::byte> bytes_of(const std::vector<T>& v) {
  return std::as_bytes(std::span(v));
}

void append(std::vector<std::byte>& to, std::span<const std::byte> from) {
  to.insert(to.end(), from.begin(), from.end());
}

template <class T>
void take(std::span<const std::byte>& from, std::vector<T>& to) {
  const std::size_t bytes = to.size() * sizeof(T);
  if (from.size() < bytes) {
    throw libnorm::DataError("checkpoint: it is shorter than the model it is for (" +
                             std::to_string(from.size()) + " bytes left, " + std::to_string(bytes) +
                             " needed); delete the run's folder");
  }
  std::memcpy(to.data(), from.data(), bytes);
  from = from.subspan(bytes);
}

double mean(const std::vector<float>& losses, Index first, Index end) {
  double total = 0;
  for (Index i = first; i < end; ++i) total += double(losses[std::size_t(i)]);
  return total / double(end - first);
}

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
    libnorm::Adam<float>(0, adam_options(options, arm));
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
  if (!diverged_) adam_.step(model_.weights().data(), model_.gradient().data());
}

std::vector<std::byte> RecallRun::state() const {
  std::vector<std::byte> out;
  const std::vector<std::int64_t> counts = {steps_done()};
  append(out, bytes_of(counts));
  append(out, bytes_of(losses_));
  append(out, bytes_of(model_.weights()));
  append(out, bytes_of(model_.running_values()));
  append(out, bytes_of(adam_.first_moment()));
  append(out, bytes_of(adam_.second_moment()));
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
  if (!state.empty()) {
    throw libnorm::DataError("checkpoint: it is longer than the model it is for (" +
                             std::to_string(state.size()) +
                             " bytes too many); delete the run's folder");
  }
  adam_.set_steps(counts[0]);
  diverged_ = !losses_.empty() && !std::isfinite(losses_.back());
}

Row RecallRun::row(std::string_view profile) {
  Row row;
  row.profile = profile;
  row.arm = arm_.name;
  row.seed = seed_;
  row.steps = steps_done();
  row.diverged_at = diverged_ ? steps_done() - 1 : -1;
  row.spec_sha256 = recall_spec(options_, arm_, seed_).sha256();
  Sha256 weights;
  weights.update(bytes_of(model_.weights()));
  weights.update(bytes_of(model_.running_values()));
  row.weights_sha256 = weights.hex();
  row.losses_sha256 = sha256_hex(bytes_of(losses_));
  row.curve_stride = std::max<Index>(1, options_.steps / kCurvePoints);
  for (Index i = 0; i + row.curve_stride <= steps_done(); i += row.curve_stride) {
    row.loss_curve.push_back(mean(losses_, i, i + row.curve_stride));
  }
  row.final_loss = mean(losses_, std::max<Index>(0, steps_done() - kFinalSteps), steps_done());
  if (!diverged_) measure(row);
  return row;
}

void RecallRun::measure(Row& row) {
  task_.draw(seed_, Purpose::probe_batch, kSpectrumBatch, options_.path, batch_);
  const auto activations = model_.activations(batch_, options_.blocks - 1);
  row.singular_values = libnorm::singular_values<float>(activations, batch_.counts.data());
  for (const libnorm::SpectralMetric& metric : libnorm::spectral_metrics()) {
    row.metrics[std::string(metric.name)] = metric.value(row.singular_values);
  }
  measure_slices(row);
}

void RecallRun::measure_slices(Row& row) {
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
