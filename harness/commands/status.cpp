#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "harness/base/output.hpp"
#include "harness/commands/command.hpp"
#include "harness/runs/progress.hpp"
#include "harness/runs/sweep_status.hpp"
#include "libnorm/data/printable.hpp"

namespace harness {
namespace {

namespace po = boost::program_options;

constexpr int kBarWidth = 24;

/// A bar of done (#), running (>) and failed (!) runs.
std::string bar_of(std::size_t done, std::size_t running, std::size_t failed, std::size_t all) {
  std::string bar(kBarWidth, '.');
  std::size_t at = 0, so_far = 0;
  for (const auto& [count, mark] : {std::pair(done, '#'), {running, '>'}, {failed, '!'}}) {
    so_far += count;
    for (; all > 0 && at < so_far * kBarWidth / all; ++at) bar[at] = mark;
  }
  return "[" + bar + "]";
}

/// Runs of one arm.
struct Arm {
  std::string name;
  std::size_t all = 0, done = 0, running = 0, failed = 0;
};

std::vector<Arm> arms_of(const SweepStatus& status) {
  std::vector<Arm> arms;
  std::map<std::string, std::size_t> places;
  for (const RunStatus& now : status.runs) {
    const std::string name = now.run->task + " " + now.run->profile + " " + now.run->arm;
    const auto [place, is_new] = places.try_emplace(name, arms.size());
    if (is_new) arms.push_back({name});
    Arm& arm = arms[place->second];
    ++arm.all;
    arm.done += now.state == RunState::done;
    arm.running += now.state == RunState::running;
    arm.failed += now.state == RunState::failed;
  }
  return arms;
}

std::string name_of(const SweepRun& run) { return fmt::format("{} seed {}", run.arm, run.seed); }

std::string place_of(const std::string& node, const std::string& job) {
  return libnorm::printable((node.empty() ? "an unknown node" : node) +
                            (job.empty() ? "" : " in job " + job));
}

std::string last_line(std::string text) {
  while (!text.empty() && text.back() == '\n') text.pop_back();
  const std::size_t end = text.rfind('\n');
  return libnorm::printable(end == std::string::npos ? text : text.substr(end + 1));
}

void print_time(const SweepStatus& status) {
  if (status.done == status.runs.size()) return;
  print_out("Left: about {} of work", duration_text(status.seconds_of_work));
  if (status.seconds_left) {
    print_out(", {} with the {} {} at work now", duration_text(*status.seconds_left),
              status.running, status.running == 1 ? "run" : "runs");
  }
  print_out(".{}\n", status.of_unknown_time == 0 ? ""
                                                 : fmt::format(" Of {} runs the time is not known.",
                                                               status.of_unknown_time));
}

void print_table(const SweepStatus& status) {
  print_out("{:44} {:26} {:>11} {:>8} {:>7}\n", "task, profile and arm", "", "done", "running",
            "failed");
  for (const Arm& arm : arms_of(status)) {
    print_out("{:44} {} {:>11} {:>8} {:>7}\n", arm.name,
              bar_of(arm.done, arm.running, arm.failed, arm.all),
              fmt::format("{}/{}", arm.done, arm.all), arm.running, arm.failed);
  }
  print_out("\n{} of {} runs are done, {} running, {} failed, {} missing.\n", status.done,
            status.runs.size(), status.running, status.failed, status.missing);
  print_time(status);
  for (const RunStatus& now : status.runs) {
    if (now.state == RunState::running) {
      print_out("running: {} on {}\n", name_of(*now.run),
                place_of(now.holder.node, now.holder.job));
    } else if (now.state == RunState::failed) {
      print_out("failed:  {} on {}: {}\n", name_of(*now.run),
                place_of(now.failure.node, now.failure.job), last_line(now.failure.message));
    }
  }
  for (const std::string& file : status.conflicts) {
    print_out("differs: {}: another result of a run that is stored\n", libnorm::printable(file));
  }
  if (status.failed > 0) {
    print_out("`norm-harness run --plan FILE --retry-failed` makes failed runs again.\n");
  }
}

void print_json(const SweepStatus& status, const SweepPlan& plan, const std::string& store) {
  nlohmann::json runs = nlohmann::json::array();
  for (const RunStatus& now : status.runs) {
    nlohmann::json run = {
        {"task", now.run->task},         {"profile", now.run->profile},
        {"arm", now.run->arm},           {"seed", now.run->seed},
        {"folder", now.run->folder},     {"state", kRunStateWords[std::size_t(now.state)]},
        {"has_checkpoint", now.is_begun}};
    if (now.state == RunState::done) run["seconds"] = now.seconds;
    if (!now.node.empty()) run["node"] = now.node;
    if (now.state == RunState::running) {
      run["node"] = now.holder.node;
      run["job"] = now.holder.job;
      run["pid"] = now.holder.pid;
    }
    if (now.state == RunState::failed) {
      run["node"] = now.failure.node;
      run["job"] = now.failure.job;
      run["time"] = now.failure.time;
      run["message"] = now.failure.message;
    }
    runs.push_back(std::move(run));
  }
  nlohmann::json all = {{"store", store},
                        {"profile", plan.profile},
                        {"done", status.done},
                        {"running", status.running},
                        {"failed", status.failed},
                        {"missing", status.missing},
                        {"seconds_of_work", status.seconds_of_work},
                        {"runs_of_unknown_time", status.of_unknown_time},
                        {"conflicts", status.conflicts},
                        {"runs", std::move(runs)}};
  all["seconds_left"] = nullptr;
  if (status.seconds_left) all["seconds_left"] = *status.seconds_left;
  // ASCII alone, so there is no character that a terminal acts on.
  print_out("{}\n", all.dump(2, ' ', true, nlohmann::json::error_handler_t::replace));
}

}  // namespace

Exit status_command(const std::vector<std::string>& words) {
  Arguments arguments(
      "status PLAN [options]",
      "Tells how far the runs of a plan are: done, running (where), failed (why), missing, and "
      "how\n"
      "much time is left, from what finished runs of the same arm took. Changes nothing.\n\n"
      "Exit codes: 0 all are done; 1 a run failed, or has two results that differ; 4 runs are "
      "left.");
  arguments.positional("plan");
  arguments.options()("plan", po::value<std::string>(), "a file that `norm-harness plan` wrote")(
      "store", po::value<std::string>(), "folder of the runs; the default is the one in the plan")(
      "json", "a JSON object with every run");
  if (!arguments.parse(words)) return Exit::ok;
  if (!arguments.has("plan")) {
    throw UsageError("status: no plan given; need the file that `norm-harness plan` wrote");
  }
  const SweepPlan plan = read_plan(arguments.text("plan"));
  const std::filesystem::path folder =
      arguments.has("store") ? arguments.text("store") : plan.store;
  // Before the first run there is no store yet.
  std::error_code error;
  const bool is_new = !arguments.has("store") && !std::filesystem::exists(folder, error);
  SweepStatus status;
  if (is_new) {
    for (const SweepRun& run : plan.runs) {
      status.runs.push_back({&run});
      status.seconds_of_work += run.seconds;
      status.of_unknown_time += run.seconds <= 0;
    }
    status.missing = plan.runs.size();
  } else {
    status = status_of(plan, Store(folder, Access::reading));
  }
  if (arguments.has("json")) {
    print_json(status, plan, folder.string());
  } else {
    print_table(status);
  }
  if (status.failed > 0 || !status.conflicts.empty()) return Exit::differs;
  return status.done == plan.runs.size() ? Exit::ok : Exit::runs_left;
}

}  // namespace harness
