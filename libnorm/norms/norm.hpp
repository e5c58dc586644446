#pragma once

#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "libnorm/core/tensor.hpp"
#include "libnorm/norms/affine.hpp"
#include "libnorm/norms/centre_rows.hpp"
#include "libnorm/norms/custom_rows.hpp"
#include "libnorm/norms/dynamic_erf.hpp"
#include "libnorm/norms/dynamic_isru.hpp"
#include "libnorm/norms/dynamic_tanh.hpp"
#include "libnorm/norms/identity.hpp"
#include "libnorm/norms/power_columns.hpp"
#include "libnorm/norms/rms.hpp"
#include "libnorm/norms/sphere.hpp"
#include "libnorm/norms/standardize_columns.hpp"
#include "libnorm/norms/standardize_instances.hpp"
#include "libnorm/norms/standardize_rows.hpp"

namespace libnorm {

/// The half of a norm that is not learned, except for the parameters of pointwise ones.
using Stabilizer = std::variant<Identity, Sphere, Rms, StandardizeRows, CentreRows,
                                StandardizeColumns, PowerColumns, StandardizeInstances, DynamicTanh,
                                DynamicErf, DynamicIsru, CustomRows>;

/// Which statistics a norm uses: the batch's in training, the running ones in evaluation.
enum class Phase { training, evaluation };

/// The unit of a gain's first value.
enum class GainUnit { one, sqrt_channels };

/// The paper's hypothesis as a type: a norm is a stabilizer followed by an affine part.
struct Norm {
  /// Applied to the input.
  Stabilizer stabilizer;
  /// Applied to the stabilizer's output.
  Affine affine = Affine::none;
  /// Groups of channels, each normalized separately by a stabilizer of rows or instances; 0: as
  /// many groups as channels.
  Index groups = 1;
  /// First value of the gain.
  double initial_gain = 1;
  /// Multiplies `initial_gain`.
  GainUnit gain_unit = GainUnit::one;

  /// The stabilizer's family.
  Family family() const;
  /// Whether an output row depends on other rows, so that the model must compute all of them.
  bool mixes_rows(Phase phase) const;
  /// Whether it keeps running statistics, and whether a running mean is among them.
  /// @{
  bool has_running() const { return family() == Family::column; }
  bool has_running_mean() const;
  /// @}
  /// The stabilizer parameters; only pointwise stabilizers have any.
  std::vector<StabilizerParameter> stabilizer_parameters(Index channels) const;
  /// The number of groups for `channels`. Throws: ValueError if it does not divide the channels or
  /// the stabilizer takes no groups.
  Index checked_groups(Index channels) const;
};

/// The arrays of one norm, N rows by C channels.
template <class T>
struct NormArrays {
  /// [N, C]
  MatrixView<const T> input;
  /// Added to the input first (the branch of a residual block), or empty.
  MatrixView<const T> branch;
  /// [N] the number of positions that a row represents, or null for one each.
  const float* count = nullptr;
  /// Sum of the counts.
  Index positions = 0;
  /// [instances + 1] sequence b is rows first[b] .. first[b + 1] - 1: for stabilizers of instances.
  const Index* first = nullptr;
  /// B; needed by stabilizers of instances only.
  Index instances = 0;
  /// [C] ([1] for a scalar gain), or null if the affine part has none.
  /// @{
  Pointer<const T> gain = nullptr;
  Pointer<const T> bias = nullptr;
  /// @}
  /// The stabilizer parameters, or null.
  Pointer<const T> shape = nullptr;
  /// [N, C]
  MatrixView<T> output;
  /// The stabilizer's output, kept for the backward pass. May be `output` without an affine part.
  MatrixView<T> stabilized;
  /// input + branch, kept for the backward pass of pointwise stabilizers; else empty.
  MatrixView<T> saved;
  /// [norm_scale_size] kept for the backward pass.
  Pointer<T> scale = nullptr;
  /// [C] each, for norms with running statistics: read in evaluation, updated in training, where
  /// both may be null to skip the update. No mean for stabilizers that do not centre.
  /// @{
  Pointer<T> running_mean = nullptr;
  Pointer<T> running_variance = nullptr;
  /// @}
};

/// Throws: ValueError unless each number of the norm is in its domain as a T: epsilon and floor >=
/// 0 (and not rounded to 0), momentum within 0 .. 1, first values finite.
template <class T>
void check_numbers(const Norm& norm);

/// The size of NormArrays::scale.
Index norm_scale_size(const Norm& norm, Index rows, Index channels, Index instances);

/// output = affine(stabilizer(input + branch)).
/// Order: sums over a row in the one order; sums over rows in shards.
/// Finite input gives finite output wherever the formula does: a row or channel whose squares are
/// outside the range of T is first scaled near 1 by a power of two. Without epsilon, 0 / 0 gives 0,
/// and so does a channel whose running variance is 0. NaN stays NaN. No rows: no work.
/// `output` may alias `input`; `stabilized` of a norm of rows may not.
/// Throws: ShapeError, ValueError as check_numbers, for too few positions in training (a variance
/// takes two) or no running statistics in evaluation, BackendError for custom rows on a GPU.
template <class T>
void norm_forward(const Norm& norm, Phase phase, const NormArrays<T>& arrays);

/// Gradients that a backward pass overwrites beside d_input; null if the norm has no such numbers.
/// Each has the size of its numbers in NormArrays.
template <class T>
struct NormGradients {
  /// Gradients by the members of NormArrays of the same name.
  /// @{
  Pointer<T> gain = nullptr;
  Pointer<T> bias = nullptr;
  Pointer<T> shape = nullptr;
  /// @}
};

/// d_input from d_output, after a forward pass in training. d_input is also the branch's gradient.
/// It may alias d_output only for stabilizers of rows.
template <class T>
void norm_backward(const Norm& norm, const NormArrays<T>& arrays,
                   const MatrixView<const T>& d_output, const MatrixView<T>& d_input,
                   const NormGradients<T>& gradients);

}  // namespace libnorm
