#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "harness/base/output.hpp"
#include "harness/commands/command.hpp"
#include "harness/results/result_csv.hpp"
#include "harness/results/result_json.hpp"
#include "harness/studies/study.hpp"
#include "libnorm/data/printable.hpp"
#include "libnorm/metrics/activations/activation_spectrum.hpp"

namespace harness {
namespace {

namespace po = boost::program_options;

nlohmann::json experiments_of(const RunResult& result) {
  nlohmann::json list = nlohmann::json::array();
  for (const Experiment& e : study_of(result).experiments()) {
    const auto has = [&](const std::vector<std::string>& arms) {
      return std::find(arms.begin(), arms.end(), result.arm) != arms.end();
    };
    if (has(e.arms) || has(e.controls)) list.push_back(e.id);
  }
  return list;
}

void print_json(const std::vector<RunResult>& results) {
  nlohmann::json list = nlohmann::json::array();
  for (const RunResult& result : results) {
    nlohmann::json json = to_json(result);
    json["experiment"] = experiments_of(result);
    json["protocol"] = nlohmann::json::array();
    for (const Protocol& p : study_of(result).protocols()) {
      if (result.slices.count(std::string(p.name)) > 0) json["protocol"].push_back(p.name);
    }
    list.push_back(std::move(json));
  }
  // ASCII alone, so there is no character that a terminal acts on.
  print_out("{}\n", list.dump(2, ' ', true));
}

/// The run's numbers that are off by default: `weight_decay=0.1 clip_norm=1`.
std::string options_of(const RunResult& result) {
  if (result.spec.empty()) return "";
  const Spec spec = Spec::parse(result.spec, "result: spec");
  std::string text;
  for (const NumberInfo& number : study_of(result).numbers()) {
    const std::string key = spec_key(number);
    if (number.unless && spec.has(key)) text += " " + key + "=" + spec.text(key);
  }
  return text;
}

void print_table(const std::vector<RunResult>& results) {
  print_out("{:18} {:8} {:18} {:>6} {:>7} {:>12} {:>9} {:>8}  {}\n", "task", "profile", "arm",
            "seed", "steps", "loss", "seconds", "kept", "weights, options");
  for (const RunResult& result : results) {
    const Keep kept = result.kept ? result.kept->what : Keep::none;
    print_out("{:18} {:8} {:18} {:6} {:7} {:12.4e} {:9.1f} {:>8}  {}{}\n", result.task,
              result.profile, result.arm, result.seed, result.steps, result.final_loss,
              result.seconds, kKeepWords[int(kept)], result.weights_sha256,
              libnorm::printable(options_of(result)));
  }
}

/// The text of --help about the columns of --csv.
std::string columns_text() {
  std::string text = "Columns of --csv, one line a run; then every metric, by name:\n";
  const auto add = [&](std::string_view name, std::string_view meaning, std::string_view unit) {
    text += fmt::format("  {:20} {}{}\n", name, meaning, unit);
  };
  for (const RunColumn& column : run_columns()) add(column.name, column.meaning, "");
  text +=
      "Metrics; layer3.centred.stable_rank is that of block 3's output, under the protocol\n"
      "centred (`norm-harness list` describes the protocols):\n";
  for (const libnorm::ActivationMetric& m : libnorm::activation_metrics()) {
    if (m.asks != libnorm::SpectrumKind::any) continue;  // a run's spectra have s alone
    add(m.name, m.definition, m.unit == "1" ? "" : fmt::format(", in {}", m.unit));
  }
  add("slice_range.PROTOCOL", "max - min of the loss along a slice", ", in nats");
  add("slice_max.PROTOCOL", "max of the loss along a slice, mean over directions", ", in nats");
  add("training_loss", "mean over the last epoch", ", in nats");
  add("training_accuracy", "share of the last epoch's texts that are classified right", "");
  add("held_out_accuracy", "share of the test texts that are classified right", "");
  return text +
         "An empty cell: the run has no such metric. NaN, Inf and -Inf are spelled so. A text\n"
         "that begins with = + - or @ gets a ' in front, or spreadsheets take it for a formula.\n"
         "Curves, slices, epochs and spectra are lists; only --json has them.\n"
         "  R: read.csv(FILE)    pandas: read_csv(FILE), and before its version 3.1\n"
         "  read_csv(FILE, float_precision=\"round_trip\"), without which last bits may differ";
}

}  // namespace

Exit show_command(const std::vector<std::string>& words) {
  Arguments arguments(
      "show [options]",
      "Lists every run in the store; with --json or --csv, its numbers too.\n\n" + columns_text());
  arguments.options()("store", po::value<std::string>()->default_value("out/store"),
                      "folder of the runs made here")(
      "json", "a JSON list of runs: everything that is known of each")(
      "csv", "a table for pandas, R or a spreadsheet: one line a run, one column a measure");
  if (!arguments.parse(words)) return Exit::ok;
  if (arguments.has("json") && arguments.has("csv")) {
    throw UsageError("--csv: cannot be combined with --json; need one of them");
  }
  const auto results = Store(arguments.text("store"), Access::reading).results();
  if (arguments.has("json")) {
    print_json(results);
  } else if (arguments.has("csv")) {
    print_text(to_csv(results));
  } else {
    print_table(results);
  }
  return Exit::ok;
}

}  // namespace harness
