#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <map>
#include <set>
#include <string>
#include <thread>

#include <fmt/format.h>

#include "harness/results/golden.hpp"
#include "harness/runs/run_store.hpp"
#include "harness/studies/study.hpp"
#include "tests/cli/process.hpp"

namespace {

using cli::only_run;
using cli::run;
using testing::HasSubstr;
namespace fs = std::filesystem;

constexpr const char* kSmoke = "run e1 --profile smoke --quiet --store s";
/// Long enough to be stopped on its way, and small.
constexpr const char* kLong =
    "run e1 --profile smoke --arms layernorm --threads 1 --steps 40000 --store s";

nlohmann::json shown(const fs::path& directory) {
  const auto shown = run(directory, "show --json --store s");
  EXPECT_EQ(shown.code, 0) << shown.err;
  return nlohmann::json::parse(shown.out);
}

std::string weights_of_the_run(const fs::path& directory) {
  const auto results = shown(directory);
  EXPECT_EQ(results.size(), 1u);
  return results[0]["weights_sha256"];
}

TEST(Cli, HelpTeachesAtEveryLevel) {
  const cli::Scratch scratch;
  const auto top = run(scratch.path(), "--help");
  EXPECT_EQ(top.code, 0);
  for (const char* name :
       {"list", "run", "verify", "figures", "report", "show", "bless", "gc", "bench"}) {
    EXPECT_THAT(top.out, HasSubstr(name));
    const auto help = run(scratch.path(), std::string(name) + " --help");
    EXPECT_EQ(help.code, 0) << name;
    EXPECT_THAT(help.out, HasSubstr("Usage: norm-harness " + std::string(name)));
  }
  EXPECT_THAT(run(scratch.path(), "run --help").out, HasSubstr("(=paper)"));
}

TEST(Cli, ListNamesEverything) {
  const cli::Scratch scratch;
  const auto list = run(scratch.path(), "list");
  EXPECT_EQ(list.code, 0);
  for (const char* name :
       {"e1", "e3", "layernorm", "none_matched", "smoke", "accumulated", "effective_rank",
        "e3.stagnation", "unit_sphere (l2)", "root_sphere (l2_sqrt)", "centre (mean_center)"}) {
    EXPECT_THAT(list.out, HasSubstr(name));
  }
}

TEST(Cli, SmokeHasGoldensBits) {
  const cli::Scratch scratch;
  const auto smoke = run(scratch.path(), std::string(kSmoke) + " --check");
  EXPECT_EQ(smoke.code, 0) << smoke.out << smoke.err;
  EXPECT_THAT(smoke.out, HasSubstr("same bits"));
}

TEST(Cli, AnyNormalizationIsAnArm) {
  const cli::Scratch scratch;
  const std::string arms =
      "layernorm,rms+gain@pre,dyt@sandwich@residual_channels,standardize+gain+bias";
  const auto outcome = run(scratch.path(), "run e1 --profile smoke --store s --arms " + arms);
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  std::map<std::string, std::string> hashes;
  for (const auto& result : shown(scratch.path())) hashes[result["arm"]] = result["weights_sha256"];
  ASSERT_EQ(hashes.size(), 4u);
  EXPECT_NE(hashes["layernorm"], hashes["rms+gain@pre"]);
  // The same mechanism by its parts, from the same first values.
  EXPECT_EQ(hashes["layernorm"], hashes["standardize+gain+bias"]);
}

TEST(Cli, AnAliasIsTheSameRun) {
  const cli::Scratch scratch;
  const std::string command = "run e1 --profile smoke --steps 2 --quiet --store s --arms ";
  ASSERT_EQ(run(scratch.path(), command + "l2+gain@pre@qk:l2_sqrt,mean_center").code, 0);
  const auto results = shown(scratch.path());
  ASSERT_EQ(results.size(), 2u);
  EXPECT_EQ(results[0]["arm"], "centre");
  EXPECT_EQ(results[1]["arm"], "unit_sphere+gain@pre@qk:root_sphere");
  const auto again = run(scratch.path(), command + "unit_sphere+gain@pre@qk:root_sphere,centre");
  EXPECT_EQ(again.code, 0) << again.err;
  EXPECT_EQ(shown(scratch.path()), results) << "nothing was trained again";
}

TEST(Cli, ASecondRunTrainsNothing) {
  const cli::Scratch scratch;
  ASSERT_EQ(run(scratch.path(), kSmoke).code, 0);
  const fs::path result = fs::directory_iterator(scratch / "s/runs")->path() / "row.json";
  const auto before = fs::last_write_time(result);
  const auto again = run(scratch.path(), "run e1 --profile smoke --store s");
  EXPECT_EQ(again.code, 0);
  EXPECT_THAT(again.out, HasSubstr("stored already"));
  EXPECT_EQ(fs::last_write_time(result), before);
}

TEST(Cli, AnOverriddenRunIsCustomAndNeverComparedWithGolden) {
  const cli::Scratch scratch;
  const auto custom =
      run(scratch.path(), "run e1 --profile smoke --arms none --steps 7 --quiet --store s");
  EXPECT_EQ(custom.code, 0) << custom.err;
  EXPECT_THAT(custom.out, HasSubstr("custom run"));
  EXPECT_EQ(shown(scratch.path())[0]["profile"], "custom");
  // Numbers that are the profile's own make a run of the profile.
  const auto same =
      run(scratch.path(), "run e1 --profile smoke --arms none --steps 60 --quiet --store s");
  EXPECT_THAT(same.out, HasSubstr("same bits"));
}

/// Options that are off by default are shown where they are on.
TEST(Cli, OptionsOfARunAreTold) {
  const cli::Scratch scratch;
  const auto help = run(scratch.path(), "run --help"), list = run(scratch.path(), "list");
  for (const char* name : {"initial-std", "head-multiplier", "weight-decay", "clip-norm",
                           "warmup-steps", "cosine-to", "task"}) {
    EXPECT_THAT(help.out, HasSubstr("--" + std::string(name)));
    EXPECT_THAT(list.out, HasSubstr(name));
  }
  const std::string plain = "run e1 --profile smoke --arms layernorm --quiet --store s";
  const auto custom = run(scratch.path(), plain +
                                              " --weight-decay 0.1 --warmup-steps 10 --cosine-to "
                                              "0 --task lookup");
  EXPECT_EQ(custom.code, 0) << custom.err;
  EXPECT_THAT(custom.out, HasSubstr("custom run"));
  EXPECT_THAT(run(scratch.path(), "show --store s").out,
              testing::ContainsRegex("lookup .* weight_decay=0.1 warmup_steps=10 cosine_to=0\n"));
  // What is given and is the default makes the profile's run.
  const auto same = run(scratch.path(), plain +
                                            " --weight-decay 0 --clip-norm 0 --cosine-to 1 "
                                            "--head-multiplier 1 --task associative_recall");
  EXPECT_THAT(same.out, HasSubstr("same bits"));
  EXPECT_THAT(run(scratch.path(), "show --store s").out,
              testing::ContainsRegex("associative_recall smoke [^=]*\n"));
}

/// The untrained network, in every command.
TEST(Cli, ARunMayHaveNoSteps) {
  const cli::Scratch scratch;
  const auto recall =
      run(scratch.path(), "run e1 --profile smoke --steps 0 --arms layernorm --quiet --store s");
  EXPECT_EQ(recall.code, 0) << recall.err;
  const auto encoder =
      run(scratch.path(), "run e4 --profile smoke --epochs 0 --arms layernorm --quiet --store s");
  EXPECT_EQ(encoder.code, 0) << encoder.err;
  const auto results = shown(scratch.path());
  ASSERT_EQ(results.size(), 2u);
  for (const auto& result : results) {
    EXPECT_EQ(result["steps"], 0);
    EXPECT_EQ(result["final_loss"], "nan");
  }
  EXPECT_THAT(run(scratch.path(), "show --csv --store s").out, HasSubstr("NaN"));
  const auto again =
      run(scratch.path(), "run e1 --profile smoke --steps 0 --arms layernorm --store s");
  EXPECT_THAT(again.out, HasSubstr("stored already"));
  const auto measured =
      run(scratch.path(), "remeasure --metrics rows,untrained,curvature,landmarks --store s");
  EXPECT_EQ(measured.code, 0) << measured.err;
  EXPECT_EQ(run(scratch.path(), "gc --store s").code, 0);
}

TEST(Cli, CheckFailsWhereGoldenHasNoRun) {
  const cli::Scratch scratch;
  const auto outcome =
      run(scratch.path(), "run e1 --profile smoke --arms none --steps 7 --quiet --store s --check");
  EXPECT_EQ(outcome.code, 3);
  EXPECT_THAT(outcome.err, HasSubstr("golden lacks a run"));
}

TEST(Cli, AConfigFileTakesTheSameKeysAndTheCommandLineWins) {
  const cli::Scratch scratch;
  cli::write(scratch / "c.cfg", "profile=smoke\nsteps=9\narms=none\nstore=s\n");
  ASSERT_EQ(run(scratch.path(), "run e1 --config c.cfg --steps 5 --quiet").code, 0);
  EXPECT_EQ(shown(scratch.path())[0]["steps"], 5);
  cli::write(scratch / "bad.cfg", "stepz=9\n");
  const auto bad = run(scratch.path(), "run e1 --config bad.cfg --quiet");
  EXPECT_EQ(bad.code, 2);
  EXPECT_THAT(bad.err, HasSubstr("stepz"));
}

TEST(Cli, ADivergedRunIsRecordedWithStepAndArm) {
  const cli::Scratch scratch;
  const auto outcome =
      run(scratch.path(), "run e1 --profile smoke --arms none --learning-rate-none 1e30 --store s");
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_THAT(outcome.out, HasSubstr("none seed 0: diverged at step"));
  const auto result = shown(scratch.path())[0];
  EXPECT_GE(result["diverged_at"], 0);
  EXPECT_EQ(result["arm"], "none");
}

TEST(Cli, AStoreThatCannotBeWrittenIsNamed) {
  const cli::Scratch scratch;
  cli::write(scratch / "file", "");
  const auto outcome = run(scratch.path(), "run e1 --profile smoke --quiet --store file/s");
  EXPECT_EQ(outcome.code, 3);
  EXPECT_THAT(outcome.err, HasSubstr("file/s"));
}

TEST(Cli, AFullDiskIsNamedAndNothingStoredIsLost) {
  const cli::Scratch scratch;
  ASSERT_EQ(run(scratch.path(), "run e1 --profile smoke --arms none --quiet --store s").code, 0);
  const std::string before = weights_of_the_run(scratch.path());
  const auto outcome = run(
      scratch.path(), "run e1 --profile smoke --arms layernorm --quiet --store s", "ulimit -f 1; ");
  EXPECT_EQ(outcome.code, 3) << outcome.err;
  EXPECT_THAT(outcome.err, HasSubstr("kept.safetensors"));
  const auto result =
      run(scratch.path(), "run e1 --profile smoke --arms layernorm --quiet --store s --keep none",
          "ulimit -f 1; ");
  EXPECT_EQ(result.code, 3) << result.err;
  EXPECT_THAT(result.err, HasSubstr("row.json"));
  EXPECT_EQ(weights_of_the_run(scratch.path()), before);
}

TEST(Cli, AnEditedResultIsNamedAndNotUsed) {
  const cli::Scratch scratch;
  ASSERT_EQ(run(scratch.path(), "run e1 --profile smoke --arms none --quiet --store s").code, 0);
  const fs::path result = only_run(scratch / "s") / "row.json";
  std::string text = cli::read(result);
  text[text.find("final_loss") + 13] ^= 1;
  cli::write(result, text);
  for (const char* command : {"show --store s", "run e1 --profile smoke --arms none --store s",
                              "verify --profile smoke --store s"}) {
    const auto outcome = run(scratch.path(), command);
    EXPECT_EQ(outcome.code, 3) << command;
    EXPECT_THAT(outcome.err, HasSubstr("row.json")) << command;
  }
}

TEST(Cli, ATornCheckpointIsNamed) {
  const cli::Scratch scratch;
  const pid_t pid = cli::start(scratch.path(), kLong);
  std::this_thread::sleep_for(std::chrono::milliseconds(500));
  kill(pid, SIGINT);
  ASSERT_EQ(cli::wait_for(pid), 130);
  const fs::path checkpoint = only_run(scratch / "s") / "checkpoint.bin";
  fs::resize_file(checkpoint, fs::file_size(checkpoint) / 2);
  const auto outcome = run(scratch.path(), kLong);
  EXPECT_EQ(outcome.code, 3);
  EXPECT_THAT(outcome.err, HasSubstr("checkpoint.bin"));
}

TEST(Cli, GoldenThatIsMissingOrEditedIsNamed) {
  const cli::Scratch scratch;
  const auto missing = run(scratch.path(), "verify --golden nowhere");
  EXPECT_EQ(missing.code, 3);
  EXPECT_THAT(missing.err, HasSubstr("nowhere"));
  fs::copy(GOLDEN, scratch / "g", fs::copy_options::recursive);
  std::string text = cli::read(scratch / "g/associative_recall/smoke/none.jsonl");
  text[text.size() / 2] ^= 1;
  cli::write(scratch / "g/associative_recall/smoke/none.jsonl", text);
  for (const char* command : {"verify --golden g", "figures --golden g", "report --golden g",
                              "run e1 --profile smoke --quiet --golden g --store s",
                              "bless all --because x --golden g --store s"}) {
    const auto outcome = run(scratch.path(), command);
    EXPECT_EQ(outcome.code, 3) << command;
    EXPECT_THAT(outcome.err, HasSubstr("none.jsonl")) << command;
  }
}

TEST(Cli, VerifyCheckFailsWhereGoldenLacksARun) {
  const cli::Scratch scratch;
  ASSERT_EQ(run(scratch.path(), "run e1 --profile smoke --store s --arms dyt").code, 0);
  const auto plain = run(scratch.path(), "verify --profile smoke --store s");
  EXPECT_THAT(plain.out, HasSubstr("0 runs made here have golden's bits; 1 are not in golden."));
  EXPECT_THAT(plain.err, testing::Not(HasSubstr("--check")));
  const auto checked = run(scratch.path(), "verify --check --profile smoke --store s");
  EXPECT_EQ(checked.code, 3);
  EXPECT_THAT(checked.err, HasSubstr("golden lacks 1 of the runs"));
}

TEST(Cli, BlessIsTheOnlyWayIntoGoldenAndKeepsTheReason) {
  const cli::Scratch scratch;
  ASSERT_EQ(run(scratch.path(), "run e1 --profile smoke --arms none --quiet --store s").code, 0);
  ASSERT_EQ(run(scratch.path(), "bless e1 --because reasons --golden g --store s").code, 0);
  EXPECT_THAT(cli::read(scratch / "g/manifest.json"), HasSubstr("reasons"));
  EXPECT_EQ(
      run(scratch.path(), "run e1 --profile smoke --arms none --golden g --store s --check").code,
      0);
}

TEST(Cli, GoldenHasTheSeedsThatStudiesName) {
  std::set<std::string> named, found;
  const auto add = [&](const harness::GoldenSeeds& g, const std::vector<std::string>& arms) {
    for (const std::string& arm : arms) {
      for (std::size_t seed = 0; seed < g.seeds; ++seed) {
        named.insert(fmt::format("{} {} {} {}", g.task, g.profile, arm, seed));
      }
    }
  };
  for (const harness::Study* study : harness::studies()) {
    for (const harness::GoldenSeeds& g : study->golden_seeds()) {
      for (const harness::Experiment& e : study->experiments()) {
        const auto own = e.trainings.find(std::string(g.protocol));
        if (own != e.trainings.end()) {
          add(g, own->second);
        } else {
          add(g, e.arms);
          add(g, e.controls);
        }
      }
    }
  }
  for (const auto& result : harness::load_golden(GOLDEN).results) {
    found.insert(fmt::format("{} {} {} {}", result.task, result.profile, result.arm, result.seed));
  }
  EXPECT_EQ(found, named);
}

TEST(Cli, RunsThatDifferFromGoldenAreFound) {
  const cli::Scratch scratch;
  ASSERT_EQ(run(scratch.path(), "run e1 --profile smoke --arms none --quiet --store s").code, 0);
  auto results = harness::Store(scratch / "s", harness::Access::reading).results();
  ASSERT_EQ(results.size(), 1u);
  results[0].weights_sha256[0] = results[0].weights_sha256[0] == '0' ? '1' : '0';
  harness::bless(scratch / "g", results, nlohmann::json::array(), "e1", "a planted difference");
  const auto outcome =
      run(scratch.path(), "run e1 --profile smoke --arms none --golden g --store s");
  EXPECT_EQ(outcome.code, 1);
  EXPECT_THAT(outcome.out, HasSubstr("DIFFERS"));
  EXPECT_THAT(outcome.out, HasSubstr("weights_sha256"));
}

TEST(Cli, AVerdictThatIsNotGoldensIsFound) {
  const cli::Scratch scratch;
  const auto golden = harness::load_golden(GOLDEN);
  auto verdicts = golden.verdicts;
  verdicts[0]["outcome"] = verdicts[0]["outcome"] == "FRAGILE" ? "SUPPORTED" : "FRAGILE";
  harness::bless(scratch / "g", golden.results, verdicts, "all", "a planted verdict");
  const auto differs = run(scratch.path(), "verify --golden g");
  EXPECT_EQ(differs.code, 1) << differs.err;
  EXPECT_THAT(differs.err, HasSubstr("differs from golden"));
  verdicts.erase(0);
  harness::bless(scratch / "g", golden.results, verdicts, "all", "a verdict left out");
  const auto missing = run(scratch.path(), "verify --golden g");
  EXPECT_EQ(missing.code, 3) << missing.err;
  EXPECT_THAT(missing.err, HasSubstr("golden has no verdict"));
}

TEST(Cli, AKilledRunGoesOnToTheSameBits) {
  const cli::Scratch whole, cut;
  ASSERT_EQ(run(whole.path(), kLong).code, 0);
  const std::string expected = weights_of_the_run(whole.path());
  // The first two by Ctrl-C, which writes a checkpoint; then without warning.
  int stops = 0;
  for (const int signal : {SIGINT, SIGTERM, SIGKILL, SIGINT, SIGKILL}) {
    const pid_t pid = cli::start(cut.path(), kLong);
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
    kill(pid, signal);
    const int code = cli::wait_for(pid);
    if (code == 0) break;
    EXPECT_EQ(code, signal == SIGKILL ? 128 + SIGKILL : 130);
    ++stops;
  }
  EXPECT_GE(stops, 2) << "the runs ended before they could be stopped";
  ASSERT_EQ(run(cut.path(), kLong).code, 0);
  EXPECT_EQ(weights_of_the_run(cut.path()), expected);
}

TEST(Cli, AGpuThatCannotBeUsedIsNamedAndAutoGoesWithoutIt) {
  const cli::Scratch scratch;
  const auto chosen =
      run(scratch.path(), "run e1 --profile smoke --arms none --store s --device auto --check");
  EXPECT_EQ(chosen.code, 0) << chosen.err;
  const auto asked =
      run(scratch.path(), "run e1 --profile smoke --arms none --store t --device cuda");
  if (asked.code == 0) return;  // There is one.
  EXPECT_EQ(asked.code, 3);
  EXPECT_THAT(asked.err, HasSubstr("device: "));
  EXPECT_THAT(asked.err, HasSubstr("--device cpu"));
  EXPECT_FALSE(fs::exists(scratch / "t"));
}

TEST(Cli, AnUnknownInstructionSetIsNamed) {
  const cli::Scratch scratch;
  const auto outcome = run(scratch.path(), kSmoke, "export LIBNORM_ISA=sse9; ");
  EXPECT_EQ(outcome.code, 2);
  EXPECT_THAT(outcome.err, HasSubstr("sse9"));
}

TEST(Cli, EveryInstructionSetAndThreadCountHasGoldensBits) {
  for (const char* isa : {"scalar", "avx2", "avx512"}) {
    const cli::Scratch scratch;
    const auto outcome = run(scratch.path(), "run all --profile smoke --check --quiet --store s",
                             "export LIBNORM_ISA=" + std::string(isa) + "; ");
    if (outcome.code == 3 &&
        outcome.err.find("not supported by this machine") != std::string::npos) {
      std::cout << "not checked here, the machine has none: " << isa << "\n";
      continue;
    }
    EXPECT_EQ(outcome.code, 0) << isa << outcome.out << outcome.err;
  }
  for (const char* threads : {"1", "2", "3", "8"}) {
    const cli::Scratch scratch;
    const auto outcome = run(scratch.path(),
                             "run e2 --arms batchnorm --profile smoke --check --quiet --store s "
                             "--threads " +
                                 std::string(threads));
    EXPECT_EQ(outcome.code, 0) << threads << outcome.out << outcome.err;
  }
}

}  // namespace
