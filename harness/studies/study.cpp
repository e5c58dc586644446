#include "harness/studies/study.hpp"

#include <fmt/format.h>

#include "harness/studies/study_numbers.hpp"

namespace harness {

std::size_t Study::claim_seeds() const {
  for (const GoldenSeeds& golden : golden_seeds()) {
    const Task* task = find_task(golden.task);
    const bool is_evidence = task != nullptr && task->stand_in.empty();
    if (is_evidence && golden.profile == claim_profile()) return golden.seeds;
  }
  return 0;
}

const Task* Study::find_task(std::string_view name) const {
  for (const Task& task : tasks()) {
    if (task.name == name) return &task;
  }
  return nullptr;
}

FoundExperiment find_experiment(std::string_view id) {
  std::string known;
  for (const Study* study : studies()) {
    for (const Experiment& experiment : study->experiments()) {
      if (experiment.id == id) return {study, &experiment};
      known += (known.empty() ? "" : ", ") + std::string(experiment.id);
    }
  }
  throw libnorm::ValueError("experiment: unknown name (" + std::string(id) + "); use one of " +
                            known);
}

const std::vector<Measure>& Study::measures() const {
  static const std::vector<Measure> none;
  return none;
}

PlannedAgain Study::plan_again(const std::vector<RunResult>& results,
                               const Request& request) const {
  return plan_each(results, [&](const RunResult& result) {
    Request one = request;
    one.profile = result.profile;
    one.arms = {result.arm};
    one.seeds = {result.seed};
    return std::move(plan(one).at(0));
  });
}

bool Study::is_current(const RunResult& result) const {
  const std::optional<Spec> spec = spec_of(result);
  return spec && spec->has_hash(result.spec_sha256);
}

const Study& study_of(const RunResult& result) {
  std::vector<std::string_view> known;
  for (const Study* study : studies()) {
    if (study->find_task(result.task) != nullptr) return *study;
    for (const Task& task : study->tasks()) known.push_back(task.name);
  }
  throw libnorm::DataError(
      fmt::format("result: unknown task ({}); use one of {}", result.task, fmt::join(known, ", ")));
}

}  // namespace harness
