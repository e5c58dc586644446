#pragma once

#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "libnorm/core/tensor.hpp"
#include "libnorm/norms/identity.hpp"
#include "libnorm/norms/sphere.hpp"
#include "libnorm/norms/standardize_columns.hpp"
#include "libnorm/norms/standardize_rows.hpp"

namespace libnorm {

/// The half of a norm that has no parameters.
using Stabilizer = std::variant<Identity, Sphere, StandardizeRows, StandardizeColumns>;

/// The half of a norm that is learned: y = gain z + bias, a number each for every channel.
enum class Affine { none, gain_and_bias };

/// The paper's hypothesis as a type: a norm is a stabilizer followed by an affine part.
struct Norm {
  Stabilizer stabilizer;
  Affine affine = Affine::none;

  /// Whether its statistics take in every row, so that no row can be left out of a training step.
  bool mixes_rows() const { return std::holds_alternative<StandardizeColumns>(stabilizer); }
  /// Whether it keeps running statistics.
  bool has_running() const { return mixes_rows(); }
};

/// A norm under the name that it was published with.
struct NamedNorm {
  std::string_view name;
  Norm norm;
  std::string_view equation;
};

/// All names: the catalogue of mechanisms.
const std::vector<NamedNorm>& named_norms();

/// Throws: ValueError for an unknown name, with the known ones.
const NamedNorm& find_norm(std::string_view name);

/// Whose statistics a norm takes: the batch's, or the running ones.
enum class Phase { training, evaluation };

/// The arrays of one norm, N rows by C channels.
template <class T>
struct NormArrays {
  MatrixView<const T> input;
  /// Added to the input first (the branch of a residual block), or empty.
  MatrixView<const T> branch;
  /// [N] how many positions a row stands for, or null for one each.
  const float* count = nullptr;
  /// Sum of the counts.
  Index positions = 0;
  /// [C] or null where the norm has no affine part.
  const T* gain = nullptr;
  const T* bias = nullptr;
  MatrixView<T> output;
  /// The stabilizer's output, kept for the backward pass. May be `output` without an affine part.
  MatrixView<T> stabilized;
  /// [max(N, 4C)] kept for the backward pass.
  T* scale = nullptr;
  /// [C] each, of norms with running statistics: read in evaluation, updated in training.
  T* running_mean = nullptr;
  T* running_variance = nullptr;
};

/// output = affine(stabilizer(input + branch)).
/// Order: sums over a row in the one order; sums over rows in shards.
/// Throws: ShapeError, ValueError for training statistics of fewer than two positions.
template <class T>
void norm_forward(const Norm& norm, Phase phase, const NormArrays<T>& arrays);

/// d_input from d_output, after a forward pass in training; d_gain and d_bias [C] are overwritten.
/// d_input is also the gradient of the branch. It must not be d_output.
template <class T>
void norm_backward(const Norm& norm, const NormArrays<T>& arrays,
                   const MatrixView<const T>& d_output, const MatrixView<T>& d_input, T* d_gain,
                   T* d_bias);

}  // namespace libnorm
