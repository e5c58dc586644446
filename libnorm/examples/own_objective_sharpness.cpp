// How sharp is the loss, here and along training? Of an objective of one's own: logistic regression
// by gradient descent.
//
// An objective is a class with these three functions. Where it also has `hessian_vector_product`,
// that is used; here products with the Hessian come from differences of gradients.

#include <algorithm>
#include <cstdio>
#include <span>
#include <vector>

#include "libnorm/core/math.hpp"
#include "libnorm/core/rng.hpp"
#include "libnorm/metrics/landscape/lanczos.hpp"
#include "libnorm/metrics/landscape/objective.hpp"
#include "libnorm/metrics/landscape/trace.hpp"

namespace {

using libnorm::Index;

/// Mean of log(1 + exp(-y x.w)) over rows x with labels y = +1 or -1.
class Logistic {
 public:
  static constexpr Index kRows = 500, kWeights = 20;

  Logistic() : x_(kRows * kWeights), y_(kRows) {
    const libnorm::Random random(/*seed=*/0, libnorm::Purpose::test);
    for (std::size_t i = 0; i < x_.size(); ++i) x_[i] = random.normal(i);
    // The first number tells the class, but for some noise.
    for (std::size_t r = 0; r < y_.size(); ++r) {
      y_[r] = x_[r * kWeights] + random.normal(x_.size() + r) > 0 ? 1 : -1;
    }
  }

  Index dimension() const { return kWeights; }

  double loss(std::span<const double> w) const {
    double sum = 0;
    for (std::size_t r = 0; r < y_.size(); ++r) {
      sum += libnorm::math::log(1 + libnorm::math::exp(-margin(r, w)));
    }
    return sum / kRows;
  }

  void gradient(std::span<const double> w, std::span<double> g) const {
    std::ranges::fill(g, 0.0);
    for (std::size_t r = 0; r < y_.size(); ++r) {
      const double slope = -y_[r] / (1 + libnorm::math::exp(margin(r, w))) / kRows;
      for (std::size_t c = 0; c < g.size(); ++c) g[c] += slope * x_[r * kWeights + c];
    }
  }

 private:
  double margin(std::size_t r, std::span<const double> w) const {
    double sum = 0;
    for (std::size_t c = 0; c < w.size(); ++c) sum += x_[r * kWeights + c] * w[c];
    return y_[r] * sum;
  }

  std::vector<double> x_, y_;
};

void report(Logistic& objective, std::span<const double> w) {
  const libnorm::LinearOperator h = libnorm::hessian(objective, w);
  const auto largest = libnorm::extreme_eigenvalues(h, libnorm::End::largest);
  const auto trace = libnorm::hutchinson_trace(h);
  // A number comes with what says how well it is known.
  std::printf("loss %.4f, largest eigenvalue %.5f (residual %.0e, %s), trace %.4f +- %.4f\n",
              objective.loss(w), largest.values[0], largest.residuals[0],
              largest.converged ? "converged" : "not converged", trace.value, trace.standard_error);
}

}  // namespace

int main() {
  Logistic objective;
  std::vector<double> w(Logistic::kWeights), g(Logistic::kWeights);
  for (int step = 0; step <= 200; ++step) {
    if (step % 50 == 0) report(objective, w);
    objective.gradient(w, g);
    for (std::size_t c = 0; c < w.size(); ++c) w[c] -= 1.0 * g[c];
  }
}
