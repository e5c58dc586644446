#include "harness/commands/bench_timings.hpp"

#include <algorithm>
#include <chrono>
#include <numeric>

#include <fmt/format.h>

#include "libnorm/core/launch.hpp"
#include "libnorm/core/mirrored.hpp"
#include "libnorm/core/work_profile.hpp"
#include "libnorm/models/curvature.hpp"
#include "libnorm/ops/gemm.hpp"

namespace harness {
namespace {

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

/// A training run whose memory is allocated and whose caches are warm.
class WarmRun {
 public:
  explicit WarmRun(const PlannedRun& planned) : run_(planned.make()) {
    train(2);
    once_ = fastest(1, [&] { train(1); });
  }
  void train(int steps) {
    for (int i = 0; i < steps; ++i) run_->step();
  }
  /// Steps that take so many seconds, within bounds.
  int steps_in(double seconds, int fewest, int most) const {
    return std::clamp(int(seconds / once_), fewest, most);
  }
  const TrainingRun& run() const { return *run_; }

 private:
  std::unique_ptr<TrainingRun> run_;
  double once_ = 0;
};

}  // namespace

StepTime time_step(const std::string& experiment, const PlannedRun& planned) {
  WarmRun warm(planned);
  const int steps = warm.steps_in(0.25, 1, 100);
  const double flop_before = warm.run().flop();
  const Index step_before = warm.run().steps_done();
  const double seconds = fastest(7, [&] { warm.train(steps); }) / steps;
  const double flop =
      (warm.run().flop() - flop_before) / double(warm.run().steps_done() - step_before);
  return {experiment, planned.arm, planned.spec.has("batch") ? planned.spec.integer("batch") : 0,
          seconds * 1e3, flop * 1e-9};
}

StepProfile profile_step(const std::string& experiment, const PlannedRun& planned, int threads) {
  WarmRun warm(planned);
  const int steps = warm.steps_in(1, 3, 400);
  const libnorm::WorkProfile profile([] {
    const auto now = std::chrono::steady_clock::now().time_since_epoch();
    return std::chrono::duration<double>(now).count();
  });
  const double seconds = fastest(1, [&] { warm.train(steps); });
  StepProfile result{experiment, planned.arm, seconds / steps * 1e3, profile.seconds()};
  double busy = 0;
  for (auto& [kind, share] : result.shares) {
    share /= seconds * threads;
    busy += share;
  }
  result.shares["waiting"] = 1 - busy;
  return result;
}

StepTime time_product(const Product& p) {
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
  return {"product", fmt::format("{} [{} x {} x {}]", p.what, p.m, p.n, p.k), 0, seconds * 1e3,
          flop * 1e-9};
}

std::vector<CurvatureTime> time_curvature(const CurvatureCase& of) {
  libnorm::Transformer<double> model(of.model);
  model.initialize(0);
  libnorm::Curvature curvature(model, of.batch);
  const auto size = std::size_t(curvature.dimension());
  const std::vector<double> v(size, 1e-3);
  std::vector<double> product(size);
  const double gradient = fastest(15, [&] { model.loss_and_gradient_only(of.batch); });
  std::vector<CurvatureTime> rows;
  const auto time = [&](const char* what, auto multiply) {
    const auto once = [&] { (curvature.*multiply)(curvature.weights(), v, product); };
    once();
    const double seconds = fastest(15, once);
    rows.push_back({std::string(of.arm) + ", " + what, seconds * 1e3, seconds / gradient});
  };
  time("Hessian-vector product", &libnorm::Curvature::hessian_vector_product);
  time("Gauss-Newton-vector product", &libnorm::Curvature::gauss_newton_product);
  return rows;
}

double measured_peak(int threads) {
  constexpr Index kRounds = 400;
  std::vector<double> flop(std::size_t(threads), 0.0);
  const double seconds = fastest(7, [&] {
    libnorm::for_each_output(threads,
                             [&](Index i) { flop[std::size_t(i)] = libnorm::chain_fmas(kRounds); });
  });
  return std::accumulate(flop.begin(), flop.end(), 0.0) / seconds * 1e-9;
}

}  // namespace harness
