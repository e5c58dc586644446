#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "harness/results/spec.hpp"
#include "harness/studies/study.hpp"
#include "harness/studies/study_numbers.hpp"
#include "libnorm/data/associative_recall.hpp"
#include "libnorm/models/transformer.hpp"
#include "libnorm/optim/adam.hpp"

namespace harness {

/// Every number of Experiments 1 to 3, with the paper's values.
struct RecallOptions {
  Index entities = 20;
  Index attributes = 20;
  Index rank = 40;
  Index batch = 128;
  Index channels = 128;
  Index hidden = 512;
  Index heads = 1;
  Index blocks = 1;
  Index steps = 4000;
  double learning_rate = 1e-4;
  double learning_rate_none = 5e-4;
  double beta1 = 0.9;
  double beta2 = 0.999;
  double epsilon = 1e-8;
  libnorm::Path path = libnorm::Path::shortcut;
  libnorm::Gemm gemm = libnorm::Gemm::exact;

  bool operator==(const RecallOptions&) const = default;

  libnorm::AssociativeRecall task() const { return {entities, attributes, rank, batch}; }
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

using RecallProfile = Profile<RecallOptions>;
const std::vector<RecallProfile>& recall_profiles();
/// Throws: ValueError for an unknown name, with the known ones.
const RecallProfile& find_recall_profile(std::string_view name);

/// All that decides the bits of one run.
Spec recall_spec(const RecallOptions& options, const RecallArm& arm, std::uint64_t seed);

/// Experiments 1 to 3.
const Study& recall_study();

libnorm::TransformerOptions model_options(const RecallOptions& options, const RecallArm& arm);
libnorm::AdamOptions adam_options(const RecallOptions& options, const RecallArm& arm);

}  // namespace harness
