#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "harness/base/files.hpp"
#include "harness/results/golden.hpp"
#include "harness/results/result_json.hpp"
#include "harness/results/spec.hpp"
#include "harness/runs/run_store.hpp"
#include "harness/studies/encoder_data.hpp"
#include "tests/cli/other_texts.hpp"
#include "tests/cli/process.hpp"
#include "tests/unit/harness/results/golden_folder.hpp"

namespace {

using cli::run;
using harness::RunResult;
using harness::Spec;
using testing::AllOf;
using testing::HasSubstr;
namespace fs = std::filesystem;

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
  void spoil(const std::string& measure, const std::string& metric, std::size_t which = 0) const {
    RunResult spoiled = store(harness::Access::reading).results().at(which);
    ASSERT_EQ(spoiled.measures.at(measure), 1);
    ASSERT_EQ(spoiled.metrics.count(metric), 1u);
    spoiled.measures[measure] = 0;
    spoiled.metrics[metric] = 7;
    spoiled.metrics["of_old." + metric] = 7;
    for (auto& item : spoiled.slices) item.second.loss[0] = 7;
    for (auto& item : spoiled.spectra) item.second[0] = 7;
    if (!spoiled.slices.empty()) spoiled.slices["of_old"] = {};
    if (!spoiled.spectra.empty()) spoiled.spectra["of_old"] = {7};
    store().lock(Spec::parse(spoiled.spec, "row")).finish(spoiled);
  }

  /// A run beside the store's, of a spec and a result like its own but for a change.
  void plant(std::uint64_t seed, const std::function<void(Spec&, RunResult&)>& change) const {
    RunResult planted = result();
    Spec spec = Spec::parse(planted.spec, "row").set("seed", seed);
    planted.seed = seed;
    planted.measures["slices"] = 0;
    planted.kept.reset();
    change(spec, planted);
    planted.spec_sha256 = spec.sha256();
    store().lock(spec).finish(planted);
  }
  std::vector<std::string> lines() const {
    std::vector<std::string> lines;
    for (const auto& each : store(harness::Access::reading).results()) {
      lines.push_back(harness::to_line(each));
    }
    return lines;
  }

  const cli::Scratch scratch_{};
};

TEST_F(Remeasure, BringsARowToThisVersionFromItsKeptWeights) {
  make(cli::kOneRun);
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
  const auto check = command(cli::kOneRunChecked);
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
  make(cli::kOneRun + " --keep none");
  RunResult made = result();
  made.cell = {{"size", "small"}};
  store().lock(Spec::parse(made.spec, "row")).finish(made);
  const std::string before = line();
  const auto all = command("remeasure --metrics effective_rank,slice_range --store s --quiet");
  EXPECT_EQ(all.code, 0) << all.err;
  EXPECT_THAT(all.out,
              HasSubstr("smoke none seed 0: trained again, to the same weights and losses, "
                        "since it has kept no weights; spectrum, slices measured"));
  EXPECT_EQ(line(), before);

  for (std::string RunResult::*hash : {&RunResult::weights_sha256, &RunResult::losses_sha256}) {
    RunResult other = made;
    (other.*hash)[0] = (other.*hash)[0] == '0' ? '1' : '0';
    store().lock(Spec::parse(other.spec, "row")).finish(other);
    const auto differs = command("remeasure --metrics spectrum --store s --quiet");
    EXPECT_EQ(differs.code, 1);
    EXPECT_THAT(differs.err, HasSubstr("smoke none seed 0 DIFFERS"));
    EXPECT_EQ(harness::to_line(result()), harness::to_line(other)) << "the result stays as it was";
  }
  // Where training again was cut short, it goes on from there.
  cli::write(store().folder(result()) / "checkpoint.bin", "torn");
  const auto torn = command("remeasure --metrics spectrum --store s --quiet");
  EXPECT_EQ(torn.code, 3);
  EXPECT_THAT(torn.err, HasSubstr("checkpoint.bin is torn"));
}

TEST_F(Remeasure, KeptWeightsThatAreDamagedAreNamed) {
  make(cli::kOneRun);
  const std::string before = line();
  cli::write(store().folder(result()) / "kept.safetensors", "torn");
  const auto outcome = command("remeasure --metrics slices --store s --quiet");
  EXPECT_EQ(outcome.code, 3);
  EXPECT_THAT(outcome.err, HasSubstr("kept.safetensors is torn or edited"));
  EXPECT_EQ(line(), before);
  fs::remove(store().folder(result()) / "kept.safetensors");
  const auto removed = command("remeasure --metrics slices --store s --quiet");
  EXPECT_EQ(removed.code, 0) << removed.err;
  EXPECT_THAT(removed.out, HasSubstr("trained again"));
  EXPECT_EQ(line(), before);
}

TEST_F(Remeasure, ARunThatAnotherProcessHoldsIsWaitedForOrLeft) {
  make(cli::kOneRun);
  const std::string before = line();
  spoil("slices", "slice_range.published");
  std::optional<harness::LockedRun> held;
  held.emplace(store().lock(Spec::parse(result().spec, "row")));
  const auto left = command("remeasure --no-wait --store s --quiet");
  EXPECT_EQ(left.code, 4);
  EXPECT_THAT(left.err, HasSubstr("another process holds 1 of the 1 runs"));
  const pid_t pid = cli::start(scratch_.path(), "remeasure --store s --quiet");
  std::this_thread::sleep_for(std::chrono::milliseconds(700));
  EXPECT_NE(line(), before);
  held.reset();
  EXPECT_EQ(cli::wait_for(pid), 0);
  EXPECT_EQ(line(), before);
}

TEST_F(Remeasure, OfARunThatDivergedThereIsNothing) {
  make(cli::kOneRun + " --learning-rate-none 1e30");
  EXPECT_THAT(command("remeasure --metrics slices --store s").out,
              HasSubstr("There is nothing to measure again"));
}

TEST_F(Remeasure, WhatThisVersionDoesNotMakeIsNamedAndStays) {
  make(cli::kOneRun);
  plant(1, [](Spec& spec, RunResult&) { spec.set("numerics", 0); });
  plant(2, [](Spec& spec, RunResult&) { spec.set("future", 1); });
  plant(3, [](Spec& spec, RunResult&) { spec.set("heads", 7); });
  plant(4, [](Spec& spec, RunResult& run) {
    spec.set("gemm", std::string_view("cublas"));
    run.profile = "custom";
  });
  const auto before = lines();
  spoil("slices", "slice_range.published", 1);
  const auto custom = command("remeasure --profile custom --store s --quiet");
  EXPECT_EQ(custom.code, 3);
  EXPECT_EQ(custom.err, "remeasure: 1 runs had products by cuBLAS; need --device cuda for them\n");
  EXPECT_EQ(custom.out, "There is nothing to measure again: 5 runs are in the store.\n");
  const auto all = command("remeasure --store s --quiet");
  EXPECT_EQ(all.code, 3);
  EXPECT_THAT(all.err, AllOf(HasSubstr("seed 2): this version does not make it"),
                             HasSubstr("heads 7"), HasSubstr("1 runs had products by cuBLAS")));
  EXPECT_THAT(all.out,
              AllOf(HasSubstr("1 runs of other numerics than this version's stay as they are."),
                    HasSubstr("smoke none seed 0: slices measured again")));
  EXPECT_TRUE(lines() == before);
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

  const auto course =
      command("remeasure --metrics training_loss,held_out_accuracy --store s --quiet");
  EXPECT_EQ(course.code, 0) << course.err;
  EXPECT_THAT(course.out,
              HasSubstr("trained again, to the same weights and losses, since what is "
                        "measured is of the course of training; epochs, held_out measured"));
  EXPECT_EQ(line(), before);
}

TEST_F(Remeasure, OfRunsOnOtherTextsIsOnTheTextsOfEach) {
  make("run e4 --profile smoke --arms none --quiet --store s");
  make("run e4 --profile smoke --arms none --rows 90 --quiet --store s");
  cli::write_data(scratch_ / "d");
  make(
      "run e4 --profile subset --arms none --epochs 1 --channels 8 --hidden 8 --blocks 1 --quiet "
      "--store s --data d --any-data");
  const auto before = lines();
  const std::string again = "remeasure --metrics held_out,spectra --quiet --store s";
  const auto all = command(again + " --data d --any-data");
  EXPECT_EQ(all.code, 0) << all.err;
  EXPECT_TRUE(lines() == before);
  EXPECT_EQ(command(again + " --data d").code, 3) << "they are not AG News";
}

TEST_F(Remeasure, OfRunsOfNoProfileGoesByTheirSpecs) {
  make(cli::kOneRun + " --steps 7 --learning-rate-none 0.003");
  const std::string before = line();
  const auto again = command("remeasure --metrics stable_rank --store s --quiet");
  EXPECT_EQ(again.code, 0) << again.err;
  EXPECT_THAT(again.out, HasSubstr("custom none seed 0: spectrum measured again"));
  EXPECT_EQ(line(), before);
}

TEST_F(Remeasure, WithoutTheTextsItSaysSoAndMeasuresTheRest) {
  make(cli::kOneRun);
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
  make(cli::kOneRun);
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
    make(cli::kOneRun);
    RunResult old = result();
    old.spec_sha256 = Spec::parse(old.spec, "row").old_sha256();
    old.spec.clear();
    old.kept.reset();
    nlohmann::json value = harness::to_json(old);
    value.erase("measures");
    fs::create_directories(scratch_ / "g/associative_recall/smoke");
    std::string lines = value.dump() + "\n";
    // A run that this version does not make.
    value["seed"] = 1;
    value["spec_sha256"] = std::string(64, 'a');
    lines += value.dump() + "\n";
    cli::write(scratch_ / "g/associative_recall/smoke/none.jsonl", lines);
    cli::write(scratch_ / "g/verdicts.json", "[]\n");
    harness::forge_manifest(scratch_ / "g", {"associative_recall/smoke/none.jsonl"});
  }
};

TEST_F(FormatOne, HasTheSameBitsBeforeAndAfterItsMigration) {
  EXPECT_EQ(command(cli::kOneRunChecked).code, 0);
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
  EXPECT_THAT(migrated.out, AllOf(HasSubstr("of format 1 and is of format 2 now: 2 results"),
                                  HasSubstr("1 results have the hash of a spec without measures")));
  const auto results = harness::load_golden(scratch_ / "g").results;
  EXPECT_EQ(results.at(0).spec_sha256, result().spec_sha256);
  EXPECT_EQ(results.at(1).spec_sha256, std::string(64, 'a'));
  EXPECT_EQ(command(cli::kOneRunChecked).code, 0);
  const auto twice = command("bless --migrate --because reasons --golden g");
  EXPECT_EQ(twice.code, 3);
  EXPECT_THAT(twice.err, HasSubstr("of format 2 already"));
  EXPECT_EQ(command("bless e1 --because x --golden g --store s").code, 0);
}

TEST_F(Remeasure, RunsOfNoProfileAndOfOtherArmsAreBlessedWhereAsked) {
  const std::string other = "run e1 --profile smoke --arms rms+gain@pre --quiet --store s";
  const std::string steps = cli::kOneRun + " --seeds 2 --steps ";
  make(other);
  make(steps + "7");
  EXPECT_EQ(command("bless e1 --because x --golden g --store s").code, 3);
  const auto blessed = command("bless e1 --custom --because x --golden g --store s");
  EXPECT_EQ(blessed.code, 0) << blessed.err;
  EXPECT_THAT(blessed.out, HasSubstr("3 results are golden now, in g, which has 0.1 MB"));
  EXPECT_TRUE(fs::exists(scratch_ / "g/associative_recall/smoke/rms%2bgain%40pre.jsonl"));
  EXPECT_EQ(command(other + " --check --golden g").code, 0);
  const auto custom = command(steps + "7 --check --golden g");
  EXPECT_EQ(custom.code, 0) << custom.out;
  EXPECT_THAT(custom.out, HasSubstr("same bits"));
  EXPECT_EQ(command(steps + "8 --check --golden g").code, 3);
}

TEST_F(Remeasure, WhatThisVersionDoesNotMakeIsNotBlessed) {
  make(cli::kOneRun);
  const auto make_current = [](RunResult& run) { run.measures["slices"] = 1; };
  plant(1, [&](Spec& spec, RunResult& run) {
    spec.set("steps", 59);
    run.steps = 59;
    make_current(run);
  });
  plant(2, [&](Spec& spec, RunResult& run) {
    spec.set("numerics", 0);
    run.profile = "custom";
    make_current(run);
  });
  for (const std::string custom : {"", " --custom"}) {
    ASSERT_EQ(command("bless e1 --because x --golden g --store s" + custom).code, 0);
    const auto golden = harness::load_golden(scratch_ / "g");
    ASSERT_EQ(golden.results.size(), 1u);
    EXPECT_EQ(golden.results[0].seed, 0u);
    EXPECT_EQ(golden.results[0].spec, "") << "its profile says it";
  }
}

TEST_F(Remeasure, ControlsAndArmsOfTrainingsAreOfTheirExperiment) {
  make("run e1 --profile smoke --arms none_matched --quiet --store s");
  make("run e4 --profile smoke --arms none_masked --quiet --store s");
  make("bless e1 --because x --golden g --store s");
  make("bless e4 --because x --golden g --store s");
  EXPECT_EQ(harness::load_golden(scratch_ / "g").results.size(), 2u);
}

TEST_F(Remeasure, RejudgingNeedsAGoldenAndNothingElse) {
  EXPECT_EQ(command("bless --rejudge --because x --golden nowhere").code, 3);
  EXPECT_FALSE(fs::exists(scratch_ / "nowhere"));
  for (const char* more : {"", "e1 --because x", "--custom --because x"}) {
    EXPECT_EQ(command("bless --rejudge --golden nowhere " + std::string(more)).code, 2) << more;
  }
}

TEST_F(Remeasure, RejudgingMakesVerdictsAndPictureOfGoldensRows) {
  const harness::Golden committed = harness::load_golden(GOLDEN);
  fs::copy(GOLDEN, scratch_ / "g", fs::copy_options::recursive);
  harness::bless(scratch_ / "g", {}, nlohmann::json::array(), "all", "neither");
  ASSERT_TRUE(harness::load_golden(scratch_ / "g").figures.empty());
  make("bless --rejudge --because reasons --golden g");
  const harness::Golden again = harness::load_golden(scratch_ / "g");
  EXPECT_EQ(again.verdicts, committed.verdicts);
  EXPECT_EQ(again.figures.size(), committed.figures.size());
  EXPECT_EQ(again.figures.count("figure1.svg"), 1u);
  EXPECT_EQ(again.figures.at("figure1.gp"), committed.figures.at("figure1.gp"));
  EXPECT_EQ(again.blessings.back(), (harness::Blessing{"all", "reasons"}));
  EXPECT_EQ(command("verify --results golden --golden g").code, 0);

  std::vector<RunResult> old;
  for (const RunResult& each : committed.results) {
    if (each.profile != "paper" || each.arm != "none") continue;
    old.push_back(each);
    old.back().measures["slices"] = 0;
  }
  harness::bless(scratch_ / "g", old, committed.verdicts, "all", "of an older version");
  const auto rejudged = command("bless --rejudge --because reasons --golden g");
  EXPECT_EQ(rejudged.code, 0);
  EXPECT_THAT(rejudged.err, HasSubstr("bless: slices of associative_recall runs at the profile "
                                      "paper was measured by version 0, this is 1"));
  EXPECT_TRUE(harness::load_golden(scratch_ / "g").figures.empty());
  EXPECT_THAT(cli::read(scratch_ / "g/verdicts.json"), HasSubstr("COULD NOT CHECK"));
}

}  // namespace
