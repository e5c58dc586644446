#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "harness/results/spec.hpp"
#include "harness/studies/study_numbers.hpp"
#include "harness/studies/training_options.hpp"
#include "libnorm/data/associative_recall.hpp"

namespace harness {

/// Every number of Experiments 1 to 3, with the paper's values.
struct RecallOptions : TrainingOptions {
  /// A place in kRecallTasks.
  Index kind = 0;
  Index entities = 20;
  Index attributes = 20;
  Index rank = 40;
  Index steps = 4000;
  double learning_rate_none = 5e-4;

  bool operator==(const RecallOptions&) const = default;

  libnorm::AssociativeRecall task() const {
    return {entities, attributes, rank, batch, libnorm::RecallKind(kind)};
  }
};

/// A model to train: a norm and the learning rate it gets.
struct RecallArm {
  std::string_view name;
  std::string_view norm;
  double RecallOptions::*learning_rate;
  std::string_view description;
};
const std::vector<RecallArm>& recall_arms();
/// Throws: ValueError for an unknown name, with the known ones.
const RecallArm& find_recall_arm(std::string_view name);

/// The tasks of its runs, in the order of RecallKind: the paper's, which is copying, and one that
/// needs attention.
inline constexpr std::string_view kRecallTask = "associative_recall", kLookupTask = "lookup";
inline constexpr std::string_view kRecallTasks[] = {kRecallTask, kLookupTask};

using RecallProfile = Profile<RecallOptions>;
const std::vector<RecallProfile>& recall_profiles();
/// Throws: ValueError for an unknown name, with the known ones.
const RecallProfile& find_recall_profile(std::string_view name);

const std::vector<Number<RecallOptions>>& recall_numbers();

/// Everything that decides the bits of one run.
Spec recall_spec(const RecallOptions& options, const RecallArm& arm, std::uint64_t seed);

libnorm::TransformerOptions model_options(const RecallOptions& options, const RecallArm& arm);
libnorm::AdamOptions adam_options(const RecallOptions& options, const RecallArm& arm);

/// Throws: ValueError for options outside their domain, before anything is trained.
void check(const RecallOptions& options);

}  // namespace harness
