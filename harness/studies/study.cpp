#include "harness/studies/study.hpp"

#include "harness/studies/encoder_study.hpp"
#include "harness/studies/recall_study.hpp"
#include "harness/studies/study_numbers.hpp"

namespace harness {

std::span<const Study* const> studies() {
  static const Study* const kStudies[] = {&recall_study(), &encoder_study()};
  return kStudies;
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

PlannedAgain Study::plan_again(const std::vector<RunResult>& rows, const Request& request) const {
  return plan_each(rows, [&](const RunResult& row) {
    Request one = request;
    one.profile = row.profile;
    one.arms = {row.arm};
    one.seeds = {row.seed};
    return std::move(plan(one).at(0));
  });
}

bool Study::is_current(const RunResult& row) const {
  const std::optional<Spec> spec = spec_of(row);
  return spec && spec->has_hash(row.spec_sha256);
}

const Study& study_of(const RunResult& row) {
  if (row.task == "associative_recall") return recall_study();
  if (row.task == "ag_news" || row.task == "topics") return encoder_study();
  throw libnorm::DataError("row: unknown task (" + row.task +
                           "); need associative_recall, ag_news or topics");
}

}  // namespace harness
