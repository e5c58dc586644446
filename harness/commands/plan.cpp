#include <algorithm>
#include <chrono>
#include <map>
#include <tuple>

#include <fmt/format.h>

#include "harness/base/files.hpp"
#include "harness/base/output.hpp"
#include "harness/base/stop.hpp"
#include "harness/commands/planning.hpp"
#include "harness/commands/usage.hpp"
#include "harness/results/golden.hpp"
#include "harness/results/golden_names.hpp"
#include "harness/runs/kept_state.hpp"
#include "harness/runs/progress.hpp"
#include "harness/runs/sweep_plan.hpp"
#include "libnorm/core/launch.hpp"
#include "libnorm/data/printable.hpp"

namespace harness {
namespace {

namespace po = boost::program_options;
using Clock = std::chrono::steady_clock;

/// Making models and timing their steps ends after so many seconds; what is left is estimated from
/// the other runs.
constexpr double kTimingSeconds = 20;
/// A row, a specification and a lock.
constexpr double kRowBytes = 30e3;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

/// What a run takes; 0 where it is not known.
struct Cost {
  double seconds = 0, bytes = 0;
};

/// What runs take: as long as finished runs of the same arm took, here or where golden was made;
/// else as long as a timed step, times the number of steps.
class Costs {
 public:
  explicit Costs(int threads) : threads_(threads) {}

  void learn(const std::vector<RunResult>& results) {
    for (const RunResult& result : results) {
      if (result.profile == kCustomProfile || result.diverged_at >= 0) continue;
      auto& [seconds, count] = measured_[{result.task, result.profile, result.arm}];
      seconds += result.seconds;
      ++count;
    }
  }

  Cost of(const PlannedRun& run) {
    const auto [known, is_new] =
        costs_.try_emplace({run.task, run.profile, run.arm, run.steps, run.bytes});
    if (!is_new) return known->second;
    Cost cost;
    const auto measured = measured_.find({run.task, run.profile, run.arm});
    if (measured != measured_.end()) {
      cost.seconds = measured->second.first / double(measured->second.second);
    }
    if (seconds_since(start_) < kTimingSeconds) {
      const auto trial = run.make();
      const double weights = 4.0 * double(trial->model().size());
      cost.bytes = kRowBytes + weights * (default_keep(trial->model()) == Keep::state ? 3 : 1);
      if (cost.seconds <= 0) cost.seconds = double(run.steps) * step_seconds(*trial);
    }
    return known->second = cost;
  }

 private:
  /// The first step also reads and allocates, so the second one counts.
  double step_seconds(TrainingRun& run) const {
    double seconds = 0;
    libnorm::with_threads(threads_, [&] {
      for (int i = 0; i < 2 && !run.finished(); ++i) {
        const auto start = Clock::now();
        run.step();
        seconds = seconds_since(start);
      }
    });
    return seconds;
  }

  int threads_;
  Clock::time_point start_ = Clock::now();
  std::map<std::tuple<std::string, std::string, std::string>, std::pair<double, std::size_t>>
      measured_;
  std::map<std::tuple<std::string, std::string, std::string, Index, double>, Cost> costs_;
};

/// The runs with their costs, the longest first.
std::vector<SweepRun> sweep_runs(const std::vector<PlannedRun>& plan, Costs& costs,
                                 const std::optional<Store>& store) {
  std::vector<SweepRun> runs;
  runs.reserve(plan.size());
  for (const PlannedRun& run : plan) {
    const Cost cost = costs.of(run);
    const std::string hash = run.spec.sha256();
    const std::string folder =
        store ? store->folder(run.spec).filename().string() : hash.substr(0, kFolderDigits);
    runs.push_back({run.task, run.profile, run.arm, run.seed, run.steps, hash, folder, cost.seconds,
                    cost.bytes});
  }
  std::ranges::stable_sort(runs, std::greater(), &SweepRun::seconds);
  return runs;
}

/// Prints what is planned: arm by arm, and what all takes.
void print_plan(const std::vector<SweepRun>& runs, std::size_t done) {
  struct Arm {
    std::string name;
    std::size_t runs = 0, unknown = 0;
    double seconds = 0, bytes = 0;
  };
  std::vector<Arm> arms;
  std::map<std::string, std::size_t> places;
  Arm all;
  for (const SweepRun& run : runs) {
    const std::string name = run.task + " " + run.profile + " " + run.arm;
    const auto [place, is_new] = places.try_emplace(name, arms.size());
    if (is_new) arms.push_back({name});
    for (Arm* arm : {&arms[place->second], &all}) {
      ++arm->runs;
      arm->unknown += run.seconds <= 0;
      arm->seconds += run.seconds;
      arm->bytes += run.bytes;
    }
  }
  print_out("{:48} {:>6} {:>10} {:>10} {:>10}\n", "task, profile and arm", "runs", "each", "all",
            "disk");
  for (const Arm& arm : arms) {
    print_out("{:48} {:6} {:>10} {:>10} {:>7.1f} MB\n", arm.name, arm.runs,
              duration_text(arm.seconds / double(arm.runs)), duration_text(arm.seconds),
              arm.bytes * 1e-6);
  }
  print_out("\n{} runs, of which {} are stored already. One task takes about {}, and ", all.runs,
            done, duration_text(all.seconds));
  print_out("the longest run {}; {:.1f} MB on disk.\n",
            duration_text(runs.empty() ? 0 : runs.front().seconds), all.bytes * 1e-6);
  if (all.unknown > 0) print_out("Of {} runs the time is not known.\n", all.unknown);
}

}  // namespace

Exit plan_command(const std::vector<std::string>& words) {
  Arguments arguments(
      "plan " + experiment_choice() + " --output FILE [options]",
      "Writes down the runs of a sweep, the longest first, with how long each is expected to take\n"
      "and what it leaves on disk. Nothing is trained or stored. Times are those of finished "
      "runs,\n"
      "in the store or in golden; without one, two steps are timed, which leaves out measuring.\n\n"
      "  norm-harness run --plan FILE     makes the runs; any number of processes may do so at "
      "once\n"
      "  scripts/submit FILE              the same as an array of Slurm jobs\n"
      "  norm-harness status FILE         tells how far they are");
  arguments.positional("experiment");
  add_plan_options(arguments);
  add_gemm(arguments);
  arguments.options()("output", po::value<std::string>()->value_name("FILE"),
                      "where the plan is written")(
      "store", po::value<std::string>()->default_value("out/store"),
      "folder of the runs; the plan names it")(
      "golden", po::value<std::string>()->default_value(default_golden()),
      "folder of the committed results")("threads",
                                         po::value<int>()->default_value(default_threads()),
                                         "threads of a task, for steps that are timed");
  if (!arguments.parse(words)) return Exit::ok;
  if (!arguments.has("experiment")) {
    throw UsageError("plan: no experiment given; need " + experiment_words());
  }
  if (!arguments.has("output")) throw UsageError("plan: no file given; need --output FILE");
  stop_on_signals();
  const std::vector<ChosenStudy> chosen = chosen_studies(arguments);
  // A plan may be made where there is no GPU.
  const libnorm::Gemm gemm = chosen_gemm(arguments, libnorm::Device::cuda);
  const std::vector<PlannedRun> plan = plan_of(chosen, arguments, gemm, arguments.text("store"));
  Costs costs(checked_threads(arguments));
  if (has_golden(arguments.text("golden")))
    costs.learn(load_golden(arguments.text("golden")).results);
  std::optional<Store> store;
  if (is_there(arguments.text("store"))) store.emplace(arguments.text("store"), Access::reading);
  std::size_t done = 0;
  if (store) {
    costs.learn(store->results());
    for (const PlannedRun& run : plan) done += is_there(store->folder(run.spec) / kResultFile);
  }
  const SweepPlan sweep{plan_words(arguments),
                        std::filesystem::absolute(arguments.text("store")).string(),
                        arguments.text("profile"), sweep_runs(plan, costs, store)};
  write_plan(arguments.text("output"), sweep);
  print_plan(sweep.runs, done);
  print_out("Wrote {}; to begin: norm-harness run --plan {}\n",
            libnorm::printable(arguments.text("output")),
            libnorm::printable(arguments.text("output")));
  return Exit::ok;
}

}  // namespace harness
