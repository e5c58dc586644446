#include "harness/experiments/study.hpp"

#include <algorithm>

#include "harness/experiments/encoder.hpp"
#include "harness/experiments/recall.hpp"
#include "libnorm/models/normalization.hpp"
#include "libnorm/norms/catalogue.hpp"

namespace harness {

std::span<const Study* const> studies() {
  static const Study* const kStudies[] = {&recall_study(), &encoder_study()};
  return kStudies;
}

bool is_normalization(std::string_view name) {
  if (name.find_first_of("+@") != std::string_view::npos) return true;
  const auto has = [&](const auto& list) {
    return std::any_of(list.begin(), list.end(), [&](const auto& x) { return x.name == name; });
  };
  return has(libnorm::named_norms()) || has(libnorm::named_stabilizers());
}

bool Study::has_arm(std::string_view name) const {
  const auto& list = arms();
  if (std::any_of(list.begin(), list.end(), [&](const auto& a) { return a.name == name; })) {
    return true;
  }
  if (!is_normalization(name)) return false;
  try {
    libnorm::parse_normalization(name);
    return true;
  } catch (const libnorm::ValueError&) {
    return false;
  }
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

const Study& study_of(const Row& row) {
  if (row.task == "associative_recall") return recall_study();
  if (row.task == "ag_news" || row.task == "topics") return encoder_study();
  throw libnorm::ValueError("row: unknown task (" + row.task +
                            "); need associative_recall, ag_news or topics");
}

}  // namespace harness
