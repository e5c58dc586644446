#include <algorithm>
#include <iostream>

#include <fmt/format.h>
#include <unistd.h>

#include "harness/commands/command.hpp"
#include "harness/compare.hpp"
#include "harness/experiments/recall_run.hpp"
#include "harness/runner.hpp"

namespace harness {
namespace {

namespace po = boost::program_options;

std::vector<std::string> chosen_arms(const Arguments& arguments) {
  if (arguments.has("arms")) {
    std::vector<std::string> arms = split_list(arguments.text("arms"), "arms");
    for (const std::string& arm : arms) find_recall_arm(arm);
    return arms;
  }
  std::vector<std::string> arms;
  for (const RecallArm& arm : recall_arms()) {
    for (const RecallExperiment& e : recall_experiments()) {
      const bool wanted =
          arguments.text("experiment") == "all" || e.id == arguments.text("experiment");
      const auto has = [&](const std::vector<std::string>& list) {
        return std::find(list.begin(), list.end(), arm.name) != list.end();
      };
      if (wanted && (has(e.arms) || has(e.controls))) {
        arms.emplace_back(arm.name);
        break;
      }
    }
  }
  return arms;
}

RecallOptions chosen_options(const Arguments& arguments) {
  RecallOptions options = find_recall_profile(arguments.text("profile")).options;
  for (const RecallKey& key : recall_keys()) {
    const std::string name(key.name);
    if (!arguments.has(name)) continue;
    if (key.count != nullptr) {
      options.*key.count = arguments.get<Index>(name);
    } else {
      options.*key.number = arguments.get<double>(name);
    }
  }
  if (arguments.has("dense")) options.path = libnorm::Path::dense;
  check(options);
  return options;
}

/// The profile with these numbers; `custom` if none has them.
std::string profile_of(const RecallOptions& options) {
  for (const RecallProfile& profile : recall_profiles()) {
    if (profile.options == options) return std::string(profile.name);
  }
  return "custom";
}

std::string metric_text(const Row& row, const std::string& name) {
  const auto metric = row.metrics.find(name);
  return metric == row.metrics.end() ? "-" : fmt::format("{:.4g}", metric->second);
}

/// Prints what came of each run, and how it stands to golden.
Exit compare_with_golden(const std::vector<Row>& rows, const Arguments& arguments) {
  const bool must_check = arguments.has("check");
  const std::string& directory = arguments.text("golden");
  Golden golden;
  const bool custom = rows.front().profile == "custom";
  if (!custom && (must_check || has_golden(directory))) golden = load_golden(directory);
  Exit exit = Exit::ok;
  const std::string& protocol = arguments.text("protocol");
  const std::string sharpness =
      protocol == "filter_normalized" ? "slice_max." + protocol : "slice_range." + protocol;
  fmt::print("\nsharpness: {}, in nats\n", sharpness);
  fmt::print("{:14} {:>5} {:>7} {:>11} {:>10} {:>11} {:>8}  {:14} {}\n", "arm", "seed", "steps",
             "loss", "eff. rank", "sharpness", "seconds", "weights", "golden");
  std::string notes;
  for (const Row& row : rows) {
    std::string word = custom ? "custom run" : "not in golden";
    if (const Row* expected = golden.find(row.profile, row.arm, row.seed)) {
      const auto differences = compare(row, *expected);
      word = differences.empty() ? "same bits" : "DIFFERS";
      if (!differences.empty()) exit = Exit::differs;
      for (const Difference& d : differences) notes += "  " + d.message + "\n";
    } else if (must_check && exit == Exit::ok) {
      exit = Exit::no_data;
    }
    fmt::print("{:14} {:5} {:7} {:11.4e} {:>10} {:>11} {:8.1f}  {:.12}   {}\n", row.arm, row.seed,
               row.steps, row.final_loss, metric_text(row, "effective_rank"),
               metric_text(row, sharpness), row.seconds, row.weights_sha256, word);
  }
  if (!notes.empty()) fmt::print("\n{}", notes);
  if (exit == Exit::no_data) {
    fmt::print(stderr, "run: --check was asked for, and golden lacks a run above ({})\n",
               directory);
  }
  return exit;
}

}  // namespace

Exit run_command(const std::vector<std::string>& words) {
  Arguments arguments(
      "run e1|e2|e3|all [options]",
      "Trains the arms of an experiment, measures them, and keeps a row for each in the store. "
      "Runs\n"
      "that are stored already are not made again, and one that was cut short goes on. Every run "
      "is\n"
      "compared with golden, bit for bit.\n\n"
      "Any number of the experiment can be given; a run with other numbers than its profile's is\n"
      "marked `custom` and never compared with golden.");
  arguments.positional("experiment");
  arguments.options()("experiment", po::value<std::string>(), "e1, e2, e3, or all")(
      "profile", po::value<std::string>()->default_value("paper"),
      "smoke (seconds) or paper (the paper's scale)")(
      "arms", po::value<std::string>(),
      "only these arms, as a,b; the default is the experiment's, controls included")(
      "seeds", po::value<std::string>()->default_value("1"),
      "how many seeds (0 .. N-1), or a list 0,2,5, or a range 3..7")(
      "threads", po::value<int>()->default_value(default_threads()),
      "threads; results do not depend on it")("store",
                                              po::value<std::string>()->default_value("out/store"),
                                              "folder of the runs made here")(
      "golden", po::value<std::string>()->default_value(default_golden()),
      "folder of the committed results")("check",
                                         "fail unless golden has every run, with the same bits")(
      "dense", "compute as PyTorch does, without the exact shortcuts (a custom run)")(
      "protocol", po::value<std::string>()->default_value("published"),
      "whose slice the table shows; every run measures all: published, accumulated,\n"
      "filter_normalized")("quiet", "no progress");
  for (const RecallKey& key : recall_keys()) {
    const std::string help(key.help);
    if (key.count != nullptr) {
      arguments.options()(std::string(key.name).c_str(), po::value<Index>(), help.c_str());
    } else {
      arguments.options()(std::string(key.name).c_str(), po::value<double>(), help.c_str());
    }
  }
  if (!arguments.parse(words)) return Exit::ok;
  if (!arguments.has("experiment")) {
    throw UsageError("run: no experiment given; need e1, e2, e3 or all");
  }
  if (arguments.text("experiment") != "all") find_recall_experiment(arguments.text("experiment"));
  find_protocol(arguments.text("protocol"));

  const RecallOptions options = chosen_options(arguments);
  const auto plan = plan_runs(profile_of(options), options, chosen_arms(arguments),
                              parse_seeds(arguments.text("seeds")));
  const int threads = checked_threads(arguments);
  const Store store(arguments.text("store"));
  Progress::Style style =
      isatty(STDOUT_FILENO) ? Progress::Style::terminal : Progress::Style::lines;
  if (arguments.has("quiet")) style = Progress::Style::quiet;
  Progress progress(std::cout, style);
  stop_on_signals();
  const auto rows = make_runs(plan, threads, store, progress);
  return compare_with_golden(rows, arguments);
}

}  // namespace harness
