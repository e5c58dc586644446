#include <algorithm>
#include <iostream>
#include <optional>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>
#include <nlohmann/json.hpp>

#include "harness/base/output.hpp"
#include "harness/base/stop.hpp"
#include "harness/commands/command.hpp"
#include "harness/commands/usage.hpp"
#include "harness/results/environment.hpp"
#include "harness/results/golden.hpp"
#include "harness/results/golden_names.hpp"
#include "harness/runs/runner.hpp"
#include "harness/studies/study.hpp"
#include "libnorm/data/printable.hpp"

namespace harness {
namespace {

namespace po = boost::program_options;

/// Prints a sentence; with --json, as an object.
void note(const Arguments& arguments, const std::string& sentence) {
  print_text(arguments.has("json") ? json_line({{"event", "note"}, {"message", sentence}})
                                   : sentence + "\n");
}

/// The measures of a study that were asked for, by their names or by their metrics' names.
std::vector<std::string> asked_of(const Study& study, const std::vector<std::string>& wanted) {
  std::vector<std::string> names;
  for (const Measure& measure : study.measures()) {
    const bool is_asked = std::ranges::any_of(wanted, [&](const std::string& name) {
      return name == measure.name ||
             std::ranges::find(measure.metrics, name) != measure.metrics.end();
    });
    if (is_asked) names.emplace_back(measure.name);
  }
  return names;
}

/// The names of --metrics; none if it was not given. Throws: UsageError for a name of no measure.
std::vector<std::string> wanted_metrics(const Arguments& arguments) {
  if (!arguments.has("metrics")) return {};
  std::vector<std::string> wanted = split_list(arguments.text("metrics"), "metrics");
  std::vector<std::string_view> known;
  for (const Study* study : studies()) {
    for (const Measure& measure : study->measures()) {
      for (const std::string_view name : measure.metrics) {
        if (std::ranges::find(known, name) == known.end()) known.push_back(name);
      }
      known.push_back(measure.name);
    }
  }
  for (const std::string& name : wanted) {
    if (std::ranges::find(known, name) != known.end()) continue;
    throw UsageError(
        fmt::format("--metrics: unknown name ({}); use some of {}", name, fmt::join(known, ", ")));
  }
  return wanted;
}

Due due_of(const RunResult& result, const std::vector<std::string>& wanted) {
  const Study& study = study_of(result);
  if (result.diverged_at >= 0) return {};
  Due due{wanted.empty() ? due_measures(result, study.measures()) : asked_of(study, wanted)};
  for (const std::string& name : due.measures) {
    due.of = std::max(due.of, find_measure(study.measures(), name).of);
  }
  return due;
}

/// The results of a study that have something due. Counts those of other numerics, which this
/// version cannot make.
std::vector<RunResult> due_results(const Study& study, const std::vector<RunResult>& results,
                                   const Arguments& arguments,
                                   const std::vector<std::string>& wanted, std::size_t& others) {
  std::vector<RunResult> due;
  for (const RunResult& result : results) {
    if (&study_of(result) != &study || due_of(result, wanted).measures.empty()) continue;
    if (arguments.has("profile") && result.profile != arguments.text("profile")) continue;
    const Spec spec = Spec::parse(result.spec, "result: spec");
    if (spec.has("numerics") && spec.text("numerics") == kNumerics) {
      due.push_back(result);
    } else {
      ++others;
    }
  }
  return due;
}

/// The runs of all studies that have something due. A run that cannot be made is named, and the
/// others are measured all the same.
std::vector<PlannedRun> plan(const std::vector<RunResult>& results, const Arguments& arguments,
                             const std::vector<std::string>& wanted, libnorm::Device device,
                             Exit& exit) {
  Request request;
  if (arguments.has("data")) request.data = arguments.text("data");
  if (arguments.has("any-data")) request.trust = Trust::any;
  request.cache = std::filesystem::path(arguments.text("store")) / "cache";
  std::vector<PlannedRun> plan;
  std::size_t others = 0;
  for (const Study* study : studies()) {
    const auto due = due_results(*study, results, arguments, wanted, others);
    PlannedAgain again = study->plan_again(due, request);
    for (PlannedRun& run : again.runs) plan.push_back(std::move(run));
    for (const std::string& fault : again.faults) {
      complain_text("remeasure: ", libnorm::printable(fault));
      exit = Exit::no_data;
    }
  }
  if (others > 0) {
    note(arguments,
         fmt::format("{} runs of other numerics than this version's stay as they are.", others));
  }
  const std::size_t all = plan.size();
  if (device == libnorm::Device::cpu) {
    std::erase_if(plan, [](const PlannedRun& run) { return run.gemm == libnorm::Gemm::cublas; });
  }
  if (plan.size() < all) {
    complain("remeasure: {} runs had products by cuBLAS; need --device cuda for them",
             all - plan.size());
    exit = Exit::no_data;
  }
  return plan;
}

std::string_view why_trained_again(Measure::Of of, const RunResult& result) {
  if (of == Measure::Of::course) return "what is measured is of the course of training";
  if (of == Measure::Of::final_state && result.kept) return "it has kept no moments of Adam's";
  return result.kept ? "the weights that it had kept are missing" : "it has kept no weights";
}

/// Reports what was done for each run. Returns: whether all got the weights of their results.
bool tell(const Arguments& arguments, const MadeRuns& runs, const std::vector<std::string>& wanted,
          const std::vector<RunResult>& before) {
  bool same = true;
  for (std::size_t i = 0; i < runs.results.size(); ++i) {
    const RunResult& result = runs.results[i];
    const auto was = std::ranges::find(before, result.spec_sha256, &RunResult::spec_sha256);
    const Due due = was == before.end() ? Due{} : due_of(*was, wanted);
    const std::string name = fmt::format("{} {} seed {}", result.profile, result.arm, result.seed);
    const std::string names = fmt::format("{}", fmt::join(due.measures, ", "));
    switch (runs.made[i]) {
      case Made::measured:
        note(arguments,
             fmt::format("{}: {} measured again, from the weights that it has kept", name, names));
        break;
      case Made::measured_by_training:
        note(arguments,
             fmt::format("{}: trained again, to the same weights and losses, since {}; {} measured",
                         name, why_trained_again(due.of, result), names));
        break;
      case Made::trained_to_others:
        complain(
            "remeasure: {} DIFFERS: trained again, it came to other weights or losses than "
            "its result has; the result stays as it was",
            name);
        same = false;
        break;
      case Made::found:
      case Made::trained: note(arguments, fmt::format("{}: another process has measured it", name));
    }
  }
  return same;
}

/// The text of --help about measures that `run` leaves out.
std::string measures_on_request() {
  return "On request, described in harness/GOLDEN.md: " + by_study([](const Study& study) {
           std::vector<std::string_view> names;
           for (const Measure& measure : study.measures()) {
             if (measure.when == Measure::When::on_request) names.push_back(measure.name);
           }
           return fmt::format("{}", fmt::join(names, ", "));
         });
}

/// Puts golden's results into the store where it has none of their runs.
void take_golden(const Arguments& arguments) {
  const Store store(arguments.text("store"), Access::writing);
  for (RunResult& result : load_golden(arguments.text("golden")).results) {
    if (arguments.has("profile") && result.profile != arguments.text("profile")) continue;
    const auto spec = result.spec.empty() ? study_of(result).spec_of(result)
                                          : std::optional(Spec::parse(result.spec, "result: spec"));
    if (!spec || !spec->has_hash(result.spec_sha256) || store.find(*spec)) continue;
    result.spec = spec->canonical();
    result.spec_sha256 = spec->sha256();
    if (const auto held = store.try_lock(*spec)) held->finish(result);
  }
}

std::string about_remeasure() {
  return R"(Measures finished runs of the store again, with this version's measures, and replaces the
numbers in their results. What the training itself gave (weights, losses) stays as it is. A run
that has kept its weights is measured from them; one that has not is trained again, to the same
weights and losses, or its result is left alone and the exit code is 1. Experiment 4 needs its
texts for that; without them its runs are listed and the exit code is 3.

  norm-harness remeasure                            what results lack or have in an older version
  norm-harness remeasure --metrics effective_rank   this metric, in any case
  norm-harness remeasure --metrics rows,landmarks   what is measured on request alone

)" + measures_on_request();
}

void add_remeasure_options(Arguments& arguments) {
  arguments.options()("metrics", po::value<std::string>(),
                      "only these metrics, as a,b, with all that is measured with them")(
      "profile", po::value<std::string>(), "only runs of this profile; custom: of none")(
      "store", po::value<std::string>()->default_value("out/store"),
      "folder of the runs made here")(
      "golden", po::value<std::string>(),
      "first take the results of this golden that the store lacks; they have kept no weights")(
      "threads", po::value<int>()->default_value(default_threads()),
      "threads; results do not depend on it")(
      "data", po::value<std::string>(),
      "folder with ag_news and wordpiece, as scripts/fetch_data makes it; else as for `run`")(
      "any-data", "take files of other content than AG News's")(
      "no-wait", "leave runs that another process holds to it, and end with exit code 4")(
      "quiet", "no progress")("json",
                              "progress for programs: a JSON object in each line, as of `run`");
  add_device(arguments);
}

}  // namespace

Exit remeasure_command(const std::vector<std::string>& words) {
  Arguments arguments("remeasure [options]", about_remeasure());
  add_remeasure_options(arguments);
  if (!arguments.parse(words)) return Exit::ok;
  const Progress::Style style = progress_style(arguments);
  const std::vector<std::string> wanted = wanted_metrics(arguments);
  if (arguments.has("profile") && arguments.text("profile") != kCustomProfile) {
    known_profile(arguments.text("profile"));
  }
  stop_on_signals();
  RunnerOptions options;
  options.threads = checked_threads(arguments);
  options.device = chosen_device(arguments);
  options.due = [&](const RunResult& result) { return due_of(result, wanted); };
  if (arguments.has("no-wait")) options.others = Others::leave;
  if (arguments.has("golden")) take_golden(arguments);
  const std::vector<RunResult> results = Store(arguments.text("store"), Access::reading).results();
  Exit exit = Exit::ok;
  const std::vector<PlannedRun> planned = plan(results, arguments, wanted, options.device, exit);
  if (planned.empty()) {
    note(arguments, fmt::format("There is nothing to measure again: {} runs are in the store.",
                                results.size()));
    return exit;
  }
  const Store store(arguments.text("store"), Access::writing);
  Progress progress(std::cout, style, STDOUT_FILENO);
  const MadeRuns made = make_runs(planned, options, store, progress);
  if (!tell(arguments, made, wanted, results)) return Exit::differs;
  if (made.left > 0 && exit == Exit::ok) {
    complain("remeasure: another process holds {} of the {} runs, and they are left to it",
             made.left, planned.size());
    return Exit::runs_left;
  }
  return exit;
}

}  // namespace harness
