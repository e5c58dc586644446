#include "libnorm/metrics/landscape/spectral_density.hpp"

#include <algorithm>
#include <cmath>

#include "libnorm/core/domain.hpp"
#include "libnorm/core/math.hpp"
#include "libnorm/core/vector_sums.hpp"
#include "libnorm/metrics/decompositions.hpp"
#include "libnorm/metrics/landscape/lanczos.hpp"
#include "libnorm/metrics/landscape/slice.hpp"

namespace libnorm {
namespace {

Quadrature quadrature_of(const Tridiagonal& t) {
  const Index n = Index(t.diagonal.size());
  // Scaled, small operators are as good as large.
  double largest = 0;
  for (const double x : t.diagonal) largest = std::max(largest, std::abs(x));
  for (const double x : t.beside) largest = std::max(largest, x);
  const double unit = largest > 0 ? largest : 1;
  std::vector<double> diagonal, beside;
  for (const double x : t.diagonal) diagonal.push_back(x / unit);
  for (const double x : t.beside) beside.push_back(x / unit);
  const eigen::Eigensystem solved = eigen::eigensystem_of(diagonal, beside);
  if (solved.values.empty()) {
    throw ValueError("spectral_density: Eigen found no eigenvalues of a tridiagonal matrix (" +
                     shape_text(n, n) + "); need finite numbers");
  }
  Quadrature quadrature;
  for (Index i = 0; i < n; ++i) {
    const double first = solved.vectors[std::size_t(i * n)];
    quadrature.nodes.push_back(solved.values[std::size_t(i)] * unit);
    quadrature.weights.push_back(first * first);
  }
  return quadrature;
}

/// f, averaged over each probe's nodes; then over the probes.
template <class F>
MeanEstimate average(const SpectralDensity& density, const F& f) {
  std::vector<double> samples;
  for (const Quadrature& probe : density.probes) {
    std::vector<double> values;
    for (const double node : probe.nodes) values.push_back(f(node));
    samples.push_back(dot<double>(probe.weights, values));
  }
  MeanEstimate estimate = mean_estimate(samples);
  if (density.unit_vectors) estimate.standard_error = 0;
  return estimate;
}

struct Range {
  double low = 0, high = 0;
};

Range range_of(const SpectralDensity& density) {
  if (density.probes.empty()) {
    throw ValueError("spectral density: there are no probes (0); need that of spectral_density()");
  }
  Range range{density.probes.front().nodes.front(), density.probes.front().nodes.back()};
  for (const Quadrature& probe : density.probes) {
    range.low = std::min(range.low, probe.nodes.front());
    range.high = std::max(range.high, probe.nodes.back());
  }
  return range;
}

void require_width(const char* where, double width) {
  if (width > 0 && std::isfinite(width)) return;
  throw ValueError(std::string(where) + ": the width is invalid (" + number_text(width) +
                   "); need width > 0");
}

}  // namespace

SpectralDensity spectral_density(const LinearOperator& a, const DensityOptions& options) {
  if (options.probes < 2 || options.steps < 1) {
    throw ValueError("spectral_density: options outside their domain (probes " +
                     std::to_string(options.probes) + ", steps " + std::to_string(options.steps) +
                     "); need probes >= 2 and steps >= 1");
  }
  SpectralDensity density;
  density.of = a.name();
  density.dimension = a.dimension();
  density.unit_vectors = a.dimension() <= options.probes;
  const Index probes = density.unit_vectors ? a.dimension() : options.probes;
  std::vector<double> z(static_cast<std::size_t>(a.dimension()));
  for (Index probe = 0; probe < probes; ++probe) {
    if (density.unit_vectors) {
      std::fill(z.begin(), z.end(), 0.0);
      z[std::size_t(probe)] = 1;
    } else {
      rademacher_probe(options.seed, "curvature", probe, z);
    }
    const Tridiagonal t = tridiagonalize(a, z, options.steps);
    density.products += t.products;
    density.probes.push_back(quadrature_of(t));
  }
  return density;
}

MeanEstimate moment(const SpectralDensity& density, Index order) {
  if (order < 0) {
    throw ValueError("moment: the order is below 0 (" + std::to_string(order) +
                     "); need order >= 0");
  }
  return average(density, [order](double node) {
    double power = 1;
    for (Index i = 0; i < order; ++i) power *= node;
    return power;
  });
}

double default_width(const SpectralDensity& density) {
  const Range range = range_of(density);
  const double distance = range.high - range.low;
  const double largest = std::max(std::abs(range.low), std::abs(range.high));
  // Nodes that differ by rounding alone are alike.
  const double measure = distance > 1e-12 * largest ? distance : largest;
  return measure > 0 ? measure / 100 : 0.01;
}

std::vector<double> density_grid(const SpectralDensity& density, Index points, double width) {
  require_width("density_grid", width);
  const Range range = range_of(density);
  return even_grid(range.low - 5 * width, range.high + 5 * width, points);
}

DensityCurve density_curve(const SpectralDensity& density, std::span<const double> at,
                           double width) {
  constexpr double kInvRoot2Pi = 0.3989422804014326779;
  require_width("density_curve", width);
  DensityCurve curve;
  curve.width = width;
  for (const double t : at) {
    const MeanEstimate here = average(density, [t, width](double node) {
      const double z = (t - node) / width;
      return math::exp(-z * z / 2) * kInvRoot2Pi / width;
    });
    curve.at.push_back(t);
    curve.density.push_back(here.value);
    curve.standard_error.push_back(here.standard_error);
  }
  return curve;
}

std::vector<MetricValue> values_of(const SpectralDensity& density) {
  const std::string how = "of " + density.of + " [" + std::to_string(density.dimension) + "], " +
                          (density.unit_vectors ? "unit vectors" : "random signs");
  const MeanEstimate first = moment(density, 1), second = moment(density, 2);
  const Range range = range_of(density);
  return {{"density_mean", "1", first.value, how},
          {"density_mean_standard_error", "1", first.standard_error, how},
          {"density_second_moment", "1", second.value, how},
          {"density_second_moment_standard_error", "1", second.standard_error, how},
          {"density_lowest_node", "1", range.low, how},
          {"density_highest_node", "1", range.high, how},
          {"density_probes", "probes", double(density.probes.size()), how},
          {"density_products", "products", double(density.products), how}};
}

std::string json_of(const DensityCurve& curve) {
  return "{\"width\": " + json_number(curve.width) + ", \"at\": " + json_array(curve.at) +
         ", \"density\": " + json_array(curve.density) +
         ", \"standard_error\": " + json_array(curve.standard_error) + "}";
}

}  // namespace libnorm
