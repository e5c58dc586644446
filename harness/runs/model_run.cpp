#include "harness/runs/model_run.hpp"

#include <algorithm>
#include <cmath>
#include <string>

#include "harness/runs/checkpoint.hpp"
#include "harness/runs/kept_state.hpp"
#include "libnorm/core/error.hpp"

namespace harness {

ModelRun::ModelRun(const libnorm::TransformerOptions& model, const libnorm::AdamOptions& adam,
                   Index steps, std::uint64_t seed)
    : model_(model),
      adam_(model_.size(), adam,
            adam.weight_decay > 0 ? model_.parameters().in_matrices() : std::vector<bool>()),
      steps_(steps),
      seed_(seed) {
  model_.initialize(seed);
  losses_.reserve(std::size_t(std::max<Index>(steps, 0)));
}

bool ModelRun::add_gradient(const libnorm::Batch& batch) {
  losses_.push_back(float(model_.loss_and_gradient(batch)));
  diverged_ = !std::isfinite(losses_.back());
  return !diverged_;
}

void ModelRun::append_losses(std::vector<std::byte>& state) const { append(state, losses_); }

void ModelRun::take_losses(std::span<const std::byte>& state, Index done) {
  if (done < 0 || done > steps_) {
    throw libnorm::DataError("checkpoint: impossible step (" + std::to_string(done) +
                             "); need 0 .. " + std::to_string(steps_) +
                             "; delete the run's folder");
  }
  losses_.resize(std::size_t(done));
  take(state, losses_);
}

void ModelRun::append_model(std::vector<std::byte>& state) const {
  append(state, model_.weights());
  append(state, model_.running_values());
  append(state, adam_.first_moment());
  append(state, adam_.second_moment());
}

void ModelRun::take_model(std::span<const std::byte> state) {
  take(state, model_.weights());
  take(state, model_.running_values());
  take(state, adam_.first_moment());
  take(state, adam_.second_moment());
  require_empty(state);
  adam_.set_steps(steps_done());
  diverged_ = !losses_.empty() && !std::isfinite(losses_.back());
}

RunResult ModelRun::trained_result(std::string_view profile, std::string_view arm,
                                   const Spec& spec) const {
  RunResult result;
  result.profile = profile;
  result.arm = arm;
  result.seed = seed_;
  result.spec_sha256 = spec.sha256();
  result.spec = spec.canonical();
  result.weights_sha256 = weights_sha256(model_);
  add_losses(result, losses_, steps_, diverged_);
  return result;
}

}  // namespace harness
