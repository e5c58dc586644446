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

/// How far a loss rises within a ball: a lower bound of the largest rise, as any point is.
struct WorstCaseSharpness {
  /// L(w + d) - L(w), in the unit of the loss.
  double value = 0;
  /// L(w)
  double loss = 0;
  /// The ball's.
  double radius = 0;
  /// d [n]
  std::vector<double> displacement;
  /// max over the ball of <g, e - d>, g the gradient at w + d: 0 where d is stationary. What a
  /// straight loss would still rise; a bound of what is missing if the loss is concave, none if
  /// not.
  double gap = 0;
  /// Steps taken from all starts; evaluations of loss and gradient.
  /// @{
  Index iterations = 0, losses = 0, gradients = 0;
  /// @}
  /// Whether gap <= tolerance times max over the ball of <g, e>: stationary, which is not yet the
  /// largest.
  bool converged = false;
};

/// SAM's one step: the rise at d = radius t^2 g / ||t g||, g the gradient at w, which is where a
/// straight loss rises most. Not improved on, so below 0 where the ball is too large for one step;
/// 0 with d = 0 where g is 0. Two losses, two gradients (the second for the gap).
/// Throws: ValueError for a ball that does not fit, or a loss or gradient that is not finite.
/// Source: Foret et al. 2021 (arXiv:2010.01412), equation 2; with a shape, Kwon et al. 2021.
WorstCaseSharpness first_order_sharpness(const ObjectiveView& f, std::span<const double> w,
                                         const Ball& ball);

/// How long, from where and how far the ascent goes.
struct AscentOptions {
  /// Steps from each start.
  Index iterations = 100;
  /// Of the gap.
  double tolerance = 1e-6;
  /// Starts at random places of the sphere, beside the one at w. Where g is 0 at w, one is added.
  Index random_starts = 0;
  /// Of the random starts.
  std::uint64_t seed = 0;
};

/// The largest rise that an ascent finds: d goes to radius t^2 g / ||t g||, g the gradient at
/// w + d, or as far on the way there (halved up to 30 times) as the loss rises; until the gap is
/// small, or no step rises. It never falls, so it is first_order_sharpness at least where that is
/// above 0; for a convex loss full steps always rise, and at a minimum of a quadratic they are
/// power iteration, to radius^2 lambda_max / 2. The best of all starts; d = 0 counts as one. Order:
/// along the axis; same bits everywhere if f's are. Throws: as first_order_sharpness, ValueError
/// for options outside their domain. Source: Frank, Wolfe 1956; what SAM's inner problem asks.
WorstCaseSharpness worst_case_sharpness(const ObjectiveView& f, std::span<const double> w,
                                        const Ball& ball, const AscentOptions& options = {});

/// Where displacements are drawn.
enum class Region { sphere, ball };

/// How many pairs of displacements, and where they are drawn.
struct AverageOptions {
  /// Displacements d, each with its -d; 2 or more.
  Index pairs = 100;
  /// On the sphere of the radius, or in its ball.
  Region region = Region::sphere;
  /// Of the displacements.
  std::uint64_t seed = 0;
};

/// The mean rise over random displacements.
struct AverageCaseSharpness {
  /// In the unit of the loss.
  double value = 0;
  /// Over the pairs.
  double standard_error = 0;
  /// L(w)
  double loss = 0;
  /// The ball's.
  double radius = 0;
  /// Pairs drawn, and evaluations of the loss: two each, and that at w.
  /// @{
  Index pairs = 0, losses = 0;
  /// @}
};

/// Mean of (L(w + d) + L(w - d)) / 2 - L(w), d = t z, z uniform on the sphere of the radius or in
/// its ball: pairs, so that a slope cancels exactly. Of a quadratic: radius^2 tr(T H T) / (2 n) on
/// the sphere, / (2 (n + 2)) in the ball, T = diag(t). One sample of a pair, standard error over
/// them. Order: along the axis; same bits everywhere if f's are.
/// Throws: as first_order_sharpness, ValueError for fewer than 2 pairs.
AverageCaseSharpness average_case_sharpness(const ObjectiveView& f, std::span<const double> w,
                                            const Ball& ball, const AverageOptions& options = {});

/// An eigenvalue in the measure of the weights, with its certificate.
struct ScaledSharpness {
  /// In the unit of the loss.
  double value = 0;
  /// ||A v - l v||, as value is scaled.
  double residual = 0;
  /// ||w|| over the weights it is taken of.
  double weight_length = 0;
  /// The eigenvalue that it comes from.
  Eigenvalues eigenvalues;
};

/// lambda_max(H_bb) ||w_b||^2, b the weights at the ranges, all others held. Where the loss does
/// not change as w_b is rescaled (weights that feed LayerNorm, BatchNorm), neither does this, while
/// lambda_max goes by the inverse square. w_b = 0: 0.
/// Throws: as count_of and extreme_eigenvalues.
ScaledSharpness scale_invariant_sharpness(const ObjectiveView& f, std::span<const double> w,
                                          const std::vector<IndexRange>& ranges,
                                          const LanczosOptions& options = {});

/// The Hessian of x -> L(||w_b|| x) on the unit sphere, at x = w_b / ||w_b||, on its tangent space:
///
///     P (r^2 H_bb) P - <w_b, g_b> P,    r = ||w_b||, P = I - x x^T,
///
/// the second term from the sphere's curving away under a slope: along a great circle,
/// x'' = -||x'||^2 x. For a scale-invariant loss that term is 0. In n - 1 coordinates, by the
/// Householder reflection that takes x to the first axis: the direction x itself, in which there is
/// no sphere, adds no eigenvalue. One gradient now, one product of H a product.
/// Throws: as count_of, ValueError where w_b is 0, or has one weight alone (no tangent).
LinearOperator spherical_hessian(const ObjectiveView& f, std::span<const double> w,
                                 const std::vector<IndexRange>& ranges);

/// lambda_max of spherical_hessian: below 0 at a strict maximum. The spherical sharpness of Lyu,
/// Li, Arora 2022 (arXiv:2206.07085) is lambda_max of the whole Hessian at x; where the gradient is
/// 0, as at the minima they study, theirs is this one or 0, the larger. Elsewhere the whole Hessian
/// mixes in the direction x, as H x = -g, and this does not. One weight alone: 0, without products.
ScaledSharpness spherical_sharpness(const ObjectiveView& f, std::span<const double> w,
                                    const std::vector<IndexRange>& ranges,
                                    const LanczosOptions& options = {});

/// rise, rise_gap, rise_loss, rise_iterations, rise_losses, rise_gradients, rise_converged.
std::vector<MetricValue> values_of(const WorstCaseSharpness& rise);
/// average_case_sharpness, its standard error, loss, pairs and losses.
std::vector<MetricValue> values_of(const AverageCaseSharpness& rise);
/// scaled_sharpness, its residual, the weights' length, products, converged.
std::vector<MetricValue> values_of(const ScaledSharpness& sharpness);

}  // namespace libnorm
