#include "harness/studies/encoder_run.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <string>
#include <utility>

#include "harness/base/stop.hpp"
#include "harness/runs/checkpoint.hpp"
#include "harness/runs/kept_state.hpp"

namespace harness {

EncoderRun::EncoderRun(const EncoderOptions& options, const EncoderArm& arm, std::uint64_t seed,
                       std::shared_ptr<const EncoderData> data)
    : options_(options),
      arm_(arm),
      seed_(seed),
      data_(std::move(data)),
      model_(model_options(options, arm, *data_)),
      adam_(model_.size(), adam_options(options)),
      order_(std::size_t(data_->train.size())) {
  check(options);
  model_.initialize(seed);
  losses_.reserve(std::size_t(steps()));
}

Index EncoderRun::steps_per_epoch() const {
  return (data_->train.size() + options_.batch - 1) / options_.batch;
}

void EncoderRun::shuffle(Index epoch) {
  std::iota(order_.begin(), order_.end(), 0);
  shuffle_front(order_, Index(order_.size()),
                libnorm::Random(seed_, libnorm::Purpose::training_batch, std::uint32_t(epoch)));
  order_of_ = epoch;
}

void EncoderRun::step() {
  if (epoch_is_due()) return finish_epoch();
  const Index epoch = steps_done() / steps_per_epoch();
  const Index first = steps_done() % steps_per_epoch() * options_.batch;
  if (order_of_ != epoch) shuffle(epoch);
  const Index count = std::min(options_.batch, Index(order_.size()) - first);
  meter().lay_out(data_->train, std::span(order_).subspan(std::size_t(first), std::size_t(count)));
  const double loss = model_.loss_and_gradient(batch_);
  losses_.push_back(float(loss));
  diverged_ = !std::isfinite(losses_.back());
  if (diverged_) return;
  const auto logits = model_.last_logits();
  for (Index b = 0; b < logits.rows; ++b) correct_ += is_correct(logits, b, batch_.targets);
  adam_.step(model_.weights_data(), model_.gradient_data());
  if (at_landmark()) finish_epoch();
}

void EncoderRun::finish_epoch() {
  Epoch epoch;
  epoch.correct = correct_;
  epoch.held_out_correct = test();
  check_stop();
  epoch.spectra = meter().spectra();
  epochs_.push_back(std::move(epoch));
  correct_ = 0;
}

std::int64_t EncoderRun::test() {
  held_out_correct_ = meter().held_out_correct();
  return std::count(held_out_correct_.begin(), held_out_correct_.end(), true);
}

std::vector<std::byte> EncoderRun::state() const {
  std::vector<std::byte> out;
  append(out, std::vector<std::int64_t>{steps_done(), correct_, Index(epochs_.size())});
  append(out, losses_);
  for (const Epoch& epoch : epochs_) {
    append(out, std::vector<std::int64_t>{epoch.correct, epoch.held_out_correct});
    append(out, epoch.spectra);
  }
  append(out, model_.weights());
  append(out, model_.running_values());
  append(out, adam_.first_moment());
  append(out, adam_.second_moment());
  return out;
}

void EncoderRun::restore(std::span<const std::byte> state) {
  std::vector<std::int64_t> counts(3);
  take(state, counts);
  const Index epochs = counts[0] / steps_per_epoch();
  const bool is_due =
      counts[0] % steps_per_epoch() == 0 && counts[2] >= 0 && counts[2] + 1 == epochs;
  const bool in_order =
      0 <= counts[0] && counts[0] <= steps() && 0 <= counts[1] && (counts[2] == epochs || is_due);
  if (!in_order) {
    throw libnorm::DataError("checkpoint: impossible step (" + std::to_string(counts[0]) +
                             ", epochs done " + std::to_string(counts[2]) + "); need 0 .. " +
                             std::to_string(steps()) + "; delete the run's folder");
  }
  losses_.resize(std::size_t(counts[0]));
  take(state, losses_);
  correct_ = counts[1];
  held_out_correct_.clear();
  epochs_.assign(std::size_t(counts[2]), {});
  for (Epoch& epoch : epochs_) {
    std::vector<std::int64_t> correct(2);
    take(state, correct);
    epoch.correct = correct[0];
    epoch.held_out_correct = correct[1];
    epoch.spectra.resize(std::size_t(options_.blocks * options_.channels) *
                         std::size(kSpectrumVariants));
    take(state, epoch.spectra);
  }
  take(state, model_.weights());
  take(state, model_.running_values());
  take(state, adam_.first_moment());
  take(state, adam_.second_moment());
  require_empty(state);
  adam_.set_steps(steps_done());
  diverged_ = !losses_.empty() && !std::isfinite(losses_.back());
}

RunResult EncoderRun::row(std::string_view profile) {
  RunResult row;
  row.task = data_->task;
  row.data = data_->description;
  row.profile = profile;
  row.arm = arm_.name;
  row.seed = seed_;
  const Spec spec = encoder_spec(options_, arm_, seed_, *data_);
  row.spec_sha256 = spec.sha256();
  row.spec = spec.canonical();
  row.weights_sha256 = weights_sha256(model_);
  add_losses(row, losses_, steps(), diverged_);
  add_epochs(row);
  if (diverged_) return row;
  // A checkpoint has how many were right alone: restored at its end, a run is tested once more.
  if (held_out_correct_.empty()) test();
  row.held_out_correct = held_out_correct_;
  for (const Measure& measure : encoder_measures()) {
    row.measures[std::string(measure.name)] = measure.version;
  }
  return row;
}

void EncoderRun::measure(const std::vector<std::string>& which, RunResult& row) {
  EncoderMeter of_this = meter();
  measure_encoder(options_, which, of_this, row);
}

void EncoderRun::add_epochs(RunResult& row) const {
  const auto add = [&](const std::string& name, double value) {
    row.epochs[name].push_back(value);
    row.metrics[name] = value;
  };
  for (std::size_t e = 0; e < epochs_.size(); ++e) {
    const Epoch& epoch = epochs_[e];
    const Index n = data_->train.size();
    double loss = 0;
    for (Index i = 0; i < steps_per_epoch(); ++i) {
      const Index size = std::min(options_.batch, n - i * options_.batch);
      loss += double(losses_[e * std::size_t(steps_per_epoch()) + std::size_t(i)]) * double(size);
    }
    add("training_loss", loss / double(n));
    add("training_accuracy", double(epoch.correct) / double(n));
    add("held_out_accuracy", double(epoch.held_out_correct) / double(data_->test.size()));
    for_each_spectrum(options_, epoch.spectra, [&](const std::string& name, auto values) {
      for_each_metric(values, [&](std::string_view metric, double value) {
        add(name + "." + std::string(metric), value);
      });
      row.spectra[name].assign(values.begin(), values.end());
    });
  }
}

}  // namespace harness
