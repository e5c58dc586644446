#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <limits>
#include <set>
#include <string>
#include <thread>

#include "harness/results/golden.hpp"
#include "harness/results/result_csv.hpp"
#include "harness/runs/run_store.hpp"
#include "tests/cli/process.hpp"
#include "tests/unit/harness/runs/store_samples.hpp"

/// What a store keeps, and what is said where it is not there.
namespace {

using cli::only_run;
using cli::run;
using testing::HasSubstr;
using testing::Not;
namespace fs = std::filesystem;

TEST(StoreCli, AMistypedStoreIsNamedAndNeverMade) {
  const cli::Scratch scratch;
  fs::create_directory(scratch / "other");
  for (const std::string command :
       {"show", "show --json", "verify", "verify --check", "verify --json",
        "verify --results store", "figures", "figures --results store", "report",
        "bless all --because x --golden g", "gc", "gc --remove"}) {
    const auto missing = run(scratch.path(), command + " --store nowhere/s");
    EXPECT_EQ(missing.code, 3) << command;
    EXPECT_THAT(missing.err, HasSubstr("store: no such folder (nowhere/s)")) << command;
    EXPECT_EQ(std::count(missing.err.begin(), missing.err.end(), '\n'), 1) << missing.err;
    const auto other = run(scratch.path(), command + " --store other");
    EXPECT_EQ(other.code, 3) << command;
    EXPECT_THAT(other.err, HasSubstr("store: not a store (other has no folder `runs`)")) << command;
  }
  cli::write(scratch / "c.cfg", "store=nowhere/s\n");
  EXPECT_EQ(run(scratch.path(), "verify --config c.cfg").code, 3);
  EXPECT_THAT(harness::names_in(scratch.path()), testing::UnorderedElementsAre("other", "c.cfg"));
  EXPECT_TRUE(fs::is_empty(scratch / "other"));
}

TEST(StoreCli, WithoutAStoreGoldenIsEnoughButForWhatAsksForRuns) {
  const cli::Scratch scratch;
  const auto verify = run(scratch.path(), "verify");
  EXPECT_EQ(verify.code, 0) << verify.err;
  EXPECT_THAT(verify.out, HasSubstr("No store at out/store"));
  const auto checked = run(scratch.path(), "verify --check");
  EXPECT_EQ(checked.code, 3);
  EXPECT_THAT(checked.err, HasSubstr("there is no run to compare with golden"));
  for (const char* command : {"show", "verify --results store", "figures --results store", "gc"}) {
    const auto outcome = run(scratch.path(), command);
    EXPECT_EQ(outcome.code, 3) << command;
    EXPECT_THAT(outcome.err, HasSubstr("no such folder (out/store)")) << command;
  }
  EXPECT_TRUE(fs::is_empty(scratch.path()));
}

TEST(StoreCli, ANamedGoldenThatIsNotThereIsAnErrorBeforeTraining) {
  const cli::Scratch scratch;
  for (const char* arguments : {"", " --check", " --steps 3"}) {
    const auto outcome = run(scratch.path(), cli::kOneRun + " --golden nowhere" + arguments);
    EXPECT_EQ(outcome.code, 3) << arguments;
    EXPECT_THAT(outcome.err, HasSubstr("golden: no such folder, or nothing in it (nowhere)"));
  }
  EXPECT_TRUE(fs::is_empty(scratch.path()));
}

TEST(StoreCli, WhatARunKeepsIsAskedFor) {
  const cli::Scratch scratch;
  const std::string command = cli::kOneRun + " --golden g";
  const auto kept = [&] {
    const auto shown = run(scratch.path(), "show --json --store s");
    return nlohmann::json::parse(shown.out).at(0).value("kept", nlohmann::json());
  };
  ASSERT_EQ(run(scratch.path(), cli::kOneRun + " --keep none").code, 0);
  // A small golden is read more often here, and faster, than the whole.
  ASSERT_EQ(run(scratch.path(), "bless e1 --because x --golden g --store s").code, 0);
  EXPECT_TRUE(kept().is_null());
  EXPECT_EQ(run(scratch.path(), command).code, 0) << "nothing was asked for";
  const fs::path folder = only_run(scratch / "s");
  const auto expect_refusal = [&](const std::string& what) {
    const auto late = run(scratch.path(), command + " --keep " + what);
    EXPECT_EQ(late.code, 3) << what;
    EXPECT_THAT(late.err, HasSubstr(folder.filename().string())) << what;
    EXPECT_THAT(late.err, HasSubstr("delete their folders and give the command again")) << what;
    EXPECT_EQ(std::count(late.err.begin(), late.err.end(), '\n'), 1) << late.err;
  };
  expect_refusal("weights");
  fs::remove_all(folder);
  ASSERT_EQ(run(scratch.path(), command + " --keep weights").code, 0);
  EXPECT_EQ(kept()["what"], "weights");
  EXPECT_EQ(kept()["sha256"], harness::sha256_hex(cli::read(folder / "kept.safetensors")));
  EXPECT_EQ(run(scratch.path(), command + " --keep weights").code, 0);
  expect_refusal("state");
  ASSERT_EQ(run(scratch.path(), "bless e1 --because y --golden g --store s").code, 0);
  EXPECT_THAT(cli::read(scratch / "g/associative_recall/smoke/none.jsonl"), Not(HasSubstr("kept")));
  // Where the result alone is needed, a file that is missing does not matter.
  fs::remove(folder / "kept.safetensors");
  EXPECT_EQ(run(scratch.path(), command + " --check").code, 0);
  expect_refusal("weights");
}

TEST(StoreCli, GcNamesAndRemovesWhatIsOfNoUse) {
  const cli::Scratch scratch;
  ASSERT_EQ(run(scratch.path(), cli::kOneRun).code, 0);
  const fs::path folder = only_run(scratch / "s");
  cli::write(folder / "checkpoint.bin", std::string(2000, 'c'));
  const auto named = run(scratch.path(), "gc --store s");
  EXPECT_EQ(named.code, 0) << named.err;
  EXPECT_THAT(named.out, HasSubstr("    2.0 kB  s/runs/" + folder.filename().string() +
                                   "/checkpoint.bin  (the checkpoint of a finished run)\n"
                                   "1 thing of no use, 2.0 kB; --remove removes them.\n"));
  EXPECT_TRUE(fs::exists(folder / "checkpoint.bin"));
  const auto removed = run(scratch.path(), "gc --store s --remove");
  EXPECT_EQ(removed.code, 0) << removed.err;
  EXPECT_THAT(removed.out, HasSubstr("Removed 1 thing, 2.0 kB."));
  EXPECT_FALSE(fs::exists(folder / "checkpoint.bin"));
  EXPECT_THAT(run(scratch.path(), "gc --store s").out, HasSubstr("There is nothing to remove."));
  EXPECT_EQ(run(scratch.path(), "run e1 --profile smoke --arms none --check --store s").code, 0);

  const pid_t pid = cli::start(
      scratch.path(),
      "run e1 --profile smoke --arms layernorm --threads 1 --steps 40000 --quiet --store s");
  std::this_thread::sleep_for(std::chrono::milliseconds(500));
  const auto held = run(scratch.path(), "gc --store s --remove");
  EXPECT_THAT(held.out, HasSubstr("Left alone, since a process is at work there: 1 run."));
  kill(pid, SIGINT);
  EXPECT_EQ(cli::wait_for(pid), 130);
  cli::write(folder / "row.json", "torn");
  const auto damaged = run(scratch.path(), "gc --store s");
  EXPECT_EQ(damaged.code, 3);
  EXPECT_THAT(damaged.err, HasSubstr("row.json is torn or edited"));
}

TEST(StoreCli, VerifyCheckFailsWhereThereIsNoRunToCheck) {
  const cli::Scratch scratch;
  ASSERT_EQ(run(scratch.path(), cli::kOneRun).code, 0);
  ASSERT_EQ(run(scratch.path(), "bless e1 --because x --golden g --store s").code, 0);
  // The claims are judged at other profiles than smoke.
  for (const std::string arguments : {"", " --json", " --results store"}) {
    const auto plain = run(scratch.path(), "verify --golden g --store s" + arguments);
    EXPECT_EQ(plain.code, 0) << plain.err;
    const auto checked = run(scratch.path(), "verify --check --golden g --store s" + arguments);
    EXPECT_EQ(checked.code, 3) << arguments;
    EXPECT_THAT(checked.err, HasSubstr("there is no run to compare with golden (s)")) << arguments;
  }
  EXPECT_EQ(run(scratch.path(), "verify --check --golden g --store s --profile smoke").code, 0);
}

TEST(StoreCli, VerifyHoldsRunsAgainstGoldenInJsonToo) {
  const cli::Scratch scratch;
  ASSERT_EQ(run(scratch.path(), cli::kOneRun).code, 0);
  auto results = harness::Store(scratch / "s", harness::Access::reading).results();
  results.at(0).final_loss += 1;
  harness::bless(scratch / "g", results, nlohmann::json::array(), "e1", "a planted difference");
  const auto outcome = run(scratch.path(), "verify --json --golden g --store s --profile smoke");
  EXPECT_NE(outcome.code, 0);
  EXPECT_THAT(outcome.err, HasSubstr("final_loss differs"));
  EXPECT_TRUE(nlohmann::json::accept(outcome.out)) << outcome.out;
}

/// A finished run in the store `s`, with changes to its result.
void finish(const cli::Scratch& scratch, const std::string& arm, std::uint64_t seed,
            const std::function<void(harness::RunResult&)>& change) {
  const harness::Store store(scratch / "s", harness::Access::writing);
  const auto run = store.lock(harness::Spec().set("arm", arm).set("seed", seed));
  harness::RunResult result = harness::sample_result_of(run.spec());
  result.kept.reset();
  change(result);
  run.finish(result);
}

/// What Python's csv module reads of `show --csv`: a list of cells for every line.
nlohmann::json read_by_csv_module(const fs::path& directory) {
  const auto outcome = cli::shell(
      directory,
      "set -o pipefail\n\"$H\" show --csv --store s | python3 -c 'import csv, json, sys\n"
      "lines = open(0, newline=\"\", encoding=\"utf-8\")\n"
      "json.dump(list(csv.reader(lines, strict=True)), sys.stdout)'");
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  return nlohmann::json::parse(outcome.out);
}

TEST(ShowCsv, PythonReadsBackWhatTheRunsHave) {
  static constexpr double kInfinity = std::numeric_limits<double>::infinity();
  const std::uint64_t last = std::numeric_limits<std::uint64_t>::max();
  const cli::Scratch scratch;
  finish(scratch, "layernorm", 7, [](harness::RunResult& result) {
    result.metrics = {{"b", 1.0 / 3.0}, {"a.x", -kInfinity}};
    result.data = "a \"quoted\" set, of 4 rows";
  });
  finish(scratch, "rms+gain@pre", last, [](harness::RunResult& result) {
    result.metrics = {{"b", std::nan("")}, {"c", kInfinity}};
    result.data.clear();
    result.diverged_at = 3;
    result.final_loss = 5e-324;
    result.environment.device = "a GPU";
  });
  const auto table = read_by_csv_module(scratch.path());
  ASSERT_EQ(table.size(), 3u);
  EXPECT_EQ(table[0].dump(),
            R"(["task","profile","arm","seed","steps","diverged_at","final_loss","seconds",)"
            R"("device","threads","data","spec_sha256","weights_sha256","losses_sha256",)"
            R"("a.x","b","c"])");
  std::vector<std::map<std::string, std::string>> runs(2);
  for (std::size_t i = 0; i < 2; ++i) {
    ASSERT_EQ(table[i + 1].size(), table[0].size());
    for (std::size_t k = 0; k < table[0].size(); ++k) runs[i][table[0][k]] = table[i + 1][k];
  }
  EXPECT_EQ(runs[0]["data"], "a \"quoted\" set, of 4 rows");
  EXPECT_EQ(runs[0]["arm"], "layernorm");
  EXPECT_EQ(runs[0]["diverged_at"], "-1");
  EXPECT_EQ(runs[0]["a.x"], "-Inf");
  EXPECT_EQ(std::stod(runs[0]["b"]), 1.0 / 3.0);
  EXPECT_EQ(runs[0]["c"], "");
  EXPECT_EQ(runs[1]["data"], "");
  EXPECT_EQ(runs[1]["arm"], "rms+gain@pre");
  EXPECT_EQ(runs[1]["seed"], "18446744073709551615");
  EXPECT_EQ(runs[1]["diverged_at"], "3");
  EXPECT_EQ(runs[1]["final_loss"], "5e-324");
  EXPECT_EQ(runs[1]["device"], "a GPU");
  EXPECT_EQ(runs[1]["threads"], "8");
  EXPECT_EQ(runs[1]["a.x"], "");
  EXPECT_EQ(runs[1]["b"], "NaN");
  EXPECT_EQ(runs[1]["c"], "Inf");
  for (const char* hash : {"spec_sha256", "weights_sha256", "losses_sha256"}) {
    EXPECT_EQ(runs[1][hash].size(), 64u);
  }
}

TEST(ShowCsv, StrangersTextStaysInItsCellAndIsNoFormula) {
  const cli::Scratch scratch;
  for (const std::string text : {"=1+1", "+1", "-1", "@x", "a\r\nb,\"c\"\t\x1b[2J", "'", "a=1"}) {
    finish(scratch, "none", 0, [&](harness::RunResult& result) {
      result.data = result.environment.device = text;
      result.metrics = {{"=x", -1.5}};
    });
    const auto table = read_by_csv_module(scratch.path());
    ASSERT_EQ(table.size(), 2u) << text;
    const std::string mark = "\uFFFD", data = table[1][10];
    EXPECT_EQ(data, table[1][8].get<std::string>());
    EXPECT_EQ(data,
              text[0] == 'a' && text[1] == '\r'
                  ? "a" + mark + mark + "b,\"c\"" + mark + mark + "[2J"
                  : (std::string("=+-@").find(text[0]) == std::string::npos ? "" : "'") + text);
    EXPECT_EQ(table[0].back(), "'=x");
    EXPECT_EQ(table[1].back(), "-1.5") << "a number is none, whatever its sign";
  }
}

TEST(ShowCsv, HelpSaysWhatEveryColumnIs) {
  const cli::Scratch scratch;
  const std::string help = run(scratch.path(), "show --help").out;
  for (const auto& column : harness::run_columns()) {
    EXPECT_THAT(help, HasSubstr("  " + std::string(column.name) + " ")) << column.name;
  }
  std::set<std::string> metrics;
  for (const auto& result : harness::load_golden(GOLDEN).results) {
    for (const auto& metric : result.metrics) metrics.insert(metric.first);
  }
  EXPECT_GT(metrics.size(), 100u);
  for (const std::string& name : metrics) {
    // slice_range.PROTOCOL, layerN.PROTOCOL.METRIC or METRIC.
    const std::size_t slice = name.starts_with("slice_") ? name.find('.') : std::string::npos;
    const std::string known = slice == std::string::npos ? name.substr(name.rfind('.') + 1) + " "
                                                         : name.substr(0, slice) + ".PROTOCOL ";
    EXPECT_THAT(help, HasSubstr("  " + known)) << name;
  }
}

TEST(ShowCsv, AnEmptyStoreIsAHeading) {
  const cli::Scratch scratch;
  harness::Store(scratch / "s", harness::Access::writing);
  EXPECT_EQ(read_by_csv_module(scratch.path()).size(), 1u);
}

}  // namespace
