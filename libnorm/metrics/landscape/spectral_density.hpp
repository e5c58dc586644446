#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "libnorm/metrics/landscape/estimate.hpp"
#include "libnorm/metrics/landscape/linear_operator.hpp"

namespace libnorm {

/// Number and size of the quadratures whose mean is the density.
struct DensityOptions {
  /// Random start vectors. If the dimension is no larger, the unit vectors are used instead.
  Index probes = 10;
  /// Lanczos steps from each; cut to the dimension.
  Index steps = 80;
  /// Seed of the probes.
  std::uint64_t seed = 0;
};

/// The Gauss quadrature of one start vector z: for f a polynomial of degree below twice the number
/// of nodes, z^T f(A) z / z^T z = sum weight_i f(node_i).
struct Quadrature {
  /// Nodes, ascending.
  std::vector<double> nodes;
  /// Weights, above 0, with sum 1.
  std::vector<double> weights;
};

/// The spectrum as a distribution of its n eigenvalues, each of weight 1 / n.
struct SpectralDensity {
  /// The operator's name.
  std::string of;
  /// n
  Index dimension = 0;
  /// One quadrature for each probe.
  std::vector<Quadrature> probes;
  /// Whether the probes are all unit vectors. The mean is then no estimate: moments of order below
  /// 2 steps are exact, and everything is if steps >= dimension.
  bool unit_vectors = false;
  /// Products with A, all counted.
  Index products = 0;
};

/// The spectral density as the mean of quadratures of random signs, an unbiased estimate up to the
/// quadratures' degree. A start vector whose Krylov space ends early has fewer nodes and is exact.
/// Memory: steps vectors. Order: as tridiagonalize; nodes and weights of the small tridiagonal
/// matrices come from Eigen's SelfAdjointEigenSolver: compared to digits, not to bits.
/// Throws: ValueError unless probes >= 2 and steps >= 1, and as A.
/// Source: stochastic Lanczos quadrature, Ubaru, Chen, Saad 2017; of Hessians, Ghorbani, Krishnan,
/// Xiao 2019 (arXiv:1901.10159).
SpectralDensity spectral_density(const LinearOperator& a, const DensityOptions& options = {});

/// tr A^order / n and its standard error over the probes. For order 1 it equals hutchinson_trace /
/// n of the same seed and number of probes up to rounding, which checks the whole. Throws:
/// ValueError if order is below 0.
MeanEstimate moment(const SpectralDensity& density, Index order);

/// A density along a line of eigenvalues.
struct DensityCurve {
  /// t
  std::vector<double> at;
  /// Per unit of t; its integral is 1.
  std::vector<double> density;
  /// Standard error of each over the probes; 0 for unit vectors.
  std::vector<double> standard_error;
  /// Width of the Gaussians.
  double width = 0;
};

/// A hundredth of the distance between the outermost nodes, or of the largest |node| if all are
/// equal; 0.01 if that is 0 too.
double default_width(const SpectralDensity& density);

/// `points` evenly spaced positions from the lowest node - 5 widths to the highest + 5 widths.
/// Throws: ValueError unless points >= 2 and width > 0.
std::vector<double> density_grid(const SpectralDensity& density, Index points, double width);

/// Each node as a Gaussian: density(t) = mean over probes of sum_i weight_i N(t; node_i, width^2).
/// Throws: ValueError unless width > 0.
DensityCurve density_curve(const SpectralDensity& density, std::span<const double> at,
                           double width);

/// density_mean and density_second_moment, each with its standard error; lowest and highest node;
/// probes and products.
std::vector<MetricValue> values_of(const SpectralDensity& density);

/// {"width": ..., "at": [...], "density": [...], "standard_error": [...]}
std::string json_of(const DensityCurve& curve);

}  // namespace libnorm
