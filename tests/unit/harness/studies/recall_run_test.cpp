#include "harness/studies/recall_run.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <optional>
#include <set>
#include <sstream>
#include <utility>

#include "harness/results/measures.hpp"
#include "harness/results/result_members.hpp"
#include "harness/runs/kept_state.hpp"
#include "harness/runs/runner.hpp"
#include "harness/studies/encoder_data.hpp"
#include "harness/studies/encoder_run.hpp"
#include "harness/studies/encoder_study.hpp"
#include "harness/studies/recall_study.hpp"
#include "libnorm/data/safetensors.hpp"
#include "libnorm/metrics/activations/activation_spectrum.hpp"
#include "libnorm/metrics/activations/spectrum.hpp"
#include "libnorm/metrics/landscape/slice.hpp"
#include "tests/support/read_by_python.hpp"
#include "tests/unit/harness/results/result_samples.hpp"
#include "tests/unit/harness/studies/small_recall.hpp"

namespace {

using harness::RecallRun;
using testing::HasSubstr;

class EveryArm : public testing::TestWithParam<harness::RecallArm> {};

TEST_P(EveryArm, GoesOnFromAnyStepWithTheSameBits) {
  RecallRun whole(small_recall(), GetParam(), 3);
  const harness::RunResult expected = train_recall(whole);
  for (const int steps : {0, 1, 7, 12}) {
    RecallRun first(small_recall(), GetParam(), 3);
    for (int i = 0; i < steps; ++i) first.step();
    RecallRun second(small_recall(), GetParam(), 3);
    second.restore(first.state());
    EXPECT_EQ(second.steps_done(), steps);
    const harness::RunResult result = train_recall(second);
    EXPECT_EQ(result.weights_sha256, expected.weights_sha256) << steps;
    EXPECT_EQ(result.losses_sha256, expected.losses_sha256) << steps;
    EXPECT_EQ(result.metrics, expected.metrics) << steps;
  }
}

TEST_P(EveryArm, DenseTrainingIsTheSameButForRounding) {
  auto options = small_recall();
  RecallRun shortcut(options, GetParam(), 1);
  options.path = libnorm::Path::dense;
  RecallRun dense(options, GetParam(), 1);
  const auto a = train_recall(shortcut), b = train_recall(dense);
  EXPECT_NE(a.spec_sha256, b.spec_sha256);
  // A dozen steps of Adam at this rate move weights by 1e-3; single-precision rounding of the
  // gradients moves that by parts in a thousand at the worst.
  for (std::size_t i = 0; i < a.loss_curve.size(); ++i) {
    EXPECT_NEAR(a.loss_curve[i], b.loss_curve[i], 1e-4 * a.loss_curve[i]);
  }
  EXPECT_NEAR(a.metrics.at("effective_rank"), b.metrics.at("effective_rank"), 1e-2);
}

TEST_P(EveryArm, ResultHoldsWhatClaimsAndFiguresNeed) {
  RecallRun run(small_recall(), GetParam(), 0);
  const harness::RunResult result = train_recall(run);
  EXPECT_EQ(result.arm, GetParam().name);
  EXPECT_EQ(result.steps, 12);
  EXPECT_EQ(result.loss_curve.size(), 12u);
  EXPECT_EQ(result.singular_values.size(), 40u);
  EXPECT_EQ(result.slices.at("published_e1").loss.size(), 50u);
  EXPECT_EQ(result.slices.at("published").loss.size(), 40u);
  EXPECT_EQ(result.slices.at("accumulated").loss.size(), 40u);
  EXPECT_EQ(result.slices.at("filter_normalized").loss.size(), 41u);
  // The middle of the filter-normalized slices is the trained model itself; the accumulated walk
  // starts and ends near where the slice does.
  const auto& filter = result.slices.at("filter_normalized");
  EXPECT_EQ(filter.alpha[20], 0);
  EXPECT_GE(result.metrics.at("slice_max.filter_normalized"), filter.loss[20]);
  EXPECT_EQ(result.slices.at("accumulated").loss[0], result.slices.at("published").loss[0]);
  for (const char* slice : {"published", "accumulated"}) {
    EXPECT_TRUE(std::isfinite(result.metrics.at(std::string("slice_range.") + slice))) << slice;
  }
  for (const auto& m : libnorm::values_of(result.singular_values)) {
    EXPECT_EQ(result.metrics.at(m.name), m.value) << m.name;
    EXPECT_TRUE(std::isfinite(m.value)) << m.name;
  }
}

INSTANTIATE_TEST_SUITE_P(RecallRun, EveryArm, testing::ValuesIn(harness::recall_arms()),
                         [](const auto& arm) { return std::string(arm.param.name); });

TEST(RecallRun, RefusesAStateOfAnotherModel) {
  RecallRun run(small_recall(), harness::find_recall_arm("layernorm"), 0);
  run.step();
  auto state = run.state();
  auto other = small_recall();
  other.channels = 48;
  RecallRun wider(other, harness::find_recall_arm("layernorm"), 0);
  EXPECT_THROW(wider.restore(state), libnorm::DataError);
  state.push_back({});
  EXPECT_THROW(run.restore(state), libnorm::DataError);
  EXPECT_THROW(run.restore({}), libnorm::DataError);
}

/// Everything that is off by default, on the task that is not the paper's.
harness::RecallOptions full() {
  auto options = small_recall();
  options.kind = 1;
  options.rank = 6;
  options.initial_std = 0.1;
  options.head_multiplier = 3;
  options.weight_decay = 0.1;
  options.clip_norm = 0.5;
  options.warmup_steps = 8;
  options.cosine_to = 0.1;
  return options;
}

TEST(RecallRun, GoesOnWithinItsWarmUpWithTheSameBits) {
  const auto& arm = harness::find_recall_arm("layernorm");
  RecallRun whole(full(), arm, 3);
  const harness::RunResult expected = train_recall(whole);
  EXPECT_EQ(expected.task, "lookup");
  for (const int steps : {0, 3, 8, 10, 12}) {
    RecallRun first(full(), arm, 3), second(full(), arm, 3);
    for (int i = 0; i < steps; ++i) first.step();
    second.restore(first.state());
    const harness::RunResult result = train_recall(second);
    EXPECT_EQ(result.weights_sha256, expected.weights_sha256) << steps;
    EXPECT_EQ(result.metrics, expected.metrics) << steps;
  }
}

/// Each option alone makes another run of it, with another spec that says so, from which the run
/// can be made again.
TEST(RecallRun, EachOptionChangesTheRunAndItsSpec) {
  harness::Request request;
  request.profile = "smoke";
  request.arms = {"layernorm"};
  request.seeds = {1};
  request.numbers = {{"steps", 12}};
  const auto made = [&] {
    const harness::PlannedRun planned = std::move(harness::recall_study().plan(request).at(0));
    const auto run = planned.make();
    while (!run->finished()) run->step();
    harness::RunResult result = run->result(planned.profile);
    EXPECT_EQ(result.spec, planned.spec.canonical());
    EXPECT_EQ(result.task, planned.task);
    const auto again = harness::recall_study().plan_again({result}, {});
    EXPECT_EQ(again.runs.at(0).spec, planned.spec) << again.faults.size();
    EXPECT_EQ(again.runs.at(0).task, planned.task);
    return result;
  };
  const harness::RunResult plain = made();
  std::set<std::string> weights = {plain.weights_sha256};
  const auto numbers = request.numbers;
  for (const auto& [name, value] : {std::pair("initial-std", 0.1),
                                    {"head-multiplier", 3.0},
                                    {"weight-decay", 0.1},
                                    {"clip-norm", 0.5},
                                    {"warmup-steps", 5.0},
                                    {"cosine-to", 0.5},
                                    {"task", 1.0}}) {
    SCOPED_TRACE(name);
    request.numbers = numbers;
    request.numbers[name] = value;
    const harness::RunResult result = made();
    EXPECT_TRUE(weights.insert(result.weights_sha256).second);
    const auto spec = harness::Spec::parse(result.spec, "spec");
    if (std::string(name) != "task") {
      std::string key = name;
      std::ranges::replace(key, '-', '_');
      EXPECT_EQ(spec.number(key), value);
      EXPECT_EQ(spec.canonical_without(key), plain.spec);
    } else {
      EXPECT_EQ(spec.text("task"), "lookup");
      EXPECT_EQ(spec.integer("rank"), 6) << "one token of each entity";
    }
  }
}

/// So the specs from before there were these options are those of the same runs.
TEST(RecallSpec, SaysNothingOfOptionsThatAreOff) {
  const auto& arm = harness::find_recall_arm("layernorm");
  const harness::RecallOptions paper;
  EXPECT_EQ(harness::recall_spec(paper, arm, 0).canonical(),
            "arm=layernorm\nattributes=20\nbatch=128\nbeta1=0.9\nbeta2=0.999\nblocks=1\n"
            "channels=128\nentities=20\nepsilon=1e-08\nheads=1\nhidden=512\n"
            "learning_rate=1e-04\nnorm=layernorm\nnumerics=1\npath=shortcut\nrank=40\n"
            "seed=0\nsteps=4000\ntask=associative_recall\n");
  EXPECT_EQ(harness::recall_spec(full(), arm, 0).canonical(),
            "arm=layernorm\nattributes=6\nbatch=16\nbeta1=0.9\nbeta2=0.999\nblocks=1\n"
            "channels=40\nclip_norm=0.5\ncosine_to=0.1\nentities=6\nepsilon=1e-08\n"
            "head_multiplier=3\nheads=1\nhidden=160\ninitial_std=0.1\n"
            "learning_rate=1e-04\nnorm=layernorm\nnumerics=1\npath=shortcut\nrank=6\n"
            "seed=0\nsteps=12\ntask=lookup\nwarmup_steps=8\nweight_decay=0.1\n");
}

TEST(RecallRun, OfNoStepsIsTheUntrainedNetwork) {
  auto options = small_recall();
  options.steps = 0;
  const auto& arm = harness::find_recall_arm("layernorm");
  RecallRun run(options, arm, 3);
  run.expect({"landmarks"});
  EXPECT_TRUE(run.finished());
  harness::RunResult result = run.result("custom");
  libnorm::Transformer<float> untrained(model_options(options, arm));
  untrained.initialize(3);
  EXPECT_EQ(result.weights_sha256, harness::weights_sha256(untrained));
  EXPECT_EQ(result.steps, 0);
  EXPECT_EQ(result.diverged_at, -1);
  EXPECT_TRUE(std::isnan(result.final_loss)) << "no loss was computed";
  EXPECT_TRUE(result.loss_curve.empty());
  EXPECT_EQ(result.slices.at("published").loss.size(), 40u);
  run.measure({"rows", "untrained", "engine", "landmarks", "curvature"}, result);
  EXPECT_EQ(result.metrics.at("rows.read.plain.effective_rank"),
            result.metrics.at("untrained.read.plain.effective_rank"));
  EXPECT_TRUE(std::isfinite(result.metrics.at("curvature.lambda_1")));
  EXPECT_EQ(result.metrics.count("curvature.adam_edge"), 0u) << "there are no moments";
  RecallRun again(options, arm, 3);
  again.expect({"landmarks"});
  again.restore(run.state());
  EXPECT_EQ(again.result("custom").metrics, run.result("custom").metrics);
}

TEST(RecallRun, EndsAtALossThatIsNotFinite) {
  auto options = small_recall();
  options.learning_rate_none = 1e30;
  RecallRun run(options, harness::find_recall_arm("none"), 0);
  const harness::RunResult result = train_recall(run);
  EXPECT_GE(result.diverged_at, 1);
  EXPECT_EQ(result.diverged_at, result.steps - 1);
  EXPECT_TRUE(result.slices.empty());
}

TEST(RecallSpec, TellsArmsSeedsRatesAndPathsApart) {
  const auto options = small_recall();
  const auto& none = harness::find_recall_arm("none");
  const auto spec = harness::recall_spec(options, none, 1);
  auto other = options;
  other.learning_rate = 1;
  EXPECT_EQ(harness::recall_spec(other, none, 1), spec) << "not this arm's learning rate";
  other.learning_rate_none = 1;
  EXPECT_NE(harness::recall_spec(other, none, 1), spec);
  EXPECT_NE(harness::recall_spec(options, none, 2), spec);
  EXPECT_NE(harness::recall_spec(options, harness::find_recall_arm("none_matched"), 1), spec);
  other = options;
  other.path = libnorm::Path::dense;
  EXPECT_NE(harness::recall_spec(other, none, 1), spec);
}

TEST(Runner, TrainsWhatIsMissingOnceAndSaysSo) {
  const harness::ScratchFolder folder;
  const harness::Store store(folder.path(), harness::Access::writing);
  harness::Request request;
  request.profile = "smoke";
  request.arms = {"layernorm", "sphere", "none"};
  request.seeds = {0, 1};
  request.numbers["steps"] = 12;
  const auto plan = harness::recall_study().plan(request);
  ASSERT_EQ(plan.size(), 6u);
  std::ostringstream first, second;
  harness::Progress told(first, harness::Progress::Style::lines);
  const auto results =
      harness::make_runs(plan, {.threads = 3, .checkpoint_every = {}, .keep = {}}, store, told)
          .results;
  ASSERT_EQ(results.size(), 6u);
  EXPECT_EQ(results[4].arm, "sphere");
  EXPECT_EQ(results[4].profile, "custom");
  EXPECT_EQ(results[4].seed, 1u);
  EXPECT_THAT(first.str(), HasSubstr("sphere seed 1: 12 steps in"));
  harness::Progress again(second, harness::Progress::Style::lines);
  const auto stored =
      harness::make_runs(plan, {.threads = 1, .checkpoint_every = {}, .keep = {}}, store, again)
          .results;
  EXPECT_EQ(stored[4].weights_sha256, results[4].weights_sha256);
  EXPECT_THAT(second.str(), HasSubstr("sphere seed 1: stored already"));
}

TEST(RecallStudy, AResultOfTheTimeWhenMeasuresWerePartOfItsSpecIsCurrent) {
  for (const harness::Study* study : harness::studies()) {
    harness::RunResult result;
    result.task = std::string(study->name()) == "recall" ? "associative_recall" : "topics";
    result.profile = "smoke";
    result.arm = "layernorm";
    result.seed = 1;
    const auto spec = study->spec_of(result);
    ASSERT_TRUE(spec.has_value());
    EXPECT_FALSE(spec->has("measures"));
    for (const std::string& hash : {spec->sha256(), spec->old_sha256()}) {
      result.spec_sha256 = hash;
      EXPECT_TRUE(study->is_current(result));
    }
    result.seed = 2;
    EXPECT_FALSE(study->is_current(result));
    result.profile = "custom";
    EXPECT_EQ(study->spec_of(result), std::nullopt);
  }
}

TEST(RecallStudy, PlansAgainWhatItsSpecSaysAndNothingElse) {
  harness::Request request;
  request.profile = "smoke";
  request.arms = {"none", "rms+gain@pre", "layernorm"};
  request.seeds = {3};
  request.numbers = {{"steps", 5}, {"learning-rate-none", 0.003}, {"beta2", 0.99}};
  request.path = libnorm::Path::dense;
  for (const harness::PlannedRun& planned : harness::recall_study().plan(request)) {
    harness::RunResult result;
    result.profile = planned.profile;
    result.arm = planned.arm;
    result.seed = planned.seed;
    result.spec = planned.spec.canonical();
    result.spec_sha256 = planned.spec.sha256();
    const auto again = harness::recall_study().plan_again({result}, {}).runs;
    EXPECT_EQ(again.at(0).spec, planned.spec);
    EXPECT_EQ(again.at(0).profile, "custom");
    result.spec = harness::Spec(planned.spec).set("numerics", 0).canonical();
    result.spec_sha256 = harness::Spec(planned.spec).set("numerics", 0).sha256();
    const auto refused = harness::recall_study().plan_again({result}, {});
    EXPECT_TRUE(refused.runs.empty());
    EXPECT_THAT(refused.faults.at(0),
                HasSubstr("this version does not make it (numerics 0, it has 1)"));
  }
}

TEST(Measures, TellWhatIsDueAndWhatIsOfAnotherVersion) {
  using Names = std::vector<std::string>;
  const std::vector<harness::Measure> measures = {
      {"spectrum", 2, harness::Measure::Of::final_weights, {"effective_rank"}},
      {"slices", 1, harness::Measure::Of::final_weights, {"slice_range"}},
      {"hessian", 1, harness::Measure::Of::final_weights, {"lambda_max"}}};
  harness::RunResult result;
  result.measures = {{"spectrum", 1}, {"slices", 1}};
  EXPECT_EQ(harness::other_versions(result, measures), Names{"spectrum"});
  EXPECT_EQ(harness::due_measures(result, measures), (Names{"spectrum", "hessian"}));
  result.metrics = {{"layer1.effective_rank", 1},
                    {"slice_range.published", 2},
                    {"effective_rank", 3},
                    {"no_effective_rank", 4}};
  harness::begin_measure(measures, "spectrum", result);
  EXPECT_EQ(result.metrics, (std::map<std::string, double>{{"no_effective_rank", 4},
                                                           {"slice_range.published", 2}}));
  EXPECT_EQ(harness::due_measures(result, measures), Names{"hessian"});
  result.measures["slices"] = 2;
  EXPECT_EQ(harness::other_versions(result, measures), Names{"slices"})
      << "a later one is another too";
  EXPECT_EQ(harness::due_measures(result, measures), (Names{"slices", "hessian"}));
  result.diverged_at = 3;
  result.measures.clear();
  EXPECT_TRUE(harness::due_measures(result, measures).empty()) << "nothing to measure";
}

TEST(RecallStudy, NumbersThatCannotBeCountedOrHeldAreRefusedBeforeAnythingIsMade) {
  harness::Request request;
  request.profile = "smoke";
  request.arms = {"none"};
  request.seeds = {0};
  EXPECT_LT(harness::recall_study().plan(request)[0].bytes, 1e7);
  request.profile = "paper";
  // Weights, gradient and moments alone are 4.8 MB.
  EXPECT_GT(harness::recall_study().plan(request)[0].bytes, 5e6);
  EXPECT_LT(harness::recall_study().plan(request)[0].bytes, 5e7);
  const auto why = [&] {
    try {
      harness::recall_study().plan(request);
    } catch (const libnorm::ValueError& error) {
      return std::string(error.what());
    }
    return std::string("nothing");
  };
  request.numbers = {{"channels", 64}, {"blocks", 1e9}};
  EXPECT_THAT(why(),
              testing::MatchesRegex("--blocks: too large \\(1000000000; a run takes [0-9.]+ [TPE]B "
                                    ".* the [0-9.]+ [kMGTP]B that are free"));
  for (const char* name : {"channels", "hidden", "blocks", "steps"}) {
    request.numbers = {{name, 1e15}};
    EXPECT_THAT(why(), HasSubstr("--" + std::string(name) + ": too large")) << name;
    request.numbers = {{name, 1e19}};
    EXPECT_THAT(why(), HasSubstr("--" + std::string(name) + ": larger than can be counted"));
  }
  for (const char* name : {"entities", "attributes", "batch", "rank"}) {
    request.numbers = {{name, 9e15}};
    EXPECT_THAT(why(), HasSubstr("AssociativeRecall: too large a task")) << name;
  }
}

}  // namespace
