#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <string>
#include <vector>

#include "harness/base/files.hpp"
#include "harness/results/golden.hpp"
#include "harness/results/result_json.hpp"
#include "harness/results/spec.hpp"
#include "harness/runs/run_store.hpp"
#include "harness/studies/encoder_data.hpp"
#include "tests/cli/process.hpp"
#include "tests/unit/harness/results/golden_folder.hpp"

namespace {

using cli::run;
using harness::RunResult;
using harness::Spec;
using testing::AllOf;
using testing::HasSubstr;
namespace fs = std::filesystem;

constexpr const char* kRun = "run e1 --profile smoke --arms none --quiet --store s";
const std::string kCheck = std::string(kRun) + " --check --golden g";

class Remeasure : public testing::Test {
 protected:
  harness::Store store(harness::Access access = harness::Access::writing) const {
    return {scratch_ / "s", access};
  }
  RunResult result() const { return store(harness::Access::reading).results().at(0); }
  std::string line() const { return harness::to_line(result()); }
  cli::Outcome command(const std::string& arguments) const {
    return run(scratch_.path(), arguments);
  }
  void make(const std::string& arguments) const {
    const auto made = command(arguments);
    ASSERT_EQ(made.code, 0) << made.err;
  }
  /// Leaves the store's only result as another version of a measure would have made it.
  void spoil(const std::string& measure, const std::string& metric) const {
    RunResult spoiled = result();
    ASSERT_EQ(spoiled.measures.at(measure), 1);
    ASSERT_EQ(spoiled.metrics.count(metric), 1u);
    spoiled.measures[measure] = 0;
    spoiled.metrics[metric] = 7;
    spoiled.metrics["of_old." + metric] = 7;
    for (auto& item : spoiled.slices) item.second.loss[0] = 7;
    for (auto& item : spoiled.spectra) item.second[0] = 7;
    store().lock(Spec::parse(spoiled.spec, "row")).finish(spoiled);
  }

  const cli::Scratch scratch_;
};

TEST_F(Remeasure, BringsAResultToThisVersionFromItsKeptWeights) {
  make(kRun);
  make("bless e1 --because x --golden g --store s");
  const std::string before = line();
  EXPECT_THAT(command("remeasure --store s").out,
              HasSubstr("There is nothing to measure again: 1 runs are in the store."));
  spoil("slices", "slice_range.published");

  const auto verify = command("verify --profile smoke --golden g --store s");
  EXPECT_EQ(verify.code, 3) << verify.err;
  EXPECT_THAT(verify.err, HasSubstr("slices of associative_recall runs at the profile smoke was "
                                    "measured by version 0, this is 1"));
  EXPECT_THAT(verify.out, HasSubstr("slices was measured by version 1, and here by version 0"));
  const auto check = command(kCheck);
  EXPECT_EQ(check.code, 3);
  EXPECT_THAT(check.out, AllOf(HasSubstr("other measures"), HasSubstr("norm-harness remeasure")));
  EXPECT_NE(line(), before) << "never a retraining";
  const auto bless = command("bless e1 --because x --golden g --store s");
  EXPECT_EQ(bless.code, 3);
  EXPECT_THAT(bless.err, HasSubstr("slices of none seed 0 was measured by another version (0)"));

  const auto again = command("remeasure --store s --quiet");
  EXPECT_EQ(again.code, 0) << again.err;
  EXPECT_EQ(again.out,
            "smoke none seed 0: slices measured again, from the weights that it has kept\n");
  EXPECT_EQ(line(), before) << "what a fresh run's result has, bit for bit";
  EXPECT_EQ(command("verify --profile smoke --check --golden g --store s").code, 0);
}

TEST_F(Remeasure, TrainsAgainToTheSameHashesWhereNothingIsKept) {
  make(std::string(kRun) + " --keep none");
  const std::string before = line();
  const auto all = command("remeasure --metrics effective_rank,slice_range --store s --quiet");
  EXPECT_EQ(all.code, 0) << all.err;
  EXPECT_THAT(all.out,
              HasSubstr("smoke none seed 0: trained again, to the same weights and losses, "
                        "since it has kept no weights; spectrum, slices measured"));
  EXPECT_EQ(line(), before);

  RunResult other = result();
  other.weights_sha256[0] = other.weights_sha256[0] == '0' ? '1' : '0';
  store().lock(Spec::parse(other.spec, "row")).finish(other);
  const auto differs = command("remeasure --metrics spectrum --store s --quiet");
  EXPECT_EQ(differs.code, 1);
  EXPECT_THAT(differs.err, HasSubstr("smoke none seed 0 DIFFERS"));
  EXPECT_EQ(harness::to_line(result()), harness::to_line(other)) << "the result stays as it was";
}

TEST_F(Remeasure, KeptWeightsThatAreDamagedAreNamed) {
  make(kRun);
  const std::string before = line();
  cli::write(store().folder(result()) / "kept.safetensors", "torn");
  const auto outcome = command("remeasure --metrics slices --store s --quiet");
  EXPECT_EQ(outcome.code, 3);
  EXPECT_THAT(outcome.err, HasSubstr("kept.safetensors is torn or edited"));
  EXPECT_EQ(line(), before);
}

TEST_F(Remeasure, OfExperiment4IsFromItsWeightsButForTheCourseOfTraining) {
  make("run e4 --profile smoke --arms layernorm --quiet --store s");
  const std::string before = line();
  spoil("spectra", "layer3.no_padding.effective_rank");
  RunResult old = result();
  // As results were before they told of each text.
  old.held_out_correct.clear();
  old.measures.erase("held_out");
  store().lock(Spec::parse(old.spec, "row")).finish(old);
  const auto again = command("remeasure --store s --quiet");
  EXPECT_EQ(again.code, 0) << again.err;
  EXPECT_THAT(again.out, HasSubstr("spectra, held_out measured again, from the weights"));
  EXPECT_EQ(line(), before);

  const auto course = command("remeasure --metrics training_loss --store s --quiet");
  EXPECT_EQ(course.code, 0) << course.err;
  EXPECT_THAT(course.out, HasSubstr("trained again, to the same weights and losses, since what is "
                                    "measured is of the course of training; epochs measured"));
  EXPECT_EQ(line(), before);
}

TEST_F(Remeasure, OfRunsOfNoProfileGoesByTheirSpecs) {
  make(std::string(kRun) + " --steps 7 --learning-rate-none 0.003");
  const std::string before = line();
  const auto again = command("remeasure --metrics stable_rank --store s --quiet");
  EXPECT_EQ(again.code, 0) << again.err;
  EXPECT_THAT(again.out, HasSubstr("custom none seed 0: spectrum measured again"));
  EXPECT_EQ(line(), before);
}

TEST_F(Remeasure, WithoutTheTextsItSaysSoAndMeasuresTheRest) {
  make(kRun);
  spoil("spectrum", "effective_rank");
  harness::EncoderOptions options;
  options.texts = harness::Texts::subset;
  const Spec spec = harness::encoder_spec(options, harness::find_encoder_arm("none"), 0,
                                          harness::EncoderCorpora::expected(options, "ag_news"));
  RunResult news = harness::sample_result("none", 0);
  news.task = "ag_news";
  news.profile = "subset";
  news.spec_sha256 = spec.sha256();
  news.kept.reset();
  store().lock(spec).finish(news);
  // As in a checkout without data.
  fs::create_directory(scratch_ / "golden");
  cli::write(scratch_ / "golden/manifest.json", "");
  const auto outcome = run(scratch_.path(), "remeasure --store s --quiet", "unset LIBNORM_DATA; ");
  EXPECT_EQ(outcome.code, 3);
  EXPECT_THAT(outcome.err, HasSubstr("the texts that it was trained on are not here (ag_news, "
                                     "subset; there are topics, topics)"));
  EXPECT_THAT(outcome.out, HasSubstr("smoke none seed 0: spectrum measured again"));
}

TEST_F(Remeasure, AMistakeIsOneSentence) {
  make(kRun);
  const auto unknown = command("remeasure --metrics efective_rank --store s");
  EXPECT_EQ(unknown.code, 2);
  EXPECT_THAT(unknown.err, HasSubstr("--metrics: unknown name (efective_rank); use some of "
                                     "effective_rank"));
  EXPECT_EQ(command("remeasure --store nowhere").code, 3);
  const auto profile = command("remeasure --profile smok --store s");
  EXPECT_EQ(profile.code, 2);
  EXPECT_THAT(profile.err, HasSubstr("profile: unknown name (smok); use one of smoke"));
}

/// A golden of format 1 with the store's result, as versions up to 0.1.0 wrote it.
class FormatOne : public Remeasure {
 protected:
  FormatOne() {
    make(kRun);
    RunResult old = result();
    old.spec_sha256 = Spec::parse(old.spec, "row").old_sha256();
    old.spec.clear();
    old.kept.reset();
    nlohmann::json value = harness::to_json(old);
    value.erase("measures");
    fs::create_directories(scratch_ / "g/associative_recall/smoke");
    cli::write(scratch_ / "g/associative_recall/smoke/none.jsonl", value.dump() + "\n");
    cli::write(scratch_ / "g/verdicts.json", "[]\n");
    harness::forge_manifest(scratch_ / "g", {"associative_recall/smoke/none.jsonl"});
  }
};

TEST_F(FormatOne, HasTheSameBitsBeforeAndAfterItsMigration) {
  EXPECT_EQ(command(kCheck).code, 0);
  EXPECT_EQ(command("verify --check --profile smoke --golden g --store s").code, 3)
      << "it has no verdicts, and must not pass";
  const auto bless = command("bless e1 --because x --golden g --store s");
  EXPECT_EQ(bless.code, 3);
  EXPECT_THAT(bless.err, HasSubstr("golden is of format 1; `norm-harness bless --migrate`"));

  EXPECT_EQ(command("bless --migrate --golden g").code, 2) << "no reason";
  for (const char* more : {"e1 --migrate", "--migrate --custom", "--migrate --rejudge"}) {
    EXPECT_EQ(command("bless " + std::string(more) + " --because x --golden g").code, 2) << more;
  }
  EXPECT_EQ(harness::load_golden(scratch_ / "g").format, 1);
  const auto migrated = command("bless --migrate --because reasons --golden g");
  EXPECT_EQ(migrated.code, 0) << migrated.err;
  EXPECT_THAT(migrated.out, AllOf(HasSubstr("of format 1 and is of format 2 now: 1 rows"),
                                  HasSubstr("1 rows have the hash of a spec without measures")));
  EXPECT_EQ(harness::load_golden(scratch_ / "g").results.at(0).spec_sha256, result().spec_sha256);
  EXPECT_EQ(command(kCheck).code, 0);
  const auto twice = command("bless --migrate --because reasons --golden g");
  EXPECT_EQ(twice.code, 3);
  EXPECT_THAT(twice.err, HasSubstr("of format 2 already"));
  EXPECT_EQ(command("bless e1 --because x --golden g --store s").code, 0);
}

TEST_F(Remeasure, RunsOfNoProfileAndOfOtherArmsAreBlessedWhereAsked) {
  const std::string other = "run e1 --profile smoke --arms rms+gain@pre --quiet --store s";
  const std::string steps = std::string(kRun) + " --seeds 2 --steps ";
  make(other);
  make(steps + "7");
  EXPECT_EQ(command("bless e1 --because x --golden g --store s").code, 3);
  const auto blessed = command("bless e1 --custom --because x --golden g --store s");
  EXPECT_EQ(blessed.code, 0) << blessed.err;
  EXPECT_THAT(blessed.out, HasSubstr("3 rows are golden now, in g, which has 0.0 MB"));
  EXPECT_TRUE(fs::exists(scratch_ / "g/associative_recall/smoke/rms%2bgain%40pre.jsonl"));
  EXPECT_EQ(command(other + " --check --golden g").code, 0);
  const auto custom = command(steps + "7 --check --golden g");
  EXPECT_EQ(custom.code, 0) << custom.out;
  EXPECT_THAT(custom.out, HasSubstr("same bits"));
  EXPECT_EQ(command(steps + "8 --check --golden g").code, 3);
}

}  // namespace
