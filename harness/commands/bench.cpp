#include <algorithm>
#include <chrono>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "harness/commands/command.hpp"
#include "harness/experiments/recall.hpp"
#include "libnorm/core/launch.hpp"
#include "libnorm/ops/gemm.hpp"

namespace harness {
namespace {

namespace po = boost::program_options;

struct BenchRow {
  std::string experiment, arm;
  Index batch = 0;
  double ms_per_step = 0, gflop_per_step = 0, gflops = 0, peak_fraction = 0;
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

BenchRow bench_arm(const RecallExperiment& experiment, const RecallArm& arm,
                   const RecallOptions& options, double peak) {
  libnorm::Transformer<float> model(model_options(options, arm));
  libnorm::Adam<float> adam(model.size(), adam_options(options, arm));
  model.initialize(0);
  libnorm::Batch batch;
  std::uint32_t step = 0;
  const auto train = [&](int steps) {
    for (int i = 0; i < steps; ++i) {
      options.task().draw(0, libnorm::Purpose::training_batch, step++, options.path, batch);
      model.loss_and_gradient(batch);
      adam.step(model.weights().data(), model.gradient().data());
    }
  };
  train(2);
  const double once = fastest(1, [&] { train(1); });
  const int steps = std::clamp(int(0.25 / once), 1, 100);
  const double flop_before = model.flop();
  const std::uint32_t step_before = step;
  const double seconds = fastest(7, [&] { train(steps); }) / steps;
  const double flop = (model.flop() - flop_before) / double(step - step_before);
  return {std::string(experiment.id),
          std::string(arm.name),
          options.batch,
          seconds * 1e3,
          flop * 1e-9,
          flop / seconds * 1e-9,
          flop / seconds * 1e-9 / peak};
}

BenchRow bench_product(const Product& p, double peak) {
  std::vector<float> a(std::size_t(p.m * p.k), 1.0f), b(std::size_t(p.k * p.n), 0.5f);
  std::vector<float> c(std::size_t(p.m * p.n));
  using View = libnorm::MatrixView<float>;
  const View left = p.a_transposed ? View(a.data(), p.k, p.m) : View(a.data(), p.m, p.k);
  const View right = p.b_transposed ? View(b.data(), p.n, p.k) : View(b.data(), p.k, p.n);
  const auto multiply = [&] {
    libnorm::gemm<float>(p.a_transposed ? transposed(left) : plain(left),
                         p.b_transposed ? transposed(right) : plain(right),
                         View(c.data(), p.m, p.n));
  };
  const double flop = 2.0 * double(p.m) * double(p.n) * double(p.k);
  const int calls = std::max(1, int(4e8 / flop));
  multiply();
  const double seconds = fastest(15,
                                 [&] {
                                   for (int i = 0; i < calls; ++i) multiply();
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

std::vector<Product> products(const RecallOptions& o) {
  const Index c = o.channels, h = o.hidden, v = o.task().vocabulary(), b = o.batch;
  const Index rows = b * o.task().length();
  return {
      {"table: queries, keys, values", o.task().keys(), 3 * c, c, false, true},
      {"ffn 1, read-out rows", b, h, c, false, true},
      {"ffn 2, read-out rows", b, c, h, false, true},
      {"ffn 1 gradient, read-out rows", h, c, b, true, false},
      {"head", b, v, c, false, true},
      {"ffn 1, all rows", rows, h, c, false, true},
      {"ffn 2, all rows", rows, c, h, false, true},
      {"ffn 1 input gradient, all rows", rows, c, h, false, false},
      {"ffn 1 gradient, all rows", h, c, rows, true, false},
  };
}

}  // namespace

Exit bench_command(const std::vector<std::string>& words) {
  Arguments arguments(
      "bench [options]",
      "Times training steps and the products they are made of, and holds them against the peak of\n"
      "fused multiply-adds measured in the same run. GFLOP counts what products need, a\n"
      "multiply-add as two; with --dense, what PyTorch's way of computing needs.");
  arguments.options()("threads", po::value<int>()->default_value(1), "threads")(
      "arms", po::value<std::string>(), "only these arms, as a,b")(
      "dense", "compute as PyTorch does, without the exact shortcuts")("json",
                                                                       "a JSON list of rows");
  if (!arguments.parse(words)) return Exit::ok;
  const int threads = checked_threads(arguments);
  std::vector<std::string> wanted;
  if (arguments.has("arms")) wanted = split_list(arguments.text("arms"), "arms");
  for (const std::string& arm : wanted) find_recall_arm(arm);
  RecallOptions options = find_recall_profile("paper").options;
  if (arguments.has("dense")) options.path = libnorm::Path::dense;

  std::vector<BenchRow> rows;
  double peak = 0;
  libnorm::with_threads(threads, [&] {
    constexpr Index kRounds = 400;
    double flop = 0;
    const double seconds = fastest(7, [&] { flop = libnorm::chain_fmas(kRounds); });
    peak = flop / seconds * 1e-9 * threads;
    std::vector<std::string> done;
    for (const RecallExperiment& e : recall_experiments()) {
      for (const std::string& name : e.arms) {
        const bool chosen = wanted.empty() || std::count(wanted.begin(), wanted.end(), name) > 0;
        if (!chosen || std::count(done.begin(), done.end(), name) > 0) continue;
        done.push_back(name);
        rows.push_back(bench_arm(e, find_recall_arm(name), options, peak));
      }
    }
    for (const Product& p : products(options)) rows.push_back(bench_product(p, peak));
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
    fmt::print("{}\n", list.dump(2));
    return Exit::ok;
  }
  fmt::print("{} thread(s), {}, FMA peak {:.0f} GFLOP/s\n\n", threads,
             libnorm::isa_name(libnorm::active_isa()), peak);
  fmt::print("{:10} {:48} {:>10} {:>8} {:>9} {:>6}\n", "experiment", "arm", "ms", "GFLOP",
             "GFLOP/s", "peak");
  for (const BenchRow& r : rows) {
    fmt::print("{:10} {:48} {:10.3f} {:8.4f} {:9.1f} {:5.0f}%\n", r.experiment, r.arm,
               r.ms_per_step, r.gflop_per_step, r.gflops, 100 * r.peak_fraction);
  }
  return Exit::ok;
}

}  // namespace harness
