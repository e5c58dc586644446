#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <optional>
#include <sstream>

#include "harness/results/measures.hpp"
#include "harness/results/result_members.hpp"
#include "harness/runs/kept_state.hpp"
#include "harness/runs/runner.hpp"
#include "harness/studies/encoder_data.hpp"
#include "harness/studies/encoder_run.hpp"
#include "harness/studies/encoder_study.hpp"
#include "harness/studies/recall_run.hpp"
#include "harness/studies/recall_study.hpp"
#include "libnorm/data/safetensors.hpp"
#include "libnorm/metrics/activations/activation_spectrum.hpp"
#include "libnorm/metrics/activations/spectrum.hpp"
#include "libnorm/metrics/landscape/slice.hpp"
#include "tests/support/read_by_python.hpp"
#include "tests/unit/harness/results/result_samples.hpp"
#include "tests/unit/harness/studies/small_recall.hpp"
#include "tests/unit/harness/studies/smoke_texts.hpp"

namespace {

using harness::RecallRun;
using testing::HasSubstr;

/// Runs of the smoke profile, as `norm-harness run` makes them.
class KeptState : public testing::Test {
 protected:
  harness::RunResult make(const harness::Study& study, const std::string& arm,
                          std::optional<harness::Keep> keep,
                          std::optional<double> checkpoint_every = std::nullopt) {
    plan_ = study.plan(request(arm));
    std::ostringstream out;
    harness::Progress progress(out, harness::Progress::Style::quiet);
    return harness::make_runs(plan_,
                              {.threads = 2, .checkpoint_every = checkpoint_every, .keep = keep},
                              store_, progress)
        .results.at(0);
  }

  static harness::Request request(const std::string& arm) {
    harness::Request request;
    request.profile = "smoke";
    request.arms = {arm};
    request.seeds = {1};
    return request;
  }

  const harness::ScratchFolder folder_;
  const harness::Store store_{folder_.path(), harness::Access::writing};
  std::vector<harness::PlannedRun> plan_;
};

TEST_F(KeptState, OfARecallRunGivesTheResultsNumbersToAFreshModel) {
  for (const char* arm : {"layernorm", "batchnorm", "none"}) {
    for (const harness::Keep keep : {harness::Keep::weights, harness::Keep::state}) {
      const harness::RunResult result = make(harness::recall_study(), arm, keep);
      ASSERT_TRUE(result.kept.has_value()) << arm;
      EXPECT_EQ(result.kept->what, keep);
      const auto options = harness::find_recall_profile("smoke").options;
      libnorm::Transformer<float> model(
          harness::model_options(options, harness::find_recall_arm(arm)));
      harness::load_kept(store_.kept_file(result), result, model);
      EXPECT_EQ(harness::weights_sha256(model), result.weights_sha256) << arm;

      // What the run measured at its end, measured on the fresh model: the same bits.
      libnorm::Batch batch;
      options.task().draw(1, libnorm::Purpose::probe_batch, 1, options.path, batch);
      EXPECT_EQ(libnorm::singular_values<float>(model.activations(batch, 0), batch.counts.data()),
                result.singular_values);
      options.task().draw(1, libnorm::Purpose::probe_batch, 0, options.path, batch);
      const auto slice =
          libnorm::slice_loss(model.weights(),
                              libnorm::unit_direction<float>(
                                  libnorm::Random(1, libnorm::Purpose::direction, 0), model.size()),
                              libnorm::even_grid(-0.5, 0.5, 40), libnorm::Walk::restored,
                              [&] { return model.loss(batch); });
      EXPECT_EQ(slice.loss, result.slices.at("published").loss) << arm;
      std::filesystem::remove_all(store_.folder(result));
    }
  }
}

TEST_F(KeptState, OfAnEncoderRunGivesTheResultsNumbersToAFreshModel) {
  const harness::RunResult result =
      make(harness::encoder_study(), "batchnorm", harness::Keep::state);
  const auto fresh = plan_[0].make();
  harness::load_kept(store_.kept_file(result), result, fresh->model(), &fresh->adam());
  EXPECT_EQ(harness::weights_sha256(fresh->model()), result.weights_sha256);
  EXPECT_EQ(fresh->adam().steps(), result.steps);
  const auto texts = harness::smoke_texts(1);
  std::vector<bool> right;
  for (std::int32_t i = 0; i < 70; ++i) {
    libnorm::Batch one;
    one.assign(texts->test, std::vector<std::int32_t>{i}, {0, 48}, 0, 700, libnorm::Path::shortcut);
    const auto logits = fresh->model().logits(one);
    right.push_back(std::max_element(logits.data, logits.data + 4) - logits.data ==
                    texts->test.labels[std::size_t(i)]);
  }
  EXPECT_EQ(right, result.held_out_correct);
}

TEST_F(KeptState, IsWhatTrainingGoesOnFrom) {
  const auto options = [](libnorm::Index steps) {
    auto o = small_recall();
    o.steps = steps;
    return o;
  };
  const auto& arm = harness::find_recall_arm("batchnorm");
  const std::filesystem::path file = folder_.path() / "file";
  RecallRun whole(options(12), arm, 3), half(options(6), arm, 3);
  const harness::RunResult expected = train_recall(whole);
  harness::RunResult result = train_recall(half);
  harness::write_kept(file, harness::Keep::state, half.model(), half.adam());
  result.kept = harness::Kept{harness::Keep::state, ""};
  RecallRun fresh(options(12), arm, 3);
  harness::load_kept(file, result, fresh.model(), &fresh.adam());
  libnorm::Batch batch;
  for (std::uint32_t step = 6; step < 12; ++step) {
    options(12).task().draw(3, libnorm::Purpose::training_batch, step, options(12).path, batch);
    fresh.model().loss_and_gradient(batch);
    fresh.adam().step(fresh.model().weights_data(), fresh.model().gradient_data());
  }
  EXPECT_EQ(harness::weights_sha256(fresh.model()), expected.weights_sha256);
}

TEST_F(KeptState, IsReadByAReaderThatIsNotOurs) {
  const harness::RunResult result =
      make(harness::recall_study(), "batchnorm", harness::Keep::state);
  const auto fresh = plan_[0].make();
  while (!fresh->finished()) fresh->step();
  std::vector<std::string> lines;
  const auto& model = fresh->model();
  const auto print = libnorm::test::print_tensors<float>;
  print("", model.parameters(), model.weights(), lines);
  print("", model.running(), model.running_values(), lines);
  print("adam.first.", model.parameters(), fresh->adam().first_moment(), lines);
  print("adam.second.", model.parameters(), fresh->adam().second_moment(), lines);
  const auto file = store_.kept_file(result);
  EXPECT_EQ(libnorm::test::read_by_python(file), libnorm::test::joined(lines));
  EXPECT_EQ(libnorm::SafetensorsFile(file).metadata().at("adam.steps"), "60");
}

TEST_F(KeptState, TakesTheCheckpointsPlaceUnlessNoneIsKept) {
  using testing::UnorderedElementsAre;
  const harness::RunResult small = make(harness::recall_study(), "layernorm", {}, 0.0);
  ASSERT_TRUE(small.kept.has_value());
  EXPECT_EQ(small.kept->what, harness::Keep::state) << "a small model's whole state";
  EXPECT_THAT(harness::names_in(store_.folder(small)),
              UnorderedElementsAre("lock", "spec.txt", "row.json", "kept.safetensors"));
  const harness::RunResult none = make(harness::recall_study(), "none", harness::Keep::none, 0.0);
  EXPECT_EQ(none.kept, std::nullopt);
  EXPECT_THAT(harness::names_in(store_.folder(none)),
              UnorderedElementsAre("lock", "spec.txt", "row.json"));
  libnorm::TransformerOptions large;
  large.vocabulary = 30522;
  large.blocks = 6;
  EXPECT_EQ(harness::default_keep(libnorm::Transformer<float>(large)), harness::Keep::weights);
}

TEST_F(KeptState, OfAnotherModelOrResultIsRefused) {
  const harness::RunResult result =
      make(harness::recall_study(), "layernorm", harness::Keep::weights);
  const auto fresh = plan_[0].make();
  const auto refusal = [&](const harness::RunResult& other, libnorm::Adam<float>* adam) {
    return harness::message_of<libnorm::DataError>(
        [&] { harness::load_kept(store_.kept_file(result), other, fresh->model(), adam); });
  };
  EXPECT_THAT(refusal(result, &fresh->adam()), HasSubstr("has weights alone"));
  harness::RunResult other = result;
  other.weights_sha256[0] ^= 1;
  EXPECT_THAT(refusal(other, nullptr), HasSubstr("other weights than the result's"));
  other.kept->what = harness::Keep::state;
  EXPECT_THAT(refusal(other, nullptr), HasSubstr("missing"));
}

TEST_F(KeptState, IsMeasuredAgainToTheResultsBits) {
  for (const harness::Study* study : harness::studies()) {
    harness::RunResult result = make(*study, "layernorm", harness::Keep::state);
    const auto again = study->plan_again({result}, {}).runs;
    ASSERT_EQ(again.size(), 1u);
    EXPECT_EQ(again[0].spec, plan_[0].spec);
    EXPECT_EQ(again[0].steps, result.steps);
    const auto fresh = again[0].make();
    harness::load_kept(store_.kept_file(result), result, fresh->model(), &fresh->adam());
    for (const harness::Measure& measure : study->measures()) {
      if (measure.when == harness::Measure::When::always) continue;
      if (measure.of == harness::Measure::Of::course) continue;
      fresh->measure({std::string(measure.name)}, result);
    }
    for (const harness::Measure& measure : study->measures()) {
      const std::vector<std::string> which = {std::string(measure.name)};
      harness::RunResult measured = result;
      if (measure.of == harness::Measure::Of::course) {
        EXPECT_THROW(fresh->measure(which, measured), libnorm::ValueError);
        continue;
      }
      // Nothing of what it gives is left, or was there before.
      harness::begin_measure(study->measures(), measure.name, measured);
      EXPECT_NE(measured.metrics, result.metrics) << measure.name;
      fresh->measure(which, measured);
      EXPECT_EQ(harness::compare_members(measured, result).difference, "") << measure.name;
    }
    harness::RunResult other = result;
    EXPECT_THROW(fresh->measure({"no_measure"}, other), libnorm::ValueError);
  }
}

}  // namespace
