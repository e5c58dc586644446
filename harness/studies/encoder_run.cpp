#include "harness/studies/encoder_run.hpp"

#include <algorithm>
#include <numeric>
#include <string>
#include <utility>

#include "harness/base/stop.hpp"
#include "harness/runs/checkpoint.hpp"

namespace harness {
namespace {

/// A batch of 0 is refused later, when the model is made.
Index batches_of(const EncoderData& data, const EncoderOptions& options) {
  const Index batch = std::max<Index>(options.batch, 1);
  return (data.train.size() + batch - 1) / batch;
}

}  // namespace

EncoderRun::EncoderRun(const EncoderOptions& options, const EncoderArm& arm, std::uint64_t seed,
                       std::shared_ptr<const EncoderData> data)
    : ModelRun(model_options(options, arm, *data),
               adam_options(options, options.epochs * batches_of(*data, options)),
               options.epochs * batches_of(*data, options), seed),
      options_(options),
      arm_(arm),
      data_(std::move(data)),
      order_(std::size_t(data_->train.size())) {
  check(options);
}

Index EncoderRun::steps_per_epoch() const { return batches_of(*data_, options_); }

void EncoderRun::shuffle(Index epoch) {
  std::iota(order_.begin(), order_.end(), 0);
  shuffle_front(order_, Index(order_.size()),
                libnorm::Random(seed(), libnorm::Purpose::training_batch, std::uint32_t(epoch)));
  order_of_ = epoch;
}

void EncoderRun::step() {
  if (epoch_is_due()) return finish_epoch();
  const Index epoch = steps_done() / steps_per_epoch();
  const Index first = steps_done() % steps_per_epoch() * options_.batch;
  if (order_of_ != epoch) shuffle(epoch);
  const Index count = std::min(options_.batch, Index(order_.size()) - first);
  meter().lay_out(data_->train, std::span(order_).subspan(std::size_t(first), std::size_t(count)));
  if (!add_gradient(batch_)) return;
  const auto logits = model().last_logits();
  for (Index b = 0; b < logits.rows; ++b) correct_ += is_correct(logits, b, batch_.targets);
  update();
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
  append_losses(out);
  for (const Epoch& epoch : epochs_) {
    append(out, std::vector<std::int64_t>{epoch.correct, epoch.held_out_correct});
    append(out, epoch.spectra);
  }
  append_model(out);
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
  take_losses(state, counts[0]);
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
  take_model(state);
}

RunResult EncoderRun::result(std::string_view profile) {
  RunResult result =
      trained_result(profile, arm_.name, encoder_spec(options_, arm_, seed(), *data_));
  result.task = data_->task;
  result.data = data_->description;
  add_epochs(result);
  if (diverged()) return result;
  // A checkpoint stores only how many texts were right, so a run restored at its end is tested
  // again.
  if (held_out_correct_.empty()) test();
  result.held_out_correct = held_out_correct_;
  for (const Measure& measure : encoder_measures()) {
    if (measure.when != Measure::When::always) continue;
    const std::string name(measure.name);
    // Without an epoch, the untrained model is still to be measured.
    if (epochs_.empty() && measure.of != Measure::Of::course) this->measure({name}, result);
    result.measures[name] = measure.version;
  }
  return result;
}

void EncoderRun::measure(const std::vector<std::string>& which, RunResult& result) {
  EncoderMeter of_this = meter();
  for (const std::string& name : which) {
    if (find_measure(encoder_measures(), name).of == Measure::Of::course && finished()) {
      result.epochs.clear();
      add_epochs(result);
      result.measures[name] = find_measure(encoder_measures(), name).version;
    } else {
      measure_encoder(options_, {name}, of_this, result);
    }
  }
}

void EncoderRun::add_epochs(RunResult& result) const {
  const auto add = [&](const std::string& name, double value) {
    result.epochs[name].push_back(value);
    result.metrics[name] = value;
  };
  for (std::size_t e = 0; e < epochs_.size(); ++e) {
    const Epoch& epoch = epochs_[e];
    const Index n = data_->train.size();
    double loss = 0;
    for (Index i = 0; i < steps_per_epoch(); ++i) {
      const Index size = std::min(options_.batch, n - i * options_.batch);
      loss += double(losses()[e * std::size_t(steps_per_epoch()) + std::size_t(i)]) * double(size);
    }
    add("training_loss", loss / double(n));
    add("training_accuracy", double(epoch.correct) / double(n));
    add("held_out_accuracy", double(epoch.held_out_correct) / double(data_->test.size()));
    for_each_spectrum(options_, epoch.spectra, [&](const std::string& name, auto values) {
      for_each_metric(values, [&](std::string_view metric, double value) {
        add(name + "." + std::string(metric), value);
      });
      result.spectra[name].assign(values.begin(), values.end());
    });
  }
}

}  // namespace harness
