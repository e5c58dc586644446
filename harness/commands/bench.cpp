#include <algorithm>
#include <functional>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "harness/base/output.hpp"
#include "harness/commands/bench_against.hpp"
#include "harness/commands/bench_timings.hpp"
#include "harness/commands/command.hpp"
#include "harness/commands/usage.hpp"
#include "harness/studies/study.hpp"
#include "libnorm/core/device.hpp"
#include "libnorm/core/launch.hpp"
#include "libnorm/ops/gemm.hpp"

namespace harness {
namespace {

namespace po = boost::program_options;

/// What is timed, and on what.
struct BenchRequest {
  std::vector<FoundExperiment> experiments;
  /// Empty: all of the experiment's figure.
  std::vector<std::string> arms;
  int threads = 1;
  libnorm::Device device = libnorm::Device::cpu;
  libnorm::Gemm gemm = libnorm::Gemm::exact;
};

struct BenchTimes {
  double peak = 0;
  std::vector<StepProfile> profiles;
  /// GB/s of copies; 0 if it was not looked at.
  double bandwidth = 0;
  std::vector<StepTime> steps;
  std::vector<CurvatureTime> curvatures;
};

/// Of --help.
constexpr const char* kAbout =
    "Times training steps and the products they are made of, and compares them with the peak of\n"
    "fused multiply-adds (of a GPU: its data sheet's). GFLOP counts what products need, a\n"
    "multiply-add as two; with --dense, what PyTorch's way of computing needs. Times are those of\n"
    "the fastest of a few rounds; a share of the peak is the median of the rounds', each of which\n"
    "looks at the peak for as long as the work takes, just before it.\n\n"
    "With --profile, the share of the threads' time that each kind of work in a step takes:\n"
    "products (with the packing of what they sum over), packing (of what they share), norms,\n"
    "attention, GELU, Adam, the loss, rows (passes over memory between them), and waiting.\n\n"
    "With --against, this build and the other one time the same experiments in turn, round after\n"
    "round, each round in the other order (ABBA). A round gives each arm and product a ratio\n"
    "new/old of two times taken one after the other, so noise that outlasts both cancels.\n"
    "Printed are the median of the ratios and its 95% interval by order statistics: from the\n"
    "k-th smallest ratio to the k-th largest, k from the binomial distribution. A line is "
    "`faster`\n"
    "or `slower` where the interval does not contain 1; of twenty lines about one is by chance.\n"
    "Each experiment is a process of its own with the arms that no experiment before it has;\n"
    "products, which come with each, have more pairs. A signal stops it with what there is, and\n"
    "exit code 130.";

void declare_options(Arguments& arguments) {
  arguments.options()("threads", po::value<int>()->default_value(1), "threads")(
      "experiment", po::value<std::string>()->default_value("all"),
      ("experiments: " + experiment_words()).c_str())(
      "arms", po::value<std::string>(),
      "only these arms of the experiments' figures, as a,b, and no products with curvature")(
      "data", po::value<std::string>(), "folder of data; see `run --help`")(
      "profile", "where a step's time goes, in place of how long products take")(
      "smoke", "steps of the profile smoke alone, to see within seconds that it works")(
      "dense", "compute as PyTorch does, without the exact shortcuts")("json", "a JSON list")(
      "against", po::value<std::string>()->value_name("FILE"),
      "take turns with another build's norm-harness and print the ratio of times")(
      "rounds", po::value<int>()->default_value(10),
      "turns of both builds; fewer than 6 give no interval");
  add_device(arguments);
  add_gemm(arguments);
}

std::vector<FoundExperiment> chosen_experiments(const std::string& text) {
  std::vector<FoundExperiment> experiments;
  if (text == "all") {
    for (const Study* study : studies()) {
      for (const Experiment& e : study->experiments()) experiments.push_back({study, &e});
    }
  } else {
    for (const std::string& id : split_list(text, "experiment")) {
      experiments.push_back(find_experiment(id));
    }
  }
  return experiments;
}

BenchRequest request_of(const Arguments& arguments) {
  BenchRequest request;
  request.threads = checked_threads(arguments);
  request.device = chosen_device(arguments);
  request.gemm = chosen_gemm(arguments, request.device);
  request.experiments = chosen_experiments(arguments.text("experiment"));
  if (arguments.has("arms")) request.arms = split_list(arguments.text("arms"), "arms");
  for (const std::string& arm : request.arms) {
    const bool known = std::ranges::any_of(request.experiments, [&](const FoundExperiment& e) {
      return std::ranges::find(e.study->arms(), arm, &ArmInfo::name) != e.study->arms().end();
    });
    if (!known) find_named(request.experiments.front().study->arms(), &ArmInfo::name, arm, "arm");
  }
  return request;
}

/// The arms of an experiment's figure that no experiment of its study before it has.
std::vector<std::string> new_arms(const FoundExperiment& found, const BenchRequest& request,
                                  std::vector<std::string>& done) {
  std::vector<std::string> arms;
  for (const std::string& arm : found.experiment->arms) {
    const std::string name = std::string(found.study->name()) + " " + arm;
    const bool chosen = request.arms.empty() || std::ranges::count(request.arms, arm) > 0;
    if (!chosen || std::ranges::count(done, name) > 0) continue;
    done.push_back(name);
    arms.push_back(arm);
  }
  return arms;
}

/// What both builds are asked for: each experiment with its arms by itself, so that a pair of times
/// is as close together as it can be.
AgainstRequest against_request(const BenchRequest& request, const Arguments& arguments) {
  AgainstRequest against;
  against.other = arguments.text("against");
  against.rounds = arguments.get<int>("rounds");
  if (against.rounds < 1) {
    throw UsageError(
        fmt::format("--rounds: must be positive ({}); need 1 or more", against.rounds));
  }
  std::vector<std::string> done;
  for (const FoundExperiment& e : request.experiments) {
    const std::vector<std::string> arms = new_arms(e, request, done);
    if (!arms.empty()) against.tasks.push_back({std::string(e.experiment->id), arms});
  }
  if (against.tasks.empty()) {
    throw UsageError(fmt::format("--arms: not in the figures of {} ({}); need an arm of theirs",
                                 arguments.text("experiment"), arguments.text("arms")));
  }
  against.options = {"--threads", std::to_string(request.threads)};
  for (const char* name : {"data", "device", "gemm"}) {
    if (!arguments.given(name)) continue;
    against.options.insert(against.options.end(), {std::string("--") + name, arguments.text(name)});
  }
  if (arguments.has("dense")) against.options.emplace_back("--dense");
  against.as_json = arguments.has("json");
  return against;
}

/// Times the steps, at the size that their study has for it; then the products of each study, in
/// the same order.
BenchTimes time_all(const BenchRequest& request, const Arguments& arguments) {
  const bool on_cpu = request.device == libnorm::Device::cpu;
  BenchTimes times;
  const auto peak = [&](double seconds) {
    const double now =
        on_cpu ? measured_peak(request.threads, seconds) : libnorm::nominal_gpu_flops() * 1e-9;
    times.peak = std::max(times.peak, now);
    return now;
  };
  std::vector<std::string> done;
  std::vector<const Study*> benched;
  for (const FoundExperiment& e : request.experiments) {
    Request runs;
    runs.profile = arguments.has("smoke") ? "smoke" : e.study->bench().profile;
    runs.seeds = {0};
    runs.arms = new_arms(e, request, done);
    if (arguments.has("dense")) runs.path = libnorm::Path::dense;
    if (arguments.has("data")) runs.data = arguments.text("data");
    for (const PlannedRun& planned : e.study->plan(runs)) {
      if (arguments.has("profile")) {
        const double now = peak(0.1);
        times.profiles.push_back(
            profile_step(std::string(e.experiment->id), planned, request.threads, now));
        continue;
      }
      times.steps.push_back(time_step(std::string(e.experiment->id), planned, peak));
    }
    const bool has_more = !arguments.has("profile") && !arguments.has("smoke");
    const bool is_new = std::ranges::find(benched, e.study) == benched.end();
    if (is_new && has_more) benched.push_back(e.study);
  }
  if (on_cpu && !benched.empty()) times.bandwidth = measured_bandwidth(request.threads);
  for (const Study* study : benched) {
    const BenchPlan plan = study->bench();
    for (const Product& p : plan.products) times.steps.push_back(time_product(p, peak));
    if (!request.arms.empty() || !on_cpu) continue;
    for (const CurvatureCase& of : plan.curvatures) {
      for (CurvatureTime& time : time_curvature(of)) times.curvatures.push_back(std::move(time));
    }
  }
  return times;
}

/// What computes: an instruction set, or a GPU.
std::string place_of(const BenchRequest& request) {
  std::string where = request.device == libnorm::Device::cpu
                          ? std::string(libnorm::isa_name(libnorm::active_isa()))
                          : libnorm::describe_device(request.device);
  if (request.gemm == libnorm::Gemm::cublas) where += ", products by cuBLAS";
  return where;
}

void print_json(const BenchTimes& times, const BenchRequest& request) {
  const std::string place = place_of(request);
  nlohmann::json list = nlohmann::json::array();
  for (const StepTime& t : times.steps) {
    list.push_back({{"experiment", t.experiment},
                    {"arm", t.arm},
                    {"batch", t.batch},
                    {"on", place},
                    {"ms_per_step", t.ms},
                    {"gflop_per_step", t.gflop},
                    {"gflops", t.gflops()},
                    {"peak_fraction", t.peak_fraction}});
    if (t.gbyte > 0) list.back()["gbytes_per_second"] = t.gbytes_a_second();
  }
  for (const StepProfile& t : times.profiles) {
    list.push_back({{"experiment", t.experiment},
                    {"arm", t.arm},
                    {"on", place},
                    {"ms_per_step", t.ms},
                    {"peak_fraction", t.peak_fraction},
                    {"shares", t.shares},
                    {"busy", t.busy}});
  }
  for (const CurvatureTime& t : times.curvatures) {
    list.push_back({{"experiment", "curvature"},
                    {"arm", t.arm},
                    {"ms_per_product", t.ms},
                    {"gradients", t.gradients}});
  }
  print_out("{}\n", list.dump(2));
}

/// A line for each kind of work, most first.
void print_profiles(const std::vector<StepProfile>& profiles) {
  for (const StepProfile& p : profiles) {
    print_out("{}, {}: {:.3f} ms a step, {:.0f}% of the peak\n", p.experiment, p.arm, p.ms,
              100 * p.peak_fraction);
    std::vector<std::pair<std::string, double>> shares(p.shares.begin(), p.shares.end());
    std::ranges::sort(shares, std::greater<>{}, &std::pair<std::string, double>::second);
    for (const auto& [kind, share] : shares) print_out("  {:12} {:5.1f}%\n", kind, 100 * share);
    std::string busy;
    for (const double share : p.busy) busy += fmt::format(" {:.0f}%", 100 * share);
    print_out("  each thread works{} of the time\n", busy);
    print_out("\n");
  }
}

void print_tables(const BenchTimes& times, const BenchRequest& request) {
  print_out("{} thread(s), {}, FMA peak {:.0f} GFLOP/s{}\n\n", request.threads, place_of(request),
            times.peak,
            times.bandwidth > 0 ? fmt::format(", copies {:.1f} GB/s", times.bandwidth) : "");
  if (!times.profiles.empty()) return print_profiles(times.profiles);
  print_out("{:10} {:48} {:>10} {:>8} {:>9} {:>6} {:>7}\n", "experiment", "arm", "ms", "GFLOP",
            "GFLOP/s", "peak", "GB/s");
  for (const StepTime& t : times.steps) {
    print_out("{:10} {:48} {:10.3f} {:8.4f} {:9.1f} {:5.0f}% {:>7}\n", t.experiment, t.arm, t.ms,
              t.gflop, t.gflops(), 100 * t.peak_fraction,
              t.gbyte > 0 ? fmt::format("{:.1f}", t.gbytes_a_second()) : "");
  }
  if (!times.curvatures.empty()) {
    print_out("\nProducts with the Hessian and the Gauss-Newton matrix, in double, of one batch\n");
  }
  for (const CurvatureTime& t : times.curvatures) {
    print_out("{:10} {:48} {:10.3f} ms, as long as {:.2f} gradients\n", "curvature", t.arm, t.ms,
              t.gradients);
  }
}

}  // namespace

Exit bench_command(const std::vector<std::string>& words) {
  Arguments arguments("bench [options]", kAbout);
  declare_options(arguments);
  if (!arguments.parse(words)) return Exit::ok;
  const BenchRequest request = request_of(arguments);
  if (arguments.has("profile") &&
      (arguments.has("against") || request.device != libnorm::Device::cpu)) {
    throw UsageError(
        "--profile: measures this build on the processor alone; leave out --against and --device");
  }
  if (arguments.has("against")) return bench_against(against_request(request, arguments));
  if (arguments.given("rounds")) {
    throw UsageError("--rounds: needs --against too; without it everything is timed once");
  }
  BenchTimes times;
  libnorm::with_threads(request.threads, [&] {
    const libnorm::DeviceScope scope(request.device);
    const libnorm::GemmScope products(request.gemm);
    times = time_all(request, arguments);
  });
  arguments.has("json") ? print_json(times, request) : print_tables(times, request);
  return Exit::ok;
}

}  // namespace harness
