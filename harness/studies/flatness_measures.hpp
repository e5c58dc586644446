#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "libnorm/data/batch.hpp"
#include "libnorm/models/transformer.hpp"
#include "libnorm/optim/adam.hpp"

// What the words flat and sharp can mean, and which of them are properties of the function.

namespace harness {

/// A trained model with the second moments of its Adam.
struct CurvatureInput {
  libnorm::Transformer<float>& model;
  const libnorm::Batch& batch;
  const std::vector<float>& second_moment;
  /// Steps that made the moments; 0 of an untrained network.
  libnorm::Index steps = 0;
  libnorm::AdamOptions adam;
};

/// Curvature of the mean loss over one batch in training, at the trained weights w, by exact
/// products with its Hessian H:
///
///     lambda_1 .. lambda_5   the largest eigenvalues of H; residual: the largest ||H v - l v||
///     lambda_lowest          the smallest eigenvalue of H
///     trace, trace_error     of H by 60 products (Hutchinson), and its standard error
///     adam_lambda            the largest eigenvalue of P^-1/2 H P^-1/2,
///                            P = diag(sqrt(v / (1 - beta2^t)) + epsilon) of Adam's second moments
///                            v
///     adam_edge              adam_lambda over (2 + 2 beta1) / ((1 - beta1) rate), which is
///                            38 / rate for 0.9: 1 at the edge of stability (Cohen et al. 2022,
///                            arXiv:2207.14484); the rate is the last step's
///     adaptive_worst_case    the highest rise found within ||d / |w||| <= 0.5, element by element
///                            (Kwon et al. 2021, their radius, with a floor of 0), by 20 steps
///     adaptive_gap           how far a linear loss could still rise there
///     converged              1 where all eigenvalues have converged to 1e-6 of ||H||
///
/// An untrained network has no adam_lambda and adam_edge.
std::map<std::string, double> curvature_numbers(const CurvatureInput& of);

/// A change of the weights that leaves the model's function as it is. With a factor that is a power
/// of two it leaves every bit of every activation behind it.
enum class Rescaling {
  /// Values times the factor, the output projection's weights over it.
  values_outputs,
  /// Queries times the factor, keys over it.
  queries_keys,
  /// Gain and bias of the norm before the head times the factor, the head's weights over it.
  gain_head,
};

/// `values_outputs`, ...
std::string_view rescaling_name(Rescaling rescaling);

/// Rescales the weights of every block, and second moments as those of the rescaled weights'
/// gradients would be: times the inverse square.
/// Returns: false, and nothing changes, where the model has no such weights.
bool rescale(Rescaling rescaling, float factor, const libnorm::Transformer<float>& model,
             std::vector<float>& weights, std::vector<float>& second_moment);

/// The gains and biases of a model's norms.
std::vector<libnorm::Parameter> affine_parameters(const libnorm::Transformer<float>& model);

}  // namespace harness
