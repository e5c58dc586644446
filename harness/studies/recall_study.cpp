#include "harness/studies/recall_study.hpp"

#include "harness/results/environment.hpp"
#include "harness/runs/run_memory.hpp"
#include "harness/studies/recall_measures.hpp"
#include "harness/studies/recall_run.hpp"

namespace harness {
namespace {

/// Widths that are no multiple of the lanes, sums longer than a segment and a shard: small, and
/// through every branch that the paper's scale takes.
RecallOptions smoke() {
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

const std::vector<Number<RecallOptions>>& recall_numbers() {
  using O = RecallOptions;
  static const std::vector<Number<RecallOptions>> list = {
      {"entities", "entities of the task", &O::entities},
      {"attributes", "attributes of the task; keys are entities x attributes", &O::attributes},
      {"rank", "keys drawn for a sequence of rank + 1 positions", &O::rank},
      {"batch", "sequences in a batch", &O::batch},
      {"channels", "width of the model", &O::channels},
      {"hidden", "width of the ffn", &O::hidden},
      {"heads", "attention heads; they divide the channels", &O::heads},
      {"blocks", "transformer blocks", &O::blocks},
      {"steps", "training steps", &O::steps},
      {"learning-rate", "Adam's learning rate of every arm but none", &O::learning_rate},
      {"learning-rate-none", "Adam's learning rate of the arm none", &O::learning_rate_none},
      {"beta1", "Adam's decay of the first moment", &O::beta1},
      {"beta2", "Adam's decay of the second moment", &O::beta2},
      {"epsilon", "Adam's epsilon", &O::epsilon},
  };
  return list;
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
    return RecallArm{text, text, &RecallOptions::learning_rate, "a normalization of one's own"};
  });
}

const std::vector<RecallProfile>& recall_profiles() {
  static const std::vector<RecallProfile> profiles = {
      {"smoke", "a small model for a few steps: seconds", smoke()},
      {"paper", "the paper's scale: 4000 steps", RecallOptions{}},
  };
  return profiles;
}

const RecallProfile& find_recall_profile(std::string_view name) {
  return find_named(recall_profiles(), &RecallProfile::name, name, "profile");
}

Spec recall_spec(const RecallOptions& options, const RecallArm& arm, std::uint64_t seed) {
  Spec spec;
  spec.set("task", std::string_view("associative_recall"));
  spec.set("numerics", std::string_view(kNumerics));
  spec.set("arm", arm.name);
  spec.set("norm", arm.norm);
  spec.set("seed", seed);
  add_execution_keys(spec, options);
  for (const Number<RecallOptions>& number : recall_numbers()) {
    // An arm's own learning rate decides; that of the others does not.
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
  libnorm::TransformerOptions m;
  m.vocabulary = options.task().vocabulary();
  m.outputs = m.vocabulary;
  m.channels = options.channels;
  m.hidden = options.hidden;
  m.heads = options.heads;
  m.blocks = options.blocks;
  m.normalization = libnorm::parse_normalization(arm.norm);
  return m;
}

libnorm::AdamOptions adam_options(const RecallOptions& options, const RecallArm& arm) {
  return {options.*arm.learning_rate, options.beta1, options.beta2, options.epsilon};
}

namespace {

double bytes_of(const RecallOptions& o) {
  const bool dense = o.path == libnorm::Path::dense;
  const double positions = double(o.rank) + 1;
  return bytes_of_training({model_options(o, recall_arms().front()), double(o.batch), positions,
                            dense ? positions : double(o.rank), o.path, double(o.steps)});
}

class RecallStudy final : public Study {
 public:
  std::string_view name() const override { return "recall"; }
  std::string_view claim_profile() const override { return "paper"; }
  std::size_t claim_seeds() const override { return 10; }

  const std::vector<Experiment>& experiments() const override {
    static const std::vector<Experiment> list = {
        {"e1",
         1,
         {"layernorm", "none"},
         {"none_matched"},
         {"published", "filter_normalized"},
         "LayerNorm against no normalization (Figure 1)"},
        {"e2",
         2,
         {"layernorm", "batchnorm", "none"},
         {"none_matched"},
         {"published", "accumulated", "filter_normalized"},
         "BatchNorm beside them (Figure 2)"},
        {"e3",
         3,
         {"layernorm", "batchnorm", "manual_l2", "none"},
         {"sphere", "none_matched"},
         {"published", "accumulated", "filter_normalized"},
         "the sphere without an affine part beside them (Figure 3)"},
    };
    return list;
  }

  const std::vector<ArmInfo>& arms() const override {
    static const auto list = summaries_of<ArmInfo>(recall_arms());
    return list;
  }

  const std::vector<Protocol>& protocols() const override {
    static const std::vector<Protocol> list = {
        {"published", "loss along one direction of norm 1, alpha in [-0.5, 0.5]"},
        {"accumulated",
         "the same, with displacements never taken off, as the notebooks of e2 and e3 do"},
        {"filter_normalized",
         "loss along 10 filter-normalized directions (Li et al. 2018), alpha in [-1, 1]"},
    };
    return list;
  }

  std::vector<Column> columns(std::string_view protocol) const override {
    const bool is_rise = protocol == "filter_normalized";
    return {{"effective_rank", "eff. rank"},
            {(is_rise ? "slice_max." : "slice_range.") + std::string(protocol), "sharpness"}};
  }

  const std::vector<ProfileInfo>& profiles() const override {
    static const auto list = summaries_of<ProfileInfo>(recall_profiles());
    return list;
  }

  const std::vector<NumberInfo>& numbers() const override {
    static const auto list = summaries_of(recall_numbers());
    return list;
  }

  std::vector<PlannedRun> plan(const Request& request) const override {
    const RecallOptions& own = find_recall_profile(request.profile).options;
    const RecallOptions options = with_numbers(own, recall_numbers(), request);
    options.task().check();  // Its products are counted, the others' memory is a double.
    const double bytes = checked_bytes(own, recall_numbers(), request, bytes_of);
    check(options);
    std::string profile = "custom";
    for (const RecallProfile& p : recall_profiles()) {
      if (p.options == options) profile = p.name;
    }
    std::vector<PlannedRun> runs;
    for (const std::uint64_t seed : request.seeds) {
      for (const std::string& name : request.arms) {
        runs.push_back(planned(options, profile, find_recall_arm(name), seed, bytes));
      }
    }
    return runs;
  }

  const std::vector<Measure>& measures() const override { return recall_measures(); }

  std::optional<Spec> spec_of(const RunResult& row) const override {
    if (row.task != "associative_recall" || !has_arm(row.arm)) return std::nullopt;
    for (const RecallProfile& profile : recall_profiles()) {
      if (profile.name != row.profile) continue;
      return recall_spec(profile.options, find_recall_arm(row.arm), row.seed);
    }
    return std::nullopt;
  }

  PlannedAgain plan_again(const std::vector<RunResult>& rows, const Request&) const override {
    return plan_each(rows, [](const RunResult& row) {
      Spec spec = Spec::parse(row.spec, "row: spec");
      spec.set("learning_rate_none", spec.number("learning_rate"));
      const RecallOptions options = with_numbers(RecallOptions{}, recall_numbers(), spec);
      check(options);
      return planned(options, row.profile, find_recall_arm(row.arm), row.seed, bytes_of(options));
    });
  }

 private:
  static PlannedRun planned(const RecallOptions& options, const std::string& profile,
                            const RecallArm& arm, std::uint64_t seed, double bytes) {
    return {"associative_recall",
            profile,
            std::string(arm.name),
            seed,
            options.steps,
            RunSize::small,
            recall_spec(options, arm, seed),
            [=] { return std::make_unique<RecallRun>(options, arm, seed); },
            options.gemm,
            bytes};
  }
};

}  // namespace

const Study& recall_study() {
  static const RecallStudy study;
  return study;
}

}  // namespace harness
