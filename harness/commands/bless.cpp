#include <algorithm>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "harness/base/output.hpp"
#include "harness/commands/command.hpp"
#include "harness/results/golden.hpp"
#include "harness/results/result_json.hpp"
#include "harness/studies/stored_verdicts.hpp"
#include "harness/studies/study.hpp"
#include "libnorm/data/printable.hpp"

namespace harness {
namespace {

namespace po = boost::program_options;

bool belongs(const RunResult& row, const std::string& experiment) {
  for (const Experiment& e : study_of(row).experiments()) {
    if (experiment != "all" && e.id != experiment) continue;
    std::vector<std::vector<std::string>> lists = {e.arms, e.controls};
    for (const auto& [protocol, arms] : e.trainings) lists.push_back(arms);
    for (const auto& arms : lists) {
      if (std::find(arms.begin(), arms.end(), row.arm) != arms.end()) return true;
    }
  }
  return false;
}

}  // namespace

Exit bless_command(const std::vector<std::string>& words) {
  Arguments arguments(
      "bless e1|e2|e3|e4|all --because \"...\" [options]",
      "Makes the store's rows of an experiment golden, in place of those of the same "
      "task,\nprofile, arm and seed, and judges the claims anew. Golden is written by nothing "
      "else.");
  arguments.positional("experiment");
  arguments.options()("experiment", po::value<std::string>(), "e1, e2, e3, e4, or all")(
      "because", po::value<std::string>(), "the reason, kept in golden's manifest")(
      "store", po::value<std::string>()->default_value("out/store"),
      "folder of the runs made here")("golden",
                                      po::value<std::string>()->default_value(default_golden()),
                                      "folder of the committed results");
  if (!arguments.parse(words)) return Exit::ok;
  if (!arguments.has("experiment")) {
    throw UsageError("bless: no experiment given; need e1, e2, e3, e4 or all");
  }
  const std::string& experiment = arguments.text("experiment");
  if (experiment != "all") find_experiment(experiment);
  if (!arguments.has("because") || arguments.text("because").empty()) {
    throw UsageError("bless: no reason given; need --because \"...\"");
  }
  const std::filesystem::path directory = arguments.text("golden");
  std::vector<RunResult> rows;
  for (RunResult& row : Store(arguments.text("store"), Access::reading).rows()) {
    if (!is_current(row) || !belongs(row, experiment)) continue;
    // The file that it names stays in the store.
    row.kept.reset();
    rows.push_back(std::move(row));
  }
  if (rows.empty()) {
    throw libnorm::DataError("bless: the store has no run of " + experiment + " (" +
                             arguments.text("store") + "); make them with `norm-harness run`");
  }
  // Claims are judged from what golden has, and what it gets now in its place.
  const auto judge = [](std::vector<RunResult> evidence) {
    std::erase_if(evidence, [](const RunResult& row) { return !is_current(row); });
    return nlohmann::json(judge_claims(evidence));
  };
  bless_judged(directory, rows, judge, experiment, arguments.text("because"));
  print_out("{} rows are golden now, in {}\n", rows.size(), libnorm::printable(directory.string()));
  return Exit::ok;
}

}  // namespace harness
