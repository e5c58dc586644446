#include "harness/studies/recall_run.hpp"

#include <algorithm>

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

void RecallRun::expect(const std::vector<std::string>& measures) {
  if (std::ranges::find(measures, kLandmarks) != measures.end()) landmarks_.emplace(steps());
}

void RecallRun::step() {
  task_.draw(seed(), libnorm::Purpose::training_batch, std::uint32_t(steps_done()), options_.path,
             batch_);
  if (!add_gradient(batch_)) return;
  update();
  if (landmarks_) landmarks_->look(model(), losses());
}

/// The first number is the steps done, or -1 - that number where landmarks follow.
std::vector<std::byte> RecallRun::state() const {
  std::vector<std::byte> out;
  append(out, std::vector<std::int64_t>{landmarks_ ? -1 - steps_done() : steps_done()});
  if (landmarks_) landmarks_->append_to(out);
  append_losses(out);
  append_model(out);
  return out;
}

void RecallRun::restore(std::span<const std::byte> state) {
  std::vector<std::int64_t> done(1);
  take(state, done);
  const bool has_landmarks = done[0] < 0;
  if (landmarks_ && !has_landmarks) return;
  if (has_landmarks) {
    done[0] = -1 - done[0];
    TrainingLandmarks unused(steps());
    (landmarks_ ? *landmarks_ : unused).take_from(state, model());
  }
  take_losses(state, done[0]);
  take_model(state);
}

RunResult RecallRun::result(std::string_view profile) {
  RunResult result = trained_result(profile, arm_.name, recall_spec(options_, arm_, seed()));
  result.task = kRecallTasks[options_.kind];
  measure(due_measures(result, recall_measures()), result);
  return result;
}

void RecallRun::measure(const std::vector<std::string>& which, RunResult& result) {
  const TrainedRecall trained{options_,
                              seed(),
                              model(),
                              adam(),
                              adam_options(options_, arm_),
                              landmarks_ && finished() ? &*landmarks_ : nullptr};
  measure_recall(trained, which, result);
}

}  // namespace harness
