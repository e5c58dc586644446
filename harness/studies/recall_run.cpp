#include "harness/studies/recall_run.hpp"

#include "harness/runs/checkpoint.hpp"
#include "harness/studies/recall_measures.hpp"

namespace harness {

RecallRun::RecallRun(const RecallOptions& options, const RecallArm& arm, std::uint64_t seed)
    : ModelRun(model_options(options, arm), adam_options(options, arm), options.steps, seed),
      options_(options),
      arm_(arm),
      task_(options.task()) {
  check(options);
}

void RecallRun::step() {
  task_.draw(seed(), libnorm::Purpose::training_batch, std::uint32_t(steps_done()), options_.path,
             batch_);
  if (add_gradient(batch_)) update();
}

std::vector<std::byte> RecallRun::state() const {
  std::vector<std::byte> out;
  append(out, std::vector<std::int64_t>{steps_done()});
  append_losses(out);
  append_model(out);
  return out;
}

void RecallRun::restore(std::span<const std::byte> state) {
  std::vector<std::int64_t> done(1);
  take(state, done);
  take_losses(state, done[0]);
  take_model(state);
}

RunResult RecallRun::result(std::string_view profile) {
  RunResult result = trained_result(profile, arm_.name, recall_spec(options_, arm_, seed()));
  measure(due_measures(result, recall_measures()), result);
  return result;
}

void RecallRun::measure(const std::vector<std::string>& which, RunResult& result) {
  measure_recall(options_, seed(), which, model(), result);
}

}  // namespace harness
