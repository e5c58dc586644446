#include "harness/commands/bench_timings.hpp"

#include <algorithm>
#include <chrono>
#include <numeric>
#include <vector>

#include <fmt/format.h>

#include "libnorm/core/launch.hpp"
#include "libnorm/core/mirrored.hpp"
#include "libnorm/core/work_profile.hpp"
#include "libnorm/models/curvature.hpp"
#include "libnorm/ops/gemm.hpp"

namespace harness {
namespace {

template <class F>
double seconds_of(F f) {
  const auto start = std::chrono::steady_clock::now();
  f();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

template <class F>
double fastest(int rounds, F f) {
  double best = 1e300;
  for (int i = 0; i < rounds; ++i) best = std::min(best, seconds_of(f));
  return best;
}

/// Times `calls` of what f does, flop() of them needed, as a time of one.
template <class F, class Flop>
StepTime beside_peak(int rounds, int calls, const PeakLook& peak, F f, Flop flop) {
  StepTime result;
  double seconds = fastest(1, f), best = 1e300;
  std::vector<double> shares;
  for (int i = 0; i < rounds; ++i) {
    const double at_most = peak(seconds) * 1e9, before = flop();
    seconds = seconds_of(f);
    best = std::min(best, seconds);
    const double done = flop() - before;
    shares.push_back(done / seconds / at_most);
    result.gflop = done / calls * 1e-9;
  }
  std::ranges::nth_element(shares, shares.begin() + rounds / 2);
  result.peak_fraction = shares[std::size_t(rounds / 2)];
  result.ms = best / calls * 1e3;
  return result;
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

StepTime time_step(const std::string& experiment, const PlannedRun& planned, const PeakLook& peak) {
  WarmRun warm(planned);
  const int steps = warm.steps_in(0.25, 1, 100);
  StepTime time = beside_peak(
      7, steps, peak, [&] { warm.train(steps); }, [&] { return warm.run().flop(); });
  time.experiment = experiment;
  time.arm = planned.arm;
  time.batch = planned.spec.has("batch") ? planned.spec.integer("batch") : 0;
  return time;
}

StepProfile profile_step(const std::string& experiment, const PlannedRun& planned, int threads,
                         double peak) {
  WarmRun warm(planned);
  const int steps = warm.steps_in(1, 3, 400);
  const libnorm::WorkProfile profile([] {
    const auto now = std::chrono::steady_clock::now().time_since_epoch();
    return std::chrono::duration<double>(now).count();
  });
  const double before = warm.run().flop();
  const double seconds = fastest(1, [&] { warm.train(steps); });
  StepProfile result;
  result.experiment = experiment;
  result.arm = planned.arm;
  result.ms = seconds / steps * 1e3;
  result.peak_fraction = (warm.run().flop() - before) / seconds / (peak * 1e9);
  result.shares = profile.seconds();
  result.busy = profile.thread_seconds();
  result.busy.resize(std::max(result.busy.size(), std::size_t(threads)));
  for (double& share : result.busy) share /= seconds;
  double busy = 0;
  for (auto& [kind, share] : result.shares) {
    share /= seconds * threads;
    busy += share;
  }
  result.shares["waiting"] = 1 - busy;
  return result;
}

StepTime time_product(const Product& p, const PeakLook& peak) {
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
  double done = 0;
  StepTime time = beside_peak(
      15, calls, peak,
      [&] {
        for (int i = 0; i < calls; ++i) multiply();
        libnorm::finish_launches();
        done += flop * calls;
      },
      [&] { return done; });
  time.experiment = "product";
  time.gbyte = double(sizeof(float)) * double(p.m * p.k + p.k * p.n + p.m * p.n) * 1e-9;
  time.arm = fmt::format("{} [{} x {} x {}]", p.what, p.m, p.n, p.k);
  return time;
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

double measured_peak(int threads, double seconds) {
  constexpr Index kRounds = 40;
  std::vector<double> flop(std::size_t(threads), 0.0);
  double spent = 0;
  while (spent < seconds) {
    spent += seconds_of([&] {
      libnorm::for_each_output(
          threads, [&](Index i) { flop[std::size_t(i)] += libnorm::chain_fmas(kRounds); });
    });
  }
  return std::accumulate(flop.begin(), flop.end(), 0.0) / spent * 1e-9;
}

double measured_bandwidth(int threads) {
  constexpr std::size_t kFloats = std::size_t{1} << 24;
  const std::vector<float> from(kFloats * std::size_t(threads), 1.0f);
  std::vector<float> to(from.size());
  const double seconds = fastest(5, [&] {
    libnorm::for_each_output(threads, [&](Index i) {
      const auto first = std::ptrdiff_t(kFloats) * i;
      std::copy_n(from.begin() + first, kFloats, to.begin() + first);
    });
  });
  return 2e-9 * double(sizeof(float)) * double(from.size()) / seconds;
}

}  // namespace harness
