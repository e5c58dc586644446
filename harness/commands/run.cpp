#include <algorithm>
#include <charconv>
#include <iostream>

#include <fmt/format.h>
#include <unistd.h>

#include "harness/base/files.hpp"
#include "harness/base/output.hpp"
#include "harness/commands/command.hpp"
#include "harness/commands/usage.hpp"
#include "harness/results/compare.hpp"
#include "harness/results/golden.hpp"
#include "harness/results/golden_names.hpp"
#include "harness/runs/runner.hpp"
#include "harness/studies/study.hpp"
#include "libnorm/data/printable.hpp"
#include "libnorm/models/normalization.hpp"

namespace harness {
namespace {

namespace po = boost::program_options;

/// A study, and its experiments that were asked for.
struct Chosen {
  const Study* study;
  std::vector<const Experiment*> experiments;
};

std::vector<Chosen> chosen_experiments(const std::string& text) {
  std::vector<Chosen> chosen;
  for (const Study* study : studies()) chosen.push_back({study, {}});
  const auto add = [&](const FoundExperiment& found) {
    for (Chosen& c : chosen) {
      if (c.study == found.study) c.experiments.push_back(found.experiment);
    }
  };
  if (text == "all") {
    for (Chosen& c : chosen) {
      for (const Experiment& e : c.study->experiments()) c.experiments.push_back(&e);
    }
  } else {
    for (const std::string& id : split_list(text, "experiment")) add(find_experiment(id));
  }
  std::erase_if(chosen, [](const Chosen& c) { return c.experiments.empty(); });
  return chosen;
}

bool has(const std::vector<std::string>& list, std::string_view item) {
  return std::find(list.begin(), list.end(), item) != list.end();
}

/// The protocol asked for, or else the study's first.
std::string protocol_of(const Study& study, const Arguments& arguments) {
  if (arguments.has("protocol")) return arguments.text("protocol");
  return std::string(study.protocols().front().name);
}

/// In the order of the study's catalogue.
std::vector<std::string> default_arms(const Chosen& chosen, const std::string& protocol) {
  std::vector<std::string> arms;
  for (const ArmInfo& arm : chosen.study->arms()) {
    const bool wanted =
        std::any_of(chosen.experiments.begin(), chosen.experiments.end(), [&](const Experiment* e) {
          const auto own = e->trainings.find(protocol);
          if (own != e->trainings.end()) return has(own->second, arm.name);
          return has(e->arms, arm.name) || has(e->controls, arm.name);
        });
    if (wanted) arms.emplace_back(arm.name);
  }
  return arms;
}

/// The arms of --arms; aliases are replaced by names.
std::vector<std::string> named_arms(const Arguments& arguments) {
  std::vector<std::string> arms;
  for (const std::string& text : split_list(arguments.text("arms"), "arms")) {
    arms.push_back(libnorm::canonical_normalization(text));
    if (std::count(arms.begin(), arms.end(), arms.back()) > 1) {
      throw UsageError(
          fmt::format("--arms: duplicate arm ({} is {}); need each once", text, arms.back()));
    }
  }
  return arms;
}

/// A study's arms that are named with --arms, or else those of its experiments.
std::vector<std::string> arms_of(const Chosen& chosen, const Arguments& arguments) {
  if (!arguments.has("arms")) return default_arms(chosen, protocol_of(*chosen.study, arguments));
  std::vector<std::string> arms;
  for (const std::string& name : named_arms(arguments)) {
    if (chosen.study->has_arm(name) || is_normalization(name)) arms.push_back(name);
  }
  return arms;
}

/// Refuses names that no chosen study knows.
void check_names(const std::vector<Chosen>& chosen, const Arguments& arguments) {
  const auto fits = [&](const auto& list_of, std::string_view name) {
    return std::any_of(chosen.begin(), chosen.end(), [&](const Chosen& c) {
      const auto& list = list_of(*c.study);
      return std::any_of(list.begin(), list.end(), [&](const auto& x) { return x.name == name; });
    });
  };
  if (arguments.has("arms")) {
    for (const std::string& name : named_arms(arguments)) {
      if (is_normalization(name)) continue;
      if (fits(
              [](const Study& s) -> const auto& { return s.arms(); }, name))
        continue;
      find_named(chosen.front().study->arms(), &ArmInfo::name, name, "arm");
    }
  }
  const std::string protocol = protocol_of(*chosen.front().study, arguments);
  if (!fits(
          [](const Study& s) -> const auto& { return s.protocols(); }, protocol)) {
    find_named(chosen.front().study->protocols(), &Protocol::name, protocol, "protocol");
  }
  for (const Study* study : studies()) {
    for (const NumberInfo& number : study->numbers()) {
      const std::string name(number.name);
      if (arguments.has(name) &&
          !fits(
              [](const Study& s) -> const auto& { return s.numbers(); }, name)) {
        throw UsageError(fmt::format("--{}: {} has no such number; `norm-harness list` tells of {}",
                                     name, arguments.text("experiment"), study->name()));
      }
    }
  }
}

Request request_for(const Chosen& chosen, const Arguments& arguments, libnorm::Gemm gemm) {
  Request request;
  request.profile = arguments.text("profile");
  request.arms = arms_of(chosen, arguments);
  request.seeds = parse_seeds(arguments.text("seeds"));
  if (arguments.has("dense")) request.path = libnorm::Path::dense;
  request.gemm = gemm;
  for (const NumberInfo& number : chosen.study->numbers()) {
    const std::string name(number.name);
    if (!arguments.has(name)) continue;
    request.numbers[name] = number.kind == NumberKind::count ? double(arguments.get<Index>(name))
                                                             : arguments.get<double>(name);
  }
  if (arguments.has("data")) request.data = arguments.text("data");
  if (arguments.has("any-data")) request.trust = Trust::any;
  request.cache = std::filesystem::path(arguments.text("store")) / "cache";
  return request;
}

/// Shard i of n: every n-th run of the plan, from the i-th.
std::vector<PlannedRun> shard_of(std::vector<PlannedRun> plan, const std::string& text) {
  const auto refuse = [&] {
    return UsageError(fmt::format("--shard: no such part ({}); need i/n with 1 <= i <= n", text));
  };
  const std::size_t slash = text.find('/');
  if (slash == std::string::npos) throw refuse();
  const auto number = [&](std::size_t from, std::size_t to) {
    std::size_t value = 0;
    const auto r = std::from_chars(text.data() + from, text.data() + to, value);
    if (r.ec != std::errc() || r.ptr != text.data() + to) throw refuse();
    return value;
  };
  const std::size_t i = number(0, slash), n = number(slash + 1, text.size());
  if (i < 1 || i > n) throw refuse();
  std::vector<PlannedRun> part;
  for (std::size_t k = i - 1; k < plan.size(); k += n) part.push_back(std::move(plan[k]));
  if (part.empty()) {
    throw UsageError(
        fmt::format("--shard: nothing is left for it ({} of {} runs)", text, plan.size()));
  }
  return part;
}

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

/// Prints each run, and how it compares with golden.
Exit compare_with_golden(const std::vector<Chosen>& chosen, const std::vector<RunResult>& results,
                         const Arguments& arguments) {
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
    if (must_check && exit == Exit::ok && (expected == nullptr || measured_otherwise)) {
      exit = Exit::no_data;
    }
  }
  for (const Chosen& c : chosen) {
    print_table(*c.study, protocol_of(*c.study, arguments), results, words);
  }
  if (!notes.empty()) print_out("\n  {}\n", fmt::join(notes, "\n  "));
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

/// Adds every number of every study once, with its meaning in each study.
void add_numbers(Arguments& arguments) {
  std::vector<std::string_view> added;
  for (const Study* study : studies()) {
    for (const NumberInfo& number : study->numbers()) {
      if (std::find(added.begin(), added.end(), number.name) != added.end()) continue;
      added.push_back(number.name);
      const std::string name(number.name), help(number.help);
      if (number.kind == NumberKind::count) {
        arguments.options()(name.c_str(), po::value<Index>(), help.c_str());
      } else {
        arguments.options()(name.c_str(), po::value<double>(), help.c_str());
      }
    }
  }
}

/// The usage and description of `run`, from the catalogue.
Arguments run_arguments() {
  const std::string data =
      by_study([](const Study& study) { return std::string(study.texts().data); }, "\n");
  return {"run " + experiment_choice() + " [options]",
          "Trains the arms of an experiment, measures them, and keeps a row for each in the store. "
          "Runs\n"
          "that are stored already are not made again, and one that was cut short goes on. Every "
          "run is\n"
          "compared with golden, bit for bit. Runs that another process is making are waited for, "
          "and\n"
          "taken over where it ends without finishing them.\n\n"
          "Any number of the experiment can be given; a run with other numbers than its profile's "
          "is\n"
          "marked `custom` and never compared with golden." +
              (data.empty() ? "" : "\n\n" + data)};
}

/// Options that decide what is trained.
void add_plan_options(Arguments& arguments) {
  const std::string profiles = by_study([](const Study& s) { return names_of(s.profiles()); });
  const std::string protocols = by_study([](const Study& s) { return names_of(s.protocols()); });
  arguments.options()("experiment", po::value<std::string>(), "one, a list as a,b, or all")(
      "profile", po::value<std::string>()->default_value("paper"), profiles.c_str())(
      "arms", po::value<std::string>(),
      "only these arms, as a,b; the default is the experiment's, controls included. Any\n"
      "normalization is an arm too: a norm (dyt), or a stabilizer and what is learned, and where\n"
      "it stands (rms+gain@pre); `norm-harness list` has the words")(
      "seeds", po::value<std::string>()->default_value("1"),
      "how many seeds (0 .. N-1), or a list 0,2,5, or a range 3..7")(
      "shard", po::value<std::string>(),
      "only part i of n of the runs, as 2/8, to share them out among machines")(
      "data", po::value<std::string>(),
      "folder of data, as scripts/fetch_data makes it; else the one that LIBNORM_DATA names,\n"
      "else `data` in the checkout")(
      "any-data", "take files of other content than the published ones (a custom run)")(
      "dense", "compute as PyTorch does, without the exact shortcuts (a custom run)")(
      "protocol", po::value<std::string>(),
      ("whose numbers the table shows, and whose arms are trained where it has its own; every run "
       "measures all. The default is the first of each: " +
       protocols)
          .c_str());
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
      "no-wait", "leave runs that another process is making to it, and end with exit code 4")(
      "quiet", "no progress");
  add_device(arguments);
  add_gemm(arguments);
}

std::vector<PlannedRun> plan_of(const std::vector<Chosen>& chosen, const Arguments& arguments,
                                libnorm::Gemm gemm) {
  std::vector<PlannedRun> plan;
  for (const Chosen& c : chosen) {
    for (PlannedRun& run : c.study->plan(request_for(c, arguments, gemm))) {
      plan.push_back(std::move(run));
    }
  }
  if (arguments.has("shard")) plan = shard_of(std::move(plan), arguments.text("shard"));
  return plan;
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

}  // namespace

Exit run_command(const std::vector<std::string>& words) {
  Arguments arguments = run_arguments();
  arguments.positional("experiment");
  add_plan_options(arguments);
  add_runner_options(arguments);
  add_numbers(arguments);
  if (!arguments.parse(words)) return Exit::ok;
  if (!arguments.has("experiment")) {
    throw UsageError("run: no experiment given; need " + experiment_words());
  }
  // A signal ends reading and planning at once, and training after the current step.
  stop_on_signals();
  const std::vector<Chosen> chosen = chosen_experiments(arguments.text("experiment"));
  check_names(chosen, arguments);
  const RunnerOptions options = runner_options(arguments);
  const libnorm::Gemm gemm = chosen_gemm(arguments, options.device);
  const std::vector<PlannedRun> plan = plan_of(chosen, arguments, gemm);
  require_golden(arguments);
  const Store store(arguments.text("store"), Access::writing);
  const auto style =
      arguments.has("quiet") ? Progress::Style::quiet : Progress::style_of(STDOUT_FILENO);
  Progress progress(std::cout, style, STDOUT_FILENO);
  const MadeRuns made = make_runs(plan, options, store, progress);
  const Exit compared = compare_with_golden(chosen, made.results, arguments);
  const Exit kept = check_kept(made.results, store, options.keep);
  const Exit exit = compared == Exit::ok ? kept : compared;
  if (made.left == 0) return exit;
  complain(
      "run: another process holds {} of the {} runs, and they are left to it; without "
      "--no-wait they are waited for",
      made.left, plan.size());
  return exit == Exit::ok ? Exit::runs_left : exit;
}

}  // namespace harness
