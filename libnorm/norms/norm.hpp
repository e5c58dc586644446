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

/// The half of a norm that is not learned, but for the shape of a pointwise one.
using Stabilizer = std::variant<Identity, Sphere, Rms, StandardizeRows, CentreRows,
                                StandardizeColumns, PowerColumns, StandardizeInstances, DynamicTanh,
                                DynamicErf, DynamicIsru, CustomRows>;

/// Whose statistics a norm takes: the batch's, or the running ones.
enum class Phase { training, evaluation };

/// What a gain's first value counts in.
enum class GainUnit { one, sqrt_channels };

/// The paper's hypothesis as a type: a norm is a stabilizer followed by an affine part.
struct Norm {
  /// Comes first.
  Stabilizer stabilizer;
  /// Comes second, on what the stabilizer gives.
  Affine affine = Affine::none;
  /// Groups of channels that a stabilizer of rows or instances takes one by one; 0: as many as
  /// there are channels.
  Index groups = 1;
  /// First value of the gain.
  double initial_gain = 1;
  /// What `initial_gain` is multiplied by.
  GainUnit gain_unit = GainUnit::one;

  /// That of the stabilizer.
  Family family() const;
  /// Whether its statistics take in rows that are not read out, so that none can be left out.
  bool mixes_rows(Phase phase) const;
  /// Whether it keeps running statistics; and whether there is a running mean among them.
  /// @{
  bool has_running() const { return family() == Family::column; }
  bool has_running_mean() const;
  /// @}
  /// The learned numbers that shape a pointwise stabilizer.
  std::vector<StabilizerParameter> shape_numbers(Index channels) const;
  /// Groups for so many channels. Throws: ValueError where they do not divide the channels, or the
  /// stabilizer has no groups.
  Index checked_groups(Index channels) const;
};

/// The arrays of one norm, N rows by C channels.
template <class T>
struct NormArrays {
  /// [N, C]
  MatrixView<const T> input;
  /// Added to the input first (the branch of a residual block), or empty.
  MatrixView<const T> branch;
  /// [N] how many positions a row stands for, or null for one each.
  const float* count = nullptr;
  /// Sum of the counts.
  Index positions = 0;
  /// [instances + 1] sequence b is rows first[b] .. first[b + 1] - 1: for stabilizers of instances.
  const Index* first = nullptr;
  /// B; asked for by stabilizers of instances alone.
  Index instances = 0;
  /// [C] ([1] for a scalar gain), or null where the affine part has none.
  /// @{
  Pointer<const T> gain = nullptr;
  Pointer<const T> bias = nullptr;
  /// @}
  /// The numbers that shape a pointwise stabilizer, or null.
  Pointer<const T> shape = nullptr;
  /// [N, C]
  MatrixView<T> output;
  /// The stabilizer's output, kept for the backward pass. May be `output` without an affine part.
  MatrixView<T> stabilized;
  /// input + branch, kept for the backward pass of pointwise stabilizers; else empty.
  MatrixView<T> saved;
  /// [norm_scale_size] kept for the backward pass.
  Pointer<T> scale = nullptr;
  /// [C] each, of norms with running statistics: read in evaluation, updated in training, where
  /// both may be null to keep them as they are. No mean where nothing is centred.
  /// @{
  Pointer<T> running_mean = nullptr;
  Pointer<T> running_variance = nullptr;
  /// @}
};

/// Throws: ValueError unless each number of the norm is in its domain as a T, which computes with
/// it: epsilon and floor 0 or above (what is too small for a T is not 0), momentum within 0 .. 1,
/// first values finite.
template <class T>
void check_numbers(const Norm& norm);

/// Numbers that a norm's `scale` holds.
Index norm_scale_size(const Norm& norm, Index rows, Index channels, Index instances);

/// output = affine(stabilizer(input + branch)).
/// Order: sums over a row in the one order; sums over rows in shards.
/// Finite input gives finite output where mathematics does: what a stabilizer takes together (a
/// row, a channel) is brought near 1 first, where its squares are outside the range of T. Where it
/// would divide 0 by 0, without epsilon, the output is 0; so is a channel whose running variance is
/// 0, without epsilon. A NaN stays one. Of no rows nothing is made.
/// The output may stand where the input does; the stabilizer's, of a norm of rows, may not.
/// Throws: ShapeError, ValueError as check_numbers, for too few positions in training (a variance
/// takes two) or no running statistics in evaluation, BackendError for a stabilizer of one's own on
/// a GPU.
template <class T>
void norm_forward(const Norm& norm, Phase phase, const NormArrays<T>& arrays);

/// What a backward pass writes beside d_input: overwritten, null where the norm has none. Sizes as
/// of the numbers they belong to.
template <class T>
struct NormGradients {
  /// By the numbers of this name.
  /// @{
  Pointer<T> gain = nullptr;
  Pointer<T> bias = nullptr;
  Pointer<T> shape = nullptr;
  /// @}
};

/// d_input from d_output, after a forward pass in training. d_input is also the gradient of the
/// branch. It must not be d_output, but for stabilizers of rows.
template <class T>
void norm_backward(const Norm& norm, const NormArrays<T>& arrays,
                   const MatrixView<const T>& d_output, const MatrixView<T>& d_input,
                   const NormGradients<T>& gradients);

}  // namespace libnorm
