#include "harness/studies/recall_options.hpp"

#include "harness/results/environment.hpp"

namespace harness {
namespace {

/// Small, but covers every branch of the paper's scale: widths that are no multiple of the lanes,
/// and sums longer than a segment and a shard.
RecallOptions recall_smoke() {
  RecallOptions o;
  o.entities = 6;
  o.attributes = 6;
  o.rank = 12;
  o.batch = 16;
  o.channels = 40;
  o.hidden = 160;
  o.steps = 60;
  return o;
}

}  // namespace

const std::vector<RecallArm>& recall_arms() {
  using O = RecallOptions;
  static const std::vector<RecallArm> arms = {
      {"layernorm", "layernorm", &O::learning_rate, "LayerNorm with gain and bias"},
      {"batchnorm", "batchnorm", &O::learning_rate, "BatchNorm over batch and positions"},
      {"manual_l2", "manual_l2", &O::learning_rate, "the sphere of radius 1, no gain, no bias"},
      {"none", "none", &O::learning_rate_none, "no normalization, at its own learning rate"},
      {"sphere", "sphere", &O::learning_rate,
       "control: the sphere of radius sqrt(C), no gain, no bias"},
      {"none_matched", "none", &O::learning_rate,
       "control: no normalization, at the other arms' learning rate"},
  };
  return arms;
}

const RecallArm& find_recall_arm(std::string_view name) {
  return find_or_make_arm<RecallArm>(recall_arms(), name, [](std::string_view text) {
    return RecallArm{text, text, &RecallOptions::learning_rate, "a custom normalization"};
  });
}

const std::vector<RecallProfile>& recall_profiles() {
  static const std::vector<RecallProfile> profiles = {
      {"smoke", "a small model for a few steps: seconds", recall_smoke()},
      {"paper", "the paper's scale: 4000 steps", RecallOptions{}},
  };
  return profiles;
}

const std::vector<Number<RecallOptions>>& recall_numbers() {
  using O = RecallOptions;
  static const auto list = with_shared_numbers<RecallOptions>({
      {"task",
       "associative_recall, the paper's copying, or lookup: recall an entity's attribute",
       &O::kind,
       {std::begin(kRecallTasks), std::end(kRecallTasks)}},
      {"entities", "entities of the task", &O::entities},
      {"attributes", "attributes of the task; keys are entities x attributes", &O::attributes},
      {"rank", "keys drawn for a sequence of rank + 1 positions; of lookup at most the entities",
       &O::rank},
      {"steps", "training steps", &O::steps},
      {"learning-rate-none", "Adam's learning rate of the arm none", &O::learning_rate_none},
  });
  return list;
}

const RecallProfile& find_recall_profile(std::string_view name) {
  return find_named(recall_profiles(), &RecallProfile::name, name, "profile");
}

Spec recall_spec(const RecallOptions& options, const RecallArm& arm, std::uint64_t seed) {
  Spec spec;
  spec.set("numerics", std::string_view(kNumerics));
  spec.set("arm", arm.name);
  spec.set("norm", arm.norm);
  spec.set("seed", seed);
  add_execution_keys(spec, options);
  for (const Number<RecallOptions>& number : recall_numbers()) {
    // Only the arm's own learning rate decides its bits, not that of other arms.
    if (number.real == &RecallOptions::learning_rate_none) continue;
    if (number.real == &RecallOptions::learning_rate) {
      spec.set(number.key(), options.*arm.learning_rate);
    } else {
      number.tell(spec, options);
    }
  }
  return spec;
}

libnorm::TransformerOptions model_options(const RecallOptions& options, const RecallArm& arm) {
  const libnorm::AssociativeRecall task = options.task();
  return model_options(options, arm.norm, task.vocabulary(), task.outputs());
}

libnorm::AdamOptions adam_options(const RecallOptions& options, const RecallArm& arm) {
  libnorm::AdamOptions adam = adam_options(options, options.steps);
  adam.learning_rate = options.*arm.learning_rate;
  return adam;
}

void check(const RecallOptions& options) {
  options.task().check();
  model_options(options, recall_arms().front()).check();
  if (options.steps < 0) {
    throw libnorm::ValueError("steps: negative (" + std::to_string(options.steps) +
                              "); need 0 or more");
  }
  for (const RecallArm& arm : recall_arms()) {
    const bool own_rate = arm.learning_rate == &RecallOptions::learning_rate_none;
    adam_options(options, arm)
        .check<float>(adam_names(own_rate ? "learning-rate-none" : "learning-rate"));
  }
}

}  // namespace harness
