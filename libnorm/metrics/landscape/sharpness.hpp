#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "libnorm/metrics/landscape/lanczos.hpp"
#include "libnorm/metrics/landscape/objective.hpp"

namespace libnorm {

/// Displacements d of the weights with ||d / t|| <= radius, divided element by element.
struct Ball {
  /// Above 0.
  double radius = 0;
  /// t [n], above 0 or 0 where a weight does not move; empty for ones.
  std::vector<double> shape = {};
};

/// t_i = |w_i| + floor: the ball of adaptive sharpness, which moves large weights further. With
/// floor 0 it goes with any rescaling of the weights, and weights of 0 stay.
/// Throws: ValueError unless radius > 0 and floor >= 0. Source: ASAM, Kwon et al. 2021
/// (arXiv:2102.11600), element by element; their eta is the floor, 0.01.
Ball adaptive_ball(std::span<const double> w, double radius, double floor = 0.01);

/// Worst-case sharpness: how much a loss can increase within a ball around w. Any point gives a
/// lower bound.
struct WorstCaseSharpness {
  /// L(w + d) - L(w), in the unit of the loss.
  double value = 0;
  /// L(w)
  double loss = 0;
  /// The ball's radius.
  double radius = 0;
  /// d [n], the point found.
  std::vector<double> displacement;
  /// max over the ball of <g, e - d>, g the gradient at w + d: 0 where d is stationary. The further
  /// increase of a linear loss. For a concave loss it bounds the distance to the maximum.
  double gap = 0;
  /// Steps taken from all starts; evaluations of loss and gradient.
  /// @{
  Index iterations = 0, losses = 0, gradients = 0;
  /// @}
  /// Whether gap <= tolerance times max over the ball of <g, e>: stationary, but not necessarily
  /// the global maximum.
  bool converged = false;
};

/// Sharpness after SAM's single step: L(w + d) - L(w) at d = radius t^2 g / ||t g||, g the gradient
/// at w, where a linear loss is largest. Below 0 if the ball is too large for one step; 0 with d =
/// 0 if g is 0. Two losses, two gradients (the second for the gap). Throws: ValueError for a ball
/// that does not fit, or a loss or gradient that is not finite. Source: Foret et al. 2021
/// (arXiv:2010.01412), equation 2; with a shape, Kwon et al. 2021.
WorstCaseSharpness first_order_sharpness(const ObjectiveView& f, std::span<const double> w,
                                         const Ball& ball);

/// Steps, starts and tolerance of the ascent.
struct AscentOptions {
  /// Steps from each start.
  Index iterations = 100;
  /// Tolerance of the gap; see WorstCaseSharpness::converged.
  double tolerance = 1e-6;
  /// Starts at random points of the sphere, besides the one at w. If g is 0 at w, one is added.
  Index random_starts = 0;
  /// Seed of the random starts.
  std::uint64_t seed = 0;
};

/// Worst-case sharpness by gradient ascent: each step moves d towards radius t^2 g / ||t g||, g the
/// gradient at w + d, and is halved up to 30 times until the loss increases. Ends when the gap is
/// small or no step increases the loss. The loss never decreases, so the result is at least
/// first_order_sharpness if that is above 0. For a convex loss full steps always increase it; at a
/// minimum of a quadratic they are power iteration, to radius^2 lambda_max / 2. Returns the best of
/// all starts, d = 0 included. Order: along the axis; same bits everywhere if f's are. Throws: as
/// first_order_sharpness, ValueError for options outside their domain. Source: Frank, Wolfe 1956;
/// the inner problem of SAM.
WorstCaseSharpness worst_case_sharpness(const ObjectiveView& f, std::span<const double> w,
                                        const Ball& ball, const AscentOptions& options = {});

/// The set that displacements are drawn from.
enum class Region { sphere, ball };

/// Number and distribution of the displacements.
struct AverageOptions {
  /// Displacements d, each with its -d; 2 or more.
  Index pairs = 100;
  /// On the sphere of the radius, or in its ball.
  Region region = Region::sphere;
  /// Seed of the displacements.
  std::uint64_t seed = 0;
};

/// Average-case sharpness: the mean increase of a loss over random displacements.
struct AverageCaseSharpness {
  /// The sharpness, in the unit of the loss.
  double value = 0;
  /// Standard error over the pairs.
  double standard_error = 0;
  /// L(w)
  double loss = 0;
  /// The ball's radius.
  double radius = 0;
  /// Pairs drawn, and evaluations of the loss: two each, and that at w.
  /// @{
  Index pairs = 0, losses = 0;
  /// @}
};

/// Mean of (L(w + d) + L(w - d)) / 2 - L(w), d = t z, z uniform on the sphere of the radius or in
/// its ball. The pairs cancel a slope exactly. For a quadratic: radius^2 tr(T H T) / (2 n) on the
/// sphere, / (2 (n + 2)) in the ball, T = diag(t). Each pair is one sample of the standard error.
/// Order: along the axis; same bits everywhere if f's are. Throws: as first_order_sharpness,
/// ValueError for fewer than 2 pairs.
AverageCaseSharpness average_case_sharpness(const ObjectiveView& f, std::span<const double> w,
                                            const Ball& ball, const AverageOptions& options = {});

/// An eigenvalue scaled by the weights' length, with its residual.
struct ScaledSharpness {
  /// The sharpness, in the unit of the loss.
  double value = 0;
  /// ||A v - l v||, scaled as the value.
  double residual = 0;
  /// ||w|| over the chosen weights.
  double weight_length = 0;
  /// The unscaled eigenvalue.
  Eigenvalues eigenvalues;
};

/// lambda_max(H_bb) ||w_b||^2, b the weights at the ranges, all others fixed. If rescaling w_b does
/// not change the loss (weights before LayerNorm or BatchNorm), it does not change this either,
/// while lambda_max scales with the inverse square. w_b = 0: 0.
/// Throws: as count_of and extreme_eigenvalues.
ScaledSharpness scale_invariant_sharpness(const ObjectiveView& f, std::span<const double> w,
                                          const std::vector<IndexRange>& ranges,
                                          const LanczosOptions& options = {});

/// The Hessian of x -> L(||w_b|| x) on the unit sphere, at x = w_b / ||w_b||, on its tangent space:
///
///     P (r^2 H_bb) P - <w_b, g_b> P,    r = ||w_b||, P = I - x x^T,
///
/// where the second term comes from the sphere's curvature: along a great circle, x'' = -||x'||^2
/// x. For a scale-invariant loss it is 0. The operator has n - 1 coordinates, by the Householder
/// reflection that maps x to the first axis, so that the normal direction x adds no eigenvalue.
/// Costs one gradient now, and one product with H for each product.
/// Throws: as count_of, ValueError where w_b is 0, or has one weight alone (no tangent).
LinearOperator spherical_hessian(const ObjectiveView& f, std::span<const double> w,
                                 const std::vector<IndexRange>& ranges);

/// lambda_max of spherical_hessian: below 0 at a strict maximum. The spherical sharpness of Lyu,
/// Li, Arora 2022 (arXiv:2206.07085) is lambda_max of the whole Hessian at x. If the gradient is 0,
/// as at the minima they study, theirs is the larger of this one and 0. Otherwise the whole Hessian
/// includes the direction x, as H x = -g, and this one does not. A single weight: 0, without
/// products.
ScaledSharpness spherical_sharpness(const ObjectiveView& f, std::span<const double> w,
                                    const std::vector<IndexRange>& ranges,
                                    const LanczosOptions& options = {});

/// worst_case_sharpness, and with this prefix _gap, _loss, _iterations, _losses, _gradients and
/// _converged.
std::vector<MetricValue> values_of(const WorstCaseSharpness& sharpness);
/// average_case_sharpness, and with this prefix _standard_error, _loss, _pairs and _losses.
std::vector<MetricValue> values_of(const AverageCaseSharpness& sharpness);
/// scaled_sharpness, its residual, the weights' length, products, converged.
std::vector<MetricValue> values_of(const ScaledSharpness& sharpness);

}  // namespace libnorm
