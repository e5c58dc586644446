#pragma once

#include <functional>
#include <vector>

#include "libnorm/core/rng.hpp"
#include "libnorm/models/parameters.hpp"

namespace libnorm {

/// A loss along a line or walk through weight space.
struct LossSlice {
  /// Positions along the direction; the steps of an accumulated walk.
  std::vector<double> alpha;
  /// The loss, in nats.
  std::vector<double> loss;
};

/// `points` numbers from `low` to `high`, evenly spaced, both ends included.
/// Throws: ValueError unless points >= 2, low < high, and high - low is finite.
std::vector<double> even_grid(double low, double high, Index points);

/// A direction drawn N(0, 1) over all parameters, scaled to norm 1.
template <class T>
std::vector<T> unit_direction(const Random& random, Index size);

/// A direction drawn N(0, 1), each filter scaled to the norm of its weights, so that rescaling a
/// layer does not change the slice. A filter is a row of a matrix: the weights of one
/// output, or one token's embedding. Vectors (gains and biases) get 0.
/// Source: Li et al. 2018 (arXiv:1712.09913), their policy for biases and norms included.
template <class T>
std::vector<T> filter_normalized_direction(const Random& random, const ParameterList& parameters,
                                           const std::vector<T>& weights);

/// Whether displacements are restored or add up.
enum class Walk {
  /// loss(w + alpha_i d): a slice.
  restored,
  /// loss(w + (alpha_0 + ... + alpha_i) d): as in the notebooks of the paper's Experiments 2 and 3,
  /// which do not restore the weights.
  accumulated,
};

/// The loss at each point; `weights` change during the call and are restored.
template <class T>
LossSlice slice_loss(std::vector<T>& weights, const std::vector<T>& direction,
                     const std::vector<double>& alpha, Walk walk,
                     const std::function<double()>& loss);

}  // namespace libnorm
