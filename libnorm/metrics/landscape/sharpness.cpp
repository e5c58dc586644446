#include "libnorm/metrics/landscape/sharpness.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "libnorm/core/domain.hpp"
#include "libnorm/core/math.hpp"
#include "libnorm/core/rng.hpp"
#include "libnorm/core/vector_sums.hpp"
#include "libnorm/metrics/landscape/estimate.hpp"

namespace libnorm {
namespace {

/// A loss around w, in coordinates z = d / t in which the ball is round.
class Around {
 public:
  Around(const char* where, const ObjectiveView& f, std::span<const double> w, const Ball& ball)
      : where_(where), f_(f), w_(w), shape_(ball.shape), radius_(ball.radius) {
    if (shape_.empty()) shape_.assign(w.size(), 1.0);
    const bool positive =
        std::all_of(shape_.begin(), shape_.end(), [](double t) { return t >= 0; });
    if (!(radius_ > 0) || !std::isfinite(radius_) || shape_.size() != w.size() || !positive ||
        !all_finite(shape_)) {
      throw ValueError(std::string(where) + ": no such ball (radius " + number_text(radius_) +
                       ", shape of " + std::to_string(shape_.size()) + " for " +
                       std::to_string(w.size()) +
                       " weights); need radius > 0 and a number >= 0 for each weight");
    }
  }

  double radius() const { return radius_; }
  Index losses() const { return losses_; }
  Index gradients() const { return gradients_; }
  std::vector<double> zero() const { return std::vector<double>(w_.size(), 0.0); }

  std::vector<double> displacement(std::span<const double> z) const {
    std::vector<double> d(z.size());
    for (std::size_t i = 0; i < z.size(); ++i) d[i] = shape_[i] * z[i];
    return d;
  }

  double loss(std::span<const double> z) {
    ++losses_;
    const double value = f_.loss(moved(z));
    if (!std::isfinite(value)) {
      throw ValueError(std::string(where_) + ": the loss is not finite (" + number_text(value) +
                       ", at a distance of " + number_text(length(z)) +
                       "); need a ball within which it is");
    }
    return value;
  }

  /// By z: t times that by w.
  std::vector<double> gradient(std::span<const double> z) {
    ++gradients_;
    std::vector<double> g = zero();
    f_.gradient(moved(z), g);
    for (std::size_t i = 0; i < g.size(); ++i) g[i] *= shape_[i];
    return g;
  }

  /// Beyond doubles, no place could be told from a stationary one.
  void require_finite_slope(double slope) const {
    if (std::isfinite(slope)) return;
    throw ValueError(std::string(where_) + ": the slope times the radius is not finite (" +
                     number_text(slope) + ", radius " + number_text(radius_) +
                     "); need a smaller radius or loss");
  }

  /// x made as long as the radius. x is not zero.
  std::vector<double> on_sphere(std::vector<double> x) const {
    const double size = length<double>(x);
    for (double& value : x) value = value / size * radius_;
    return x;
  }

 private:
  std::vector<double> moved(std::span<const double> z) const {
    std::vector<double> at(w_.begin(), w_.end());
    for (std::size_t i = 0; i < z.size(); ++i) at[i] += shape_[i] * z[i];
    return at;
  }

  const char* where_;
  const ObjectiveView& f_;
  std::span<const double> w_;
  std::vector<double> shape_;
  double radius_;
  Index losses_ = 0, gradients_ = 0;
};

/// A place in the ball, and how stationary it is.
struct Place {
  std::vector<double> z;
  double loss = 0;
  std::vector<double> gradient;
  /// max over the ball of <g, e>, and what is left of it at z.
  double top = 0, gap = 0;
};

Place place(Around& around, std::vector<double> z, double loss) {
  Place here{std::move(z), loss, {}, 0, 0};
  here.gradient = around.gradient(here.z);
  here.top = around.radius() * length<double>(here.gradient);
  const double rest = here.top - dot<double>(here.gradient, here.z);
  around.require_finite_slope(rest);
  here.gap = std::max(0.0, rest);
  return here;
}

/// Steps towards where a straight loss would be largest. Returns how many.
Index climb(Around& around, Place& here, const AscentOptions& options) {
  constexpr int kHalvings = 30;
  for (Index step = 0; step < options.iterations; ++step) {
    if (here.gap <= options.tolerance * here.top) return step;
    const std::vector<double> target = around.on_sphere(here.gradient);
    double part = 1, loss = here.loss;
    std::vector<double> z;
    for (int halving = 0; halving <= kHalvings && !(loss > here.loss); ++halving, part /= 2) {
      z = target;
      for (std::size_t i = 0; part < 1 && i < z.size(); ++i) {
        z[i] = here.z[i] + part * (target[i] - here.z[i]);
      }
      loss = around.loss(z);
    }
    if (!(loss > here.loss)) return step;
    here = place(around, std::move(z), loss);
  }
  return options.iterations;
}

WorstCaseSharpness sharpness_of(const Around& around, const Place& best, double loss,
                                double tolerance) {
  WorstCaseSharpness sharpness;
  sharpness.value = best.loss - loss;
  sharpness.loss = loss;
  sharpness.radius = around.radius();
  sharpness.displacement = around.displacement(best.z);
  sharpness.gap = best.gap;
  sharpness.losses = around.losses();
  sharpness.gradients = around.gradients();
  sharpness.converged = best.gap <= tolerance * best.top;
  return sharpness;
}

/// l times factor^2, without the square, which may not be a double where the product is.
ScaledSharpness scaled(Eigenvalues found, double factor, double weight_length) {
  ScaledSharpness sharpness;
  sharpness.value = found.values.front() * factor * factor;
  sharpness.residual = found.residuals.front() * factor * factor;
  sharpness.weight_length = weight_length;
  sharpness.eigenvalues = std::move(found);
  return sharpness;
}

/// w at the ranges, and its length. Throws: ValueError where that is 0.
std::pair<std::vector<double>, double> on_ray(std::span<const double> w,
                                              std::span<const IndexRange> ranges) {
  std::vector<double> part = gather(w, ranges);
  const double size = length<double>(part);
  if (!(size > 0)) {
    throw ValueError("spherical_hessian: the weights are zero (" + std::to_string(part.size()) +
                     " of them), which no sphere holds; need one that is not");
  }
  return {std::move(part), size};
}

}  // namespace

Ball adaptive_ball(std::span<const double> w, double radius, double floor) {
  if (!(radius > 0) || !(floor >= 0) || !std::isfinite(radius) || !std::isfinite(floor)) {
    throw ValueError("adaptive_ball: no such ball (radius " + number_text(radius) + ", floor " +
                     number_text(floor) + "); need radius > 0 and floor >= 0");
  }
  Ball ball{radius, {}};
  for (const double x : w) ball.shape.push_back(std::abs(x) + floor);
  return ball;
}

WorstCaseSharpness first_order_sharpness(const ObjectiveView& f, std::span<const double> w,
                                         const Ball& ball) {
  Around around("first_order_sharpness", f, w, ball);
  const double loss = around.loss(around.zero());
  Place here = place(around, around.zero(), loss);
  const bool slopes = here.top > 0;
  if (slopes) {
    std::vector<double> z = around.on_sphere(here.gradient);
    const double there = around.loss(z);
    here = place(around, std::move(z), there);
  }
  WorstCaseSharpness sharpness = sharpness_of(around, here, loss, AscentOptions().tolerance);
  sharpness.iterations = slopes ? 1 : 0;
  return sharpness;
}

WorstCaseSharpness worst_case_sharpness(const ObjectiveView& f, std::span<const double> w,
                                        const Ball& ball, const AscentOptions& options) {
  if (options.iterations < 1 || options.random_starts < 0 ||
      !(0 < options.tolerance && options.tolerance < 1)) {
    throw ValueError("worst_case_sharpness: options outside their domain (iterations " +
                     std::to_string(options.iterations) + ", random_starts " +
                     std::to_string(options.random_starts) + ", tolerance " +
                     number_text(options.tolerance) +
                     "); need iterations >= 1, random_starts >= 0, 0 < tolerance < 1");
  }
  Around around("worst_case_sharpness", f, w, ball);
  const double loss = around.loss(around.zero());
  Place best = place(around, around.zero(), loss);
  const bool flat = !(best.top > 0);
  Index iterations = climb(around, best, options);
  for (Index start = 0; start < std::max(options.random_starts, Index(flat)); ++start) {
    std::vector<double> z = around.zero();
    normal_probe(options.seed, "ascent", start, z);
    z = around.on_sphere(std::move(z));
    const double there = around.loss(z);
    Place here = place(around, std::move(z), there);
    iterations += climb(around, here, options);
    if (here.loss > best.loss) best = std::move(here);
  }
  WorstCaseSharpness sharpness = sharpness_of(around, best, loss, options.tolerance);
  sharpness.iterations = iterations;
  return sharpness;
}

AverageCaseSharpness average_case_sharpness(const ObjectiveView& f, std::span<const double> w,
                                            const Ball& ball, const AverageOptions& options) {
  if (options.pairs < 2) {
    throw ValueError("average_case_sharpness: too few pairs (" + std::to_string(options.pairs) +
                     "); need at least 2");
  }
  Around around("average_case_sharpness", f, w, ball);
  AverageCaseSharpness sharpness;
  sharpness.loss = around.loss(around.zero());
  // The streams' names decide the draws, so they stay.
  const Random radii(options.seed, Purpose::direction, stream_of("average rise radius"));
  std::vector<double> samples, z = around.zero();
  for (Index pair = 0; pair < options.pairs; ++pair) {
    normal_probe(options.seed, "average rise", pair, z);
    z = around.on_sphere(std::move(z));
    if (options.region == Region::ball) {
      // The share of a ball within r goes by r^n.
      const double u = radii.uniform(std::uint64_t(pair));
      scale<double>(z, math::exp(math::log(u) / double(z.size())));
    }
    const double up = around.loss(z) - sharpness.loss;
    for (double& x : z) x = -x;
    samples.push_back((up + (around.loss(z) - sharpness.loss)) / 2);
  }
  const MeanEstimate mean = mean_estimate(samples);
  sharpness.value = mean.value;
  sharpness.standard_error = mean.standard_error;
  sharpness.radius = ball.radius;
  sharpness.pairs = options.pairs;
  sharpness.losses = around.losses();
  return sharpness;
}

ScaledSharpness scale_invariant_sharpness(const ObjectiveView& f, std::span<const double> w,
                                          const std::vector<IndexRange>& ranges,
                                          const LanczosOptions& options) {
  const LinearOperator block = hessian(f, w, ranges);
  const double size = length<double>(gather(w, ranges));
  return scaled(extreme_eigenvalues(block, End::largest, options), size, size);
}

LinearOperator spherical_hessian(const ObjectiveView& f, std::span<const double> w,
                                 const std::vector<IndexRange>& ranges) {
  const LinearOperator block = hessian(f, w, ranges);
  const auto [part, radius] = on_ray(w, ranges);
  if (part.size() < 2) {
    throw ValueError("spherical_hessian: one weight alone, whose sphere is two points; need two");
  }
  std::vector<double> g(w.size());
  f.gradient(w, g);
  const double slope = dot<double>(part, gather(g, ranges));
  // The reflection I - u u^T / (1 + |x_0|) takes x to an end of the first axis.
  std::vector<double> u;
  for (const double value : part) u.push_back(value / radius);
  const double factor = 1 / (1 + std::abs(u[0]));
  u[0] += u[0] < 0 ? -1 : 1;
  const double square = radius * radius;
  return {block.name() + " on the sphere", Index(part.size()) - 1,
          [=](std::span<const double> in, std::span<double> out) {
            const auto reflect = [&](std::vector<double>& y) {
              add_scaled(-factor * dot<double>(u, y), u, y);
            };
            std::vector<double> y(u.size()), product(u.size());
            std::copy(in.begin(), in.end(), y.begin() + 1);
            reflect(y);
            block.apply(y, product);
            reflect(product);
            for (std::size_t i = 0; i < in.size(); ++i) {
              out[i] = square * product[i + 1] - slope * in[i];
            }
          }};
}

ScaledSharpness spherical_sharpness(const ObjectiveView& f, std::span<const double> w,
                                    const std::vector<IndexRange>& ranges,
                                    const LanczosOptions& options) {
  const auto [part, radius] = on_ray(w, ranges);
  if (part.size() == 1) {
    Eigenvalues none;
    none.of = "Hessian on the sphere";
    none.values = none.residuals = {0};
    none.converged = true;
    return scaled(none, 1, radius);
  }
  return scaled(extreme_eigenvalues(spherical_hessian(f, w, ranges), End::largest, options), 1,
                radius);
}

std::vector<MetricValue> values_of(const WorstCaseSharpness& sharpness) {
  const std::string how = "radius " + number_text(sharpness.radius) + ", a lower bound";
  return {{"worst_case_sharpness", "loss", sharpness.value, how},
          {"worst_case_sharpness_gap", "loss", sharpness.gap, "of a linear loss"},
          {"worst_case_sharpness_loss", "loss", sharpness.loss, "at w"},
          {"worst_case_sharpness_iterations", "steps", double(sharpness.iterations), ""},
          {"worst_case_sharpness_losses", "losses", double(sharpness.losses), ""},
          {"worst_case_sharpness_gradients", "gradients", double(sharpness.gradients), ""},
          {"worst_case_sharpness_converged", "1", sharpness.converged ? 1.0 : 0.0, "stationary"}};
}

std::vector<MetricValue> values_of(const AverageCaseSharpness& sharpness) {
  const std::string how = "radius " + number_text(sharpness.radius) + ", pairs";
  return {{"average_case_sharpness", "loss", sharpness.value, how},
          {"average_case_sharpness_standard_error", "loss", sharpness.standard_error, how},
          {"average_case_sharpness_loss", "loss", sharpness.loss, "at w"},
          {"average_case_sharpness_pairs", "pairs", double(sharpness.pairs), ""},
          {"average_case_sharpness_losses", "losses", double(sharpness.losses), ""}};
}

std::vector<MetricValue> values_of(const ScaledSharpness& sharpness) {
  const std::string how = "of " + sharpness.eigenvalues.of;
  return {{"scaled_sharpness", "loss", sharpness.value, how},
          {"scaled_sharpness_residual", "loss", sharpness.residual, how},
          {"scaled_sharpness_weight_length", "weight", sharpness.weight_length, how},
          {"scaled_sharpness_products", "products", double(sharpness.eigenvalues.products), how},
          {"scaled_sharpness_converged", "1", sharpness.eigenvalues.converged ? 1.0 : 0.0, how}};
}

}  // namespace libnorm
