#include <algorithm>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "harness/base/output.hpp"
#include "harness/commands/command.hpp"
#include "harness/commands/usage.hpp"
#include "harness/report/draw_figures.hpp"
#include "harness/results/environment.hpp"
#include "harness/results/golden.hpp"
#include "harness/results/golden_names.hpp"
#include "harness/results/result_json.hpp"
#include "harness/studies/stored_verdicts.hpp"
#include "harness/studies/study.hpp"
#include "libnorm/data/printable.hpp"

namespace harness {
namespace {

namespace po = boost::program_options;

/// Whether an experiment lists a result's arm.
bool lists(const Experiment& e, const RunResult& result) {
  std::vector<std::vector<std::string>> lists = {e.arms, e.controls};
  for (const auto& [protocol, arms] : e.trainings) lists.push_back(arms);
  return std::ranges::any_of(lists, [&](const auto& arms) {
    return std::find(arms.begin(), arms.end(), result.arm) != arms.end();
  });
}

/// Whether a result is of an experiment. any_arm: also with an arm that the experiment does not
/// list.
bool belongs(const RunResult& result, const std::string& experiment, bool any_arm) {
  const auto& experiments = study_of(result).experiments();
  return std::ranges::any_of(experiments, [&](const Experiment& e) {
    return (experiment == "all" || e.id == experiment) && (any_arm || lists(e, result));
  });
}

/// Whether a custom run is one that this version makes.
bool is_custom(const RunResult& result) {
  if (result.profile != kCustomProfile) return false;
  const Spec spec = Spec::parse(result.spec, "result: spec");
  return spec.has("numerics") && spec.text("numerics") == kNumerics;
}

/// The results of the store that will be golden. Throws: DataError if there are none, or if one was
/// measured by another version.
std::vector<RunResult> results_to_bless(const Arguments& arguments, const std::string& experiment) {
  const bool custom = arguments.has("custom");
  std::vector<RunResult> results;
  for (RunResult& result : Store(arguments.text("store"), Access::reading).results()) {
    if (!is_current(result) && !(custom && is_custom(result))) continue;
    if (!belongs(result, experiment, custom)) continue;
    if (const auto others = other_versions(result, study_of(result).measures()); !others.empty()) {
      throw libnorm::DataError(
          fmt::format("bless: {} of {} seed {} was measured by another version ({}); run "
                      "`norm-harness remeasure` first",
                      others[0], result.arm, result.seed, result.measures.at(others[0])));
    }
    // The file it names stays in the store.
    result.kept.reset();
    if (result.profile != kCustomProfile) result.spec.clear();
    results.push_back(std::move(result));
  }
  if (results.empty()) {
    throw libnorm::DataError("bless: the store has no run of " + experiment + " (" +
                             arguments.text("store") + "); make them with `norm-harness run`");
  }
  return results;
}

/// Today's hash of a result's specification, if golden's hash is of the same run.
std::string hash_today(const RunResult& result) {
  const auto spec = study_of(result).spec_of(result);
  return spec && spec->has_hash(result.spec_sha256) ? spec->sha256() : result.spec_sha256;
}

/// Claims and figures from what golden has and the results that it gets now.
Derived derive(std::vector<RunResult> evidence) {
  std::vector<std::string> stale;
  std::erase_if(evidence, [&](const RunResult& result) { return !is_evidence(result, stale); });
  for (const std::string& sentence : stale) complain("bless: {}", sentence);
  return {nlohmann::json(judge_claims(evidence)), draw_golden_figures(evidence)};
}

Exit migrate(const std::filesystem::path& directory, const std::string& because) {
  const Migration done = migrate_golden(directory, hash_today, because);
  print_out(
      "Golden was of format {} and is of format {} now: {} results, of which {} numbers were "
      "compared\n"
      "one by one and are the same, bit for bit. {} results have the hash of a spec without "
      "measures.\n"
      "{} in {}\n",
      done.from, kGoldenFormat, done.results, done.numbers, done.hashes, size_text(done.bytes),
      libnorm::printable(directory.string()));
  return Exit::ok;
}

Exit rejudge(const std::filesystem::path& directory, const std::string& because) {
  if (!has_golden(directory)) load_golden(directory);  // which says what is missing
  const std::uintmax_t bytes = bless_derived(directory, {}, derive, "all", because);
  print_out("Golden's claims are judged and its picture is drawn anew, in {}, which has {}\n",
            libnorm::printable(directory.string()), size_text(bytes));
  return Exit::ok;
}

/// A line for each run that makes a part of golden, with its task.
std::string golden_commands() {
  std::string text;
  for (const Study* study : studies()) {
    for (const GoldenSeeds& g : study->golden_seeds()) {
      text += fmt::format("  {}   # on {}\n",
                          training_command(*study, g.profile, g.seeds, g.protocol), g.task);
    }
  }
  return text;
}

}  // namespace

Exit bless_command(const std::vector<std::string>& words) {
  Arguments arguments("bless " + experiment_choice() + " --because \"...\" [options]",
                      "Makes the store's results of an experiment golden, in place of those of the "
                      "same task,\nprofile, arm and seed, and judges the claims anew. Golden is "
                      "written by nothing else.\n\n"
                      "What golden holds, and what makes it:\n" +
                          golden_commands());
  arguments.positional("experiment");
  arguments.options()("experiment", po::value<std::string>(), experiment_words().c_str())(
      "because", po::value<std::string>(), "the reason, kept in golden's manifest")(
      "store", po::value<std::string>()->default_value("out/store"),
      "folder of the runs made here")("golden",
                                      po::value<std::string>()->default_value(default_golden()),
                                      "folder of the committed results")(
      "custom",
      "also runs with numbers of their own, and of arms that the experiment does not list")(
      "migrate",
      "instead: writes a golden of an older format in this version's, and compares all\n"
      "numbers before it replaces any")(
      "rejudge",
      "instead: judges the claims and draws README's picture anew, from golden's own results");
  if (!arguments.parse(words)) return Exit::ok;
  const std::filesystem::path directory = arguments.text("golden");
  const std::string because = arguments.has("because") ? arguments.text("because") : "";
  for (const std::string instead : {"migrate", "rejudge"}) {
    if (!arguments.has(instead)) continue;
    if (arguments.has("experiment") || arguments.has("custom")) {
      throw UsageError("--" + instead +
                       ": takes golden as it is, without an experiment or --custom");
    }
  }
  if (arguments.has("migrate") && arguments.has("rejudge")) {
    throw UsageError("--migrate: cannot be combined with --rejudge; need one of them");
  }
  const bool takes_results = !arguments.has("migrate") && !arguments.has("rejudge");
  if (takes_results && !arguments.has("experiment")) {
    throw UsageError("bless: no experiment given; need " + experiment_words());
  }
  const std::string experiment = takes_results ? arguments.text("experiment") : "all";
  if (experiment != "all") find_experiment(experiment);
  if (because.empty()) throw UsageError("bless: no reason given; need --because \"...\"");
  if (arguments.has("migrate")) return migrate(directory, because);
  if (arguments.has("rejudge")) return rejudge(directory, because);
  const std::vector<RunResult> results = results_to_bless(arguments, experiment);
  const std::uintmax_t bytes = bless_derived(directory, results, derive, experiment, because);
  print_out("{} results are golden now, in {}, which has {}\n", results.size(),
            libnorm::printable(directory.string()), size_text(bytes));
  return Exit::ok;
}

}  // namespace harness
