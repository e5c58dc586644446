#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "harness/base/output.hpp"
#include "harness/commands/command.hpp"
#include "harness/results/result_json.hpp"
#include "harness/studies/study.hpp"

namespace harness {
namespace {

namespace po = boost::program_options;

nlohmann::json experiments_of(const RunResult& row) {
  nlohmann::json list = nlohmann::json::array();
  for (const Experiment& e : study_of(row).experiments()) {
    const auto has = [&](const std::vector<std::string>& arms) {
      return std::find(arms.begin(), arms.end(), row.arm) != arms.end();
    };
    if (has(e.arms) || has(e.controls)) list.push_back(e.id);
  }
  return list;
}

}  // namespace

Exit show_command(const std::vector<std::string>& words) {
  Arguments arguments(
      "show [options]",
      "Lists every run in the store; with --json, everything that is known of each.");
  arguments.options()("store", po::value<std::string>()->default_value("out/store"),
                      "folder of the runs made here")("json", "a JSON list of runs");
  if (!arguments.parse(words)) return Exit::ok;
  const auto rows = Store(arguments.text("store"), Access::reading).rows();
  if (arguments.has("json")) {
    nlohmann::json list = nlohmann::json::array();
    for (const RunResult& row : rows) {
      nlohmann::json json = to_json(row);
      json["experiment"] = experiments_of(row);
      json["protocol"] = nlohmann::json::array();
      for (const Protocol& p : study_of(row).protocols()) {
        if (row.slices.count(std::string(p.name)) > 0) json["protocol"].push_back(p.name);
      }
      list.push_back(std::move(json));
    }
    // No character beyond ASCII, so none that a terminal acts on.
    print_out("{}\n", list.dump(2, ' ', true));
    return Exit::ok;
  }
  print_out("{:18} {:8} {:18} {:>6} {:>7} {:>12} {:>9} {:>8}  {}\n", "task", "profile", "arm",
            "seed", "steps", "loss", "seconds", "kept", "weights");
  for (const RunResult& row : rows) {
    const Keep kept = row.kept ? row.kept->what : Keep::none;
    print_out("{:18} {:8} {:18} {:6} {:7} {:12.4e} {:9.1f} {:>8}  {}\n", row.task, row.profile,
              row.arm, row.seed, row.steps, row.final_loss, row.seconds, kKeepWords[int(kept)],
              row.weights_sha256);
  }
  return Exit::ok;
}

}  // namespace harness
