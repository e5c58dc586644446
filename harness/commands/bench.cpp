#include <algorithm>
#include <chrono>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "harness/base/output.hpp"
#include "harness/commands/command.hpp"
#include "harness/studies/study.hpp"
#include "libnorm/core/device.hpp"
#include "libnorm/core/launch.hpp"
#include "libnorm/core/mirrored.hpp"
#include "libnorm/data/associative_recall.hpp"
#include "libnorm/models/curvature.hpp"
#include "libnorm/ops/gemm.hpp"

namespace harness {
namespace {

namespace po = boost::program_options;

struct BenchRow {
  std::string experiment, arm;
  Index batch = 0;
  double ms_per_step = 0, gflop_per_step = 0, gflops = 0, peak_fraction = 0;
};

/// A product with a matrix of an arm's curvature, in double, and how many gradients take as long.
struct CurvatureRow {
  std::string arm;
  double ms = 0, gradients = 0;
};

/// A product of a training step, by the shape of its output and its inner size.
struct Product {
  const char* what;
  Index m, n, k;
  bool a_transposed, b_transposed;
};

/// The smallest of a few repetitions: the machine's, not its neighbours'.
template <class F>
double fastest(int repetitions, F f) {
  double best = 1e300;
  for (int i = 0; i < repetitions; ++i) {
    const auto start = std::chrono::steady_clock::now();
    f();
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
    best = std::min(best, seconds.count());
  }
  return best;
}

BenchRow bench_run(const std::string& experiment, const PlannedRun& planned, Index batch,
                   double peak) {
  const std::unique_ptr<TrainingRun> run = planned.make();
  const auto train = [&](int steps) {
    for (int i = 0; i < steps; ++i) run->step();
  };
  train(2);
  const double once = fastest(1, [&] { train(1); });
  const int steps = std::clamp(int(0.25 / once), 1, 100);
  const double flop_before = run->flop();
  const Index step_before = run->steps_done();
  const double seconds = fastest(7, [&] { train(steps); }) / steps;
  const double flop = (run->flop() - flop_before) / double(run->steps_done() - step_before);
  return {experiment,
          planned.arm,
          batch,
          seconds * 1e3,
          flop * 1e-9,
          flop / seconds * 1e-9,
          flop / seconds * 1e-9 / peak};
}

BenchRow bench_product(const Product& p, double peak) {
  libnorm::Mirrored<float> a, b, c;
  a.assign(std::size_t(p.m * p.k), 1.0f);
  b.assign(std::size_t(p.k * p.n), 0.5f);
  c.assign(std::size_t(p.m * p.n), 0.0f);
  using View = libnorm::MatrixView<const float>;
  const View left = p.a_transposed ? View(a.read(), p.k, p.m) : View(a.read(), p.m, p.k);
  const View right = p.b_transposed ? View(b.read(), p.n, p.k) : View(b.read(), p.k, p.n);
  const libnorm::MatrixView<float> product(c.write(), p.m, p.n);
  const auto multiply = [&] {
    libnorm::gemm<float>(p.a_transposed ? transposed(left) : plain(left),
                         p.b_transposed ? transposed(right) : plain(right), product);
  };
  const double flop = 2.0 * double(p.m) * double(p.n) * double(p.k);
  const int calls = std::max(1, int(4e8 / flop));
  multiply();
  const double seconds = fastest(15,
                                 [&] {
                                   for (int i = 0; i < calls; ++i) multiply();
                                   libnorm::finish_launches();
                                 }) /
                         calls;
  return {"product",
          fmt::format("{} [{} x {} x {}]", p.what, p.m, p.n, p.k),
          0,
          seconds * 1e3,
          flop * 1e-9,
          flop / seconds * 1e-9,
          flop / seconds * 1e-9 / peak};
}

/// At the weights and on a batch of Experiment 1's start.
std::vector<CurvatureRow> bench_curvature(const std::string& arm) {
  libnorm::TransformerOptions options;
  options.normalization = libnorm::parse_normalization(arm);
  libnorm::Transformer<double> model(options);
  model.initialize(0);
  libnorm::Batch batch;
  libnorm::AssociativeRecall{}.draw(0, libnorm::Purpose::training_batch, 0, libnorm::Path::shortcut,
                                    batch);
  libnorm::Curvature curvature(model, batch);
  const auto size = std::size_t(curvature.dimension());
  const std::vector<double> v(size, 1e-3);
  std::vector<double> product(size);
  const double gradient = fastest(15, [&] { model.loss_and_gradient_only(batch); });
  std::vector<CurvatureRow> rows;
  const auto time = [&](const char* what, auto multiply) {
    const auto once = [&] { (curvature.*multiply)(curvature.weights(), v, product); };
    once();
    const double seconds = fastest(15, once);
    rows.push_back({arm + ", " + what, seconds * 1e3, seconds / gradient});
  };
  time("Hessian-vector product", &libnorm::Curvature::hessian_vector_product);
  time("Gauss-Newton-vector product", &libnorm::Curvature::gauss_newton_product);
  return rows;
}

/// GFLOP/s of fused multiply-adds on registers alone.
double measured_peak(int threads) {
  constexpr Index kRounds = 400;
  double flop = 0;
  const double seconds = fastest(7, [&] { flop = libnorm::chain_fmas(kRounds); });
  return flop / seconds * 1e-9 * threads;
}

/// Of Experiments 1 to 3, where `rows` is batch x positions, and of Experiment 4, where it is what
/// AG News has of distinct tokens in a batch.
std::vector<Product> recall_products() {
  const Index c = 128, h = 512, keys = 400, vocabulary = 402, b = 128, rows = 128 * 41;
  return {
      {"table: queries, keys, values", keys, 3 * c, c, false, true},
      {"ffn 1, prediction rows", b, h, c, false, true},
      {"ffn 2, prediction rows", b, c, h, false, true},
      {"ffn 1 gradient, prediction rows", h, c, b, true, false},
      {"head", b, vocabulary, c, false, true},
      {"ffn 1, all rows", rows, h, c, false, true},
      {"ffn 2, all rows", rows, c, h, false, true},
      {"ffn 1 input gradient, all rows", rows, c, h, false, false},
      {"ffn 1 gradient, all rows", h, c, rows, true, false},
  };
}
std::vector<Product> encoder_products() {
  const Index c = 128, h = 512, rows = 10957;
  return {
      {"e4 queries, keys, values", rows, 3 * c, c, false, true},
      {"e4 ffn 1", rows, h, c, false, true},
      {"e4 ffn 2", rows, c, h, false, true},
      {"e4 ffn 1 input gradient", rows, c, h, false, false},
      {"e4 ffn 1 gradient", h, c, rows, true, false},
  };
}

/// Every arm of an experiment's figure that no experiment before it has, at the paper's scale; of
/// Experiment 4 with the texts that there are, for a step is as long on the subset.
std::vector<BenchRow> bench_experiment(const FoundExperiment& found, const Arguments& arguments,
                                       const std::vector<std::string>& wanted,
                                       std::vector<std::string>& done, double peak) {
  const bool is_encoder = found.study->name() == "encoder";
  Request request;
  request.profile = is_encoder ? "subset" : "paper";
  request.seeds = {0};
  if (arguments.has("dense")) request.path = libnorm::Path::dense;
  if (arguments.has("data")) request.data = arguments.text("data");
  for (const std::string& arm : found.experiment->arms) {
    const std::string name = std::string(found.study->name()) + " " + arm;
    const bool chosen = wanted.empty() || std::count(wanted.begin(), wanted.end(), arm) > 0;
    if (!chosen || std::count(done.begin(), done.end(), name) > 0) continue;
    done.push_back(name);
    request.arms.push_back(arm);
  }
  std::vector<BenchRow> rows;
  for (const PlannedRun& planned : found.study->plan(request)) {
    rows.push_back(
        bench_run(std::string(found.experiment->id), planned, planned.spec.integer("batch"), peak));
  }
  return rows;
}

}  // namespace

Exit bench_command(const std::vector<std::string>& words) {
  Arguments arguments(
      "bench [options]",
      "Times training steps and the products they are made of, and holds them against the peak of\n"
      "fused multiply-adds measured in the same run (of a GPU: its data sheet's). GFLOP counts\n"
      "what products need, a multiply-add as two; with --dense, what PyTorch's way of computing\n"
      "needs.");
  arguments.options()("threads", po::value<int>()->default_value(1), "threads")(
      "experiment", po::value<std::string>()->default_value("all"), "one, a list as e1,e4, or all")(
      "arms", po::value<std::string>(), "only these arms, as a,b")(
      "data", po::value<std::string>(), "folder of AG News, for e4; see `run --help`")(
      "dense", "compute as PyTorch does, without the exact shortcuts")("json",
                                                                       "a JSON list of rows");
  add_device(arguments);
  add_gemm(arguments);
  if (!arguments.parse(words)) return Exit::ok;
  const int threads = checked_threads(arguments);
  const libnorm::Device device = chosen_device(arguments);
  const libnorm::Gemm gemm = chosen_gemm(arguments, device);
  std::vector<FoundExperiment> experiments;
  if (arguments.text("experiment") == "all") {
    for (const Study* study : studies()) {
      for (const Experiment& e : study->experiments()) experiments.push_back({study, &e});
    }
  } else {
    for (const std::string& id : split_list(arguments.text("experiment"), "experiment")) {
      experiments.push_back(find_experiment(id));
    }
  }
  std::vector<std::string> wanted;
  if (arguments.has("arms")) wanted = split_list(arguments.text("arms"), "arms");
  for (const std::string& arm : wanted) {
    const auto& arms = experiments.front().study->arms();
    const bool known = std::any_of(experiments.begin(), experiments.end(), [&](const auto& e) {
      const auto& list = e.study->arms();
      return std::any_of(list.begin(), list.end(), [&](auto& a) { return a.name == arm; });
    });
    if (!known) find_named(arms, &ArmInfo::name, arm, "arm");
  }

  std::vector<BenchRow> rows;
  std::vector<CurvatureRow> curvature;
  double peak = 0;
  libnorm::with_threads(threads, [&] {
    const libnorm::DeviceScope scope(device);
    const libnorm::GemmScope products(gemm);
    peak = device == libnorm::Device::cpu ? measured_peak(threads)
                                          : libnorm::nominal_gpu_flops() * 1e-9;
    std::vector<std::string> done;
    bool has_recall = false, has_encoder = false;
    for (const FoundExperiment& e : experiments) {
      for (BenchRow& row : bench_experiment(e, arguments, wanted, done, peak)) {
        rows.push_back(std::move(row));
      }
      (e.study->name() == "encoder" ? has_encoder : has_recall) = true;
    }
    if (has_recall) {
      for (const Product& p : recall_products()) rows.push_back(bench_product(p, peak));
    }
    if (has_recall && wanted.empty() && device == libnorm::Device::cpu) {
      for (const char* arm : {"layernorm", "batchnorm", "none"}) {
        for (CurvatureRow& row : bench_curvature(arm)) curvature.push_back(std::move(row));
      }
    }
    if (has_encoder) {
      for (const Product& p : encoder_products()) rows.push_back(bench_product(p, peak));
    }
  });
  if (arguments.has("json")) {
    nlohmann::json list = nlohmann::json::array();
    for (const BenchRow& r : rows) {
      list.push_back({{"experiment", r.experiment},
                      {"arm", r.arm},
                      {"batch", r.batch},
                      {"ms_per_step", r.ms_per_step},
                      {"gflop_per_step", r.gflop_per_step},
                      {"gflops", r.gflops},
                      {"peak_fraction", r.peak_fraction}});
    }
    for (const CurvatureRow& r : curvature) {
      list.push_back({{"experiment", "curvature"},
                      {"arm", r.arm},
                      {"ms_per_product", r.ms},
                      {"gradients", r.gradients}});
    }
    print_out("{}\n", list.dump(2));
    return Exit::ok;
  }
  std::string where = device == libnorm::Device::cpu
                          ? std::string(libnorm::isa_name(libnorm::active_isa()))
                          : libnorm::describe_device(device);
  if (gemm == libnorm::Gemm::cublas) where += ", products by cuBLAS";
  print_out("{} thread(s), {}, FMA peak {:.0f} GFLOP/s\n\n", threads, where, peak);
  print_out("{:10} {:48} {:>10} {:>8} {:>9} {:>6}\n", "experiment", "arm", "ms", "GFLOP", "GFLOP/s",
            "peak");
  for (const BenchRow& r : rows) {
    print_out("{:10} {:48} {:10.3f} {:8.4f} {:9.1f} {:5.0f}%\n", r.experiment, r.arm, r.ms_per_step,
              r.gflop_per_step, r.gflops, 100 * r.peak_fraction);
  }
  if (!curvature.empty()) {
    print_out("\nProducts with the Hessian and the Gauss-Newton matrix, in double, batch of e1\n");
  }
  for (const CurvatureRow& r : curvature) {
    print_out("{:10} {:48} {:10.3f} ms, as long as {:.2f} gradients\n", "curvature", r.arm, r.ms,
              r.gradients);
  }
  return Exit::ok;
}

}  // namespace harness
