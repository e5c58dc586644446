#include "harness/studies/recall_run.hpp"

#include <cmath>
#include <string>

#include "harness/runs/checkpoint.hpp"
#include "harness/runs/kept_state.hpp"
#include "harness/studies/recall_measures.hpp"

namespace harness {

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
  task_.draw(seed_, libnorm::Purpose::training_batch, std::uint32_t(steps_done()), options_.path,
             batch_);
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
  const Spec spec = recall_spec(options_, arm_, seed_);
  row.spec_sha256 = spec.sha256();
  row.spec = spec.canonical();
  row.weights_sha256 = weights_sha256(model_);
  add_losses(row, losses_, options_.steps, diverged_);
  measure(due_measures(row, recall_measures()), row);
  return row;
}

void RecallRun::measure(const std::vector<std::string>& which, RunResult& row) {
  measure_recall(options_, seed_, which, model_, row);
}

}  // namespace harness
