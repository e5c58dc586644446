#include <algorithm>
#include <charconv>
#include <chrono>
#include <iostream>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "harness/base/files.hpp"
#include "harness/base/node.hpp"
#include "harness/base/output.hpp"
#include "harness/commands/planning.hpp"
#include "harness/commands/usage.hpp"
#include "harness/results/compare.hpp"
#include "harness/results/golden.hpp"
#include "harness/results/golden_names.hpp"
#include "harness/runs/runner.hpp"
#include "harness/runs/sweep_plan.hpp"
#include "harness/studies/study.hpp"
#include "libnorm/data/printable.hpp"
#include "libnorm/models/normalization.hpp"

namespace harness {
namespace {

namespace po = boost::program_options;

std::string metric_text(const RunResult& result, const std::string& name) {
  const auto metric = result.metrics.find(name);
  return metric == result.metrics.end() ? "-" : fmt::format("{:.4g}", metric->second);
}

/// Prints the runs of one study. words: how each compares with golden.
void print_table(const Study& study, const std::string& protocol,
                 const std::vector<RunResult>& results, const std::vector<std::string>& words) {
  std::string task;
  for (std::size_t i = 0; i < results.size(); ++i) {
    const RunResult& result = results[i];
    if (&study_of(result) != &study) continue;
    if (result.task != task) {
      task = result.task;
      if (!result.data.empty()) print_out("\n{}", libnorm::printable(result.data));
      print_out("\n{:18} {:>5} {:>7} {:>11}", "arm", "seed", "steps", "loss");
      for (const Column& c : study.columns(protocol)) print_out(" {:>{}}", c.title, c.width());
      print_out(" {:>8}  {:14} {}\n", "seconds", "weights", "golden");
    }
    print_out("{:18} {:5} {:7} {:11.4e}", result.arm, result.seed, result.steps, result.final_loss);
    for (const Column& c : study.columns(protocol)) {
      print_out(" {:>{}}", metric_text(result, c.metric), c.width());
    }
    print_out(" {:8.1f}  {:.12}   {}\n", result.seconds, result.weights_sha256, words[i]);
  }
}

/// The same for programs: a JSON object in a line for each run.
void print_json(const std::vector<RunResult>& results, const std::vector<std::string>& words,
                const std::vector<std::vector<Difference>>& differences) {
  for (std::size_t i = 0; i < results.size(); ++i) {
    nlohmann::json messages = nlohmann::json::array();
    for (const Difference& difference : differences[i]) messages.push_back(difference.message);
    print_text(json_line({{"event", "result"},
                          {"task", results[i].task},
                          {"profile", results[i].profile},
                          {"arm", results[i].arm},
                          {"seed", results[i].seed},
                          {"metrics", results[i].metrics},
                          {"golden", words[i]},
                          {"differences", std::move(messages)}}));
  }
}

/// Prints each run, and how it compares with golden. planned: the options that decided what is
/// trained.
Exit compare_with_golden(const std::vector<ChosenStudy>& chosen,
                         const std::vector<RunResult>& results, const Arguments& arguments,
                         const Arguments& planned) {
  const bool must_check = arguments.has("check");
  const std::string& directory = arguments.text("golden");
  Golden golden;
  // Golden rarely has custom runs; they have a folder of their own.
  const bool may_be_there = std::ranges::any_of(results, [&](const RunResult& result) {
    return result.profile != kCustomProfile ||
           is_there(std::filesystem::path(directory) / encode_name(result.task) / kCustomProfile);
  });
  if (may_be_there && (must_check || has_golden(directory))) golden = load_golden(directory);
  Exit exit = Exit::ok;
  std::vector<std::string> words, notes;
  std::vector<std::vector<Difference>> all_differences;
  for (const RunResult& result : results) {
    words.emplace_back(result.profile == "custom" ? "custom run" : "not in golden");
    const RunResult* expected = golden.find(result);
    std::vector<Difference> differences;
    if (expected != nullptr) differences = compare(result, *expected);
    const bool measured_otherwise = std::ranges::any_of(
        differences, [](const Difference& d) { return d.cause == Cause::kOtherMeasures; });
    const bool differs = std::ranges::any_of(
        differences, [](const Difference& d) { return d.cause != Cause::kOtherMeasures; });
    if (expected != nullptr) {
      words.back() = differs ? "DIFFERS" : measured_otherwise ? "other measures" : "same bits";
    }
    if (differs) exit = Exit::differs;
    for (const Difference& d : differences) notes.push_back(libnorm::printable(d.message));
    all_differences.push_back(std::move(differences));
    if (must_check && exit == Exit::ok && (expected == nullptr || measured_otherwise)) {
      exit = Exit::no_data;
    }
  }
  if (arguments.has("json")) {
    print_json(results, words, all_differences);
  } else {
    for (const ChosenStudy& c : chosen) {
      print_table(*c.study, protocol_of(*c.study, planned), results, words);
    }
    if (!notes.empty()) print_out("\n  {}\n", fmt::join(notes, "\n  "));
  }
  if (exit == Exit::no_data) {
    complain("run: --check was asked for, and golden lacks a run above, or its measures ({})",
             libnorm::printable(directory));
  }
  return exit;
}

std::optional<Keep> chosen_keep(const Arguments& arguments) {
  if (!arguments.has("keep")) return std::nullopt;
  const std::string& word = arguments.text("keep");
  for (const Keep keep : {Keep::none, Keep::weights, Keep::state}) {
    if (word == kKeepWords[int(keep)]) return keep;
  }
  throw UsageError(fmt::format("--keep: unknown word ({}); need weights, state or none", word));
}

/// Whether every run has kept what --keep asks for. A run that was finished before is not made
/// again, and must not count as done.
Exit check_kept(const std::vector<RunResult>& results, const Store& store,
                std::optional<Keep> keep) {
  if (!keep || *keep == Keep::none) return Exit::ok;
  std::vector<std::string> folders;
  for (const RunResult& result : results) {
    if (store.has_kept(result) && result.kept->what >= *keep) continue;
    folders.push_back(libnorm::printable(store.folder(result).string()));
  }
  if (folders.empty()) return Exit::ok;
  const std::size_t shown = std::min<std::size_t>(folders.size(), 3);
  complain(
      "run: --keep {} was asked for, and {} of the runs had finished before and kept less ({}{}); "
      "delete their folders and give the command again: it trains them anew, to the same bits",
      kKeepWords[int(*keep)], folders.size(),
      fmt::join(folders.begin(), folders.begin() + std::ptrdiff_t(shown), ", "),
      shown < folders.size() ? ", ..." : "");
  return Exit::no_data;
}

/// The usage and description of `run`, from the catalogue.
Arguments run_arguments() {
  const std::string data =
      by_study([](const Study& study) { return std::string(study.texts().data); }, "\n");
  return {
      "run " + experiment_choice() + " [options]",
      "Trains the arms of an experiment, measures them and stores a result for each. Stored runs\n"
      "are not trained again, and interrupted ones resume. Every run is compared with golden, bit\n"
      "for bit. If another process is training a run, this one waits for it, and takes it over if\n"
      "that process ends early.\n\n"
      "You can change any number of the experiment; such a run is marked `custom` and is never\n"
      "compared with golden, unless golden has the same one." +
          (data.empty() ? "" : "\n\n" + data)};
}

/// Options that decide how it is trained and what is kept.
void add_runner_options(Arguments& arguments) {
  const std::string kept =
      by_study([](const Study& study) { return std::string(study.texts().kept); });
  arguments.options()("threads", po::value<int>()->default_value(default_threads()),
                      "threads; results do not depend on it")(
      "checkpoint-every", po::value<double>(),
      "seconds between checkpoints; the default is 10, of large models 120 and after each epoch")(
      "keep", po::value<std::string>()->value_name("WHAT"),
      ("what a finished run keeps in its folder, as kept.safetensors, to be measured again:\n"
       "weights, state (weights and Adam's moments, three times as much) or none; the default\n"
       "is state where it takes up to 16 MB, else weights. As published, " +
       kept)
          .c_str())("store", po::value<std::string>()->default_value("out/store"),
                    "folder of the runs made here")(
      "golden", po::value<std::string>()->default_value(default_golden()),
      "folder of the committed results")("check",
                                         "fail unless golden has every run, with the same bits")(
      "locks", po::value<std::string>()->default_value("auto"),
      "how runs are locked: flock; lease, or lease:SECONDS after which a silent process loses its\n"
      "run (300); auto is flock where the file system is known to hold it between nodes. A store\n"
      "keeps the locks that it began with")(
      "no-wait", "leave runs that another process is making to it, and end with exit code 4")(
      "quiet", "no progress")(
      "json", "progress and results for programs: a JSON object in each line (harness/USAGE.md)");
  add_device(arguments);
  add_gemm(arguments);
}

/// Options of a task of a sweep.
void add_sweep_options(Arguments& arguments) {
  arguments.options()(
      "plan", po::value<std::string>()->value_name("FILE"),
      "in place of an experiment: the runs of a plan that `norm-harness plan` wrote, the longest\n"
      "first. A run that fails is noted, and the others are made. SIGTERM and SIGUSR1 save all\n"
      "and end with exit code 4")("retry-failed", "with --plan: also runs that failed before")(
      "until", po::value<std::string>()->value_name("TIME"),
      "with --plan: end within so much time, as SECONDS or H:MM:SS, with exit code 4 if runs are\n"
      "left; the default is the end of the Slurm job")(
      "shard", po::value<std::string>(),
      "only part i of n of the runs, as 2/8, to share them out among machines");
}

/// Seconds of --until. Throws: UsageError.
double parse_time(const std::string& text) {
  const auto seconds = seconds_from(text);
  if (seconds) return *seconds;
  throw UsageError(
      fmt::format("--until: not a time ({}); need SECONDS, H:MM:SS or D-HH:MM:SS", text));
}

/// The locks of --locks; nothing if the store decides. Throws: UsageError.
std::optional<Locks> chosen_locks(const Arguments& arguments) {
  const std::string& text = arguments.text("locks");
  if (text == "auto") return std::nullopt;
  if (text == "flock") return Locks{false};
  if (text == "lease") return Locks{true};
  double seconds = 0;
  if (text.starts_with("lease:")) {
    const char* end = text.data() + text.size();
    const auto read = std::from_chars(text.data() + 6, end, seconds);
    if (read.ec == std::errc() && read.ptr == end && seconds > 0) return Locks{true, seconds};
  }
  throw UsageError(
      fmt::format("--locks: unknown kind ({}); need auto, flock, lease or lease:SECONDS", text));
}

RunnerOptions runner_options(const Arguments& arguments) {
  RunnerOptions options;
  options.threads = checked_threads(arguments);
  options.device = chosen_device(arguments);
  if (arguments.has("no-wait")) options.others = Others::leave;
  if (arguments.has("checkpoint-every")) {
    options.checkpoint_every = arguments.get<double>("checkpoint-every");
    if (!(*options.checkpoint_every >= 0)) {
      throw UsageError(fmt::format("--checkpoint-every: impossible ({}); need 0 or more seconds",
                                   *options.checkpoint_every));
    }
  }
  options.keep = chosen_keep(arguments);
  return options;
}

/// Checks that golden exists before anything is trained, if it was named or is to be compared with.
void require_golden(const Arguments& arguments) {
  const std::string& golden = arguments.text("golden");
  if ((arguments.given("golden") || arguments.has("check")) && !has_golden(golden)) {
    throw libnorm::DataError("golden: no such folder, or nothing in it (" + golden +
                             "); need one that `norm-harness bless` made");
  }
}

/// Prints the runs made here, and how they compare with golden.
Exit report_runs(const std::vector<ChosenStudy>& chosen, const MadeRuns& made, const Store& store,
                 const RunnerOptions& options, const Arguments& arguments,
                 const Arguments& planned) {
  const Exit compared = compare_with_golden(chosen, made.results, arguments, planned);
  const Exit kept = check_kept(made.results, store, options.keep);
  return compared == Exit::ok ? kept : compared;
}

/// The runs of `plan` that are neither finished nor failed; those that failed, with --retry-failed.
/// Counts the failed ones that are left out.
std::vector<PlannedRun> open_runs(std::vector<PlannedRun> plan, const Store& store, bool retries,
                                  std::size_t& failed) {
  std::erase_if(plan, [&](const PlannedRun& run) {
    const std::filesystem::path folder = store.folder(run.spec);
    if (is_there(folder / kResultFile)) return true;
    const bool leaves_out = !retries && store.failure_of(folder);
    failed += leaves_out;
    return leaves_out;
  });
  return plan;
}

SweepTask sweep_task(const Arguments& arguments, const SweepPlan& sweep) {
  SweepTask task;
  task.retry_failed = arguments.has("retry-failed");
  const double seconds =
      arguments.has("until") ? parse_time(arguments.text("until")) : seconds_of_job();
  if (seconds >= 0) {
    task.until = std::chrono::steady_clock::now() +
                 std::chrono::duration_cast<std::chrono::steady_clock::duration>(
                     std::chrono::duration<double>(seconds));
  }
  std::map<std::string, double> steps;
  for (const SweepRun& run : sweep.runs) {
    if (run.steps > 0) steps[run.spec_sha256] = run.seconds / double(run.steps);
  }
  task.step_seconds = [steps = std::move(steps)](const PlannedRun& run) {
    const auto known = steps.find(run.spec.sha256());
    return known == steps.end() ? 0 : known->second;
  };
  return task;
}

/// Says where to look now, at the end of a command that trained.
void print_end(const Arguments& arguments, const std::string& store, Exit exit) {
  if (arguments.has("json")) {
    print_text(json_line({{"event", "end"}, {"exit_code", int(exit)}, {"store", store}}));
  } else if (!arguments.has("quiet")) {
    const std::string option = store == "out/store" ? "" : " --store " + store;
    print_out(
        "\nNow: `norm-harness verify{0}` judges the claims, `norm-harness report{0}` shows "
        "all.\n",
        libnorm::printable(option));
  }
}

/// What a task of a sweep says at its end, and its exit code.
Exit end_of_sweep(const MadeRuns& made, std::size_t failed_before, Exit compared) {
  const std::size_t failed = made.failed.size() + failed_before;
  if (failed > 0) {
    complain("run: {} {} failed; `norm-harness status` says why, and --retry-failed makes {} again",
             failed, failed == 1 ? "run has" : "runs have", failed == 1 ? "it" : "them");
  }
  if (made.left > 0) {
    complain("run: {} {} left: another process holds {}, or no time is left", made.left,
             made.left == 1 ? "run is" : "runs are", made.left == 1 ? "it" : "them");
    // Whoever makes them finds what failed.
    return Exit::runs_left;
  }
  if (compared != Exit::ok) return compared;
  return failed > 0 ? Exit::differs : Exit::ok;
}

/// `run --plan`.
Exit run_sweep(const Arguments& arguments, Progress::Style style) {
  const SweepPlan sweep = read_plan(arguments.text("plan"));
  refuse_plan_options(arguments);
  Arguments planned("plan", "");
  planned.positional("experiment");
  add_plan_options(planned);
  add_gemm(planned);
  std::vector<std::string> words = sweep.words;
  if (arguments.has("data")) {
    std::erase_if(words, [](const std::string& word) { return word.starts_with("--data="); });
    words.push_back("--data=" + arguments.text("data"));
  }
  planned.parse(words);
  stop_sweep_on_signals();
  RunnerOptions options = runner_options(arguments);
  options.sweep = sweep_task(arguments, sweep);
  const std::vector<ChosenStudy> chosen = chosen_studies(planned);
  const std::string folder = arguments.given("store") ? arguments.text("store") : sweep.store;
  std::vector<PlannedRun> plan =
      in_order_of(sweep, plan_of(chosen, planned, chosen_gemm(planned, options.device), folder));
  if (arguments.has("shard")) plan = shard_of(std::move(plan), arguments.text("shard"));
  require_golden(arguments);
  const Store store(folder, Access::writing, chosen_locks(arguments));
  std::size_t failed = 0;
  const std::size_t all = plan.size();
  plan = open_runs(std::move(plan), store, options.sweep->retry_failed, failed);
  if (!arguments.has("json")) {
    print_out("{} of {} runs are open; {} locks{}\n", plan.size(), all, libnorm::printable(folder),
              store.locks().leases ? fmt::format(" by leases of {} s", store.locks().seconds)
                                   : " by flock");
  }
  Progress progress(std::cout, style, STDOUT_FILENO);
  try {
    const MadeRuns made = make_runs(plan, options, store, progress);
    const Exit compared = report_runs(chosen, made, store, options, arguments, planned);
    const Exit exit = end_of_sweep(made, failed, compared);
    print_end(arguments, folder, exit);
    return exit;
  } catch (const Interrupted& stop) {
    complain("norm-harness: {}", stop.what());
    return stop_requested() ? Exit(stop_code()) : Exit::runs_left;
  }
}

}  // namespace

Exit run_command(const std::vector<std::string>& words) {
  Arguments arguments = run_arguments();
  arguments.positional("experiment");
  add_plan_options(arguments);
  add_runner_options(arguments);
  add_sweep_options(arguments);
  if (!arguments.parse(words)) return Exit::ok;
  const Progress::Style style = progress_style(arguments);
  if (arguments.has("plan")) return run_sweep(arguments, style);
  for (const char* name : {"retry-failed", "until"}) {
    if (arguments.has(name)) {
      throw UsageError(fmt::format("--{}: only for a sweep; give --plan FILE too", name));
    }
  }
  if (!arguments.has("experiment")) {
    throw UsageError("run: no experiment given; need " + experiment_words());
  }
  // A signal ends reading and planning at once, and training after the current step.
  stop_on_signals();
  const std::vector<ChosenStudy> chosen = chosen_studies(arguments);
  const RunnerOptions options = runner_options(arguments);
  const libnorm::Gemm gemm = chosen_gemm(arguments, options.device);
  std::vector<PlannedRun> plan = plan_of(chosen, arguments, gemm, arguments.text("store"));
  if (arguments.has("shard")) plan = shard_of(std::move(plan), arguments.text("shard"));
  require_golden(arguments);
  const Store store(arguments.text("store"), Access::writing, chosen_locks(arguments));
  Progress progress(std::cout, style, STDOUT_FILENO);
  const MadeRuns made = make_runs(plan, options, store, progress);
  Exit exit = report_runs(chosen, made, store, options, arguments, arguments);
  if (made.left > 0) {
    complain(
        "run: another process holds {} of the {} runs, and they are left to it; without "
        "--no-wait they are waited for",
        made.left, plan.size());
    if (exit == Exit::ok) exit = Exit::runs_left;
  }
  print_end(arguments, arguments.text("store"), exit);
  return exit;
}

}  // namespace harness
