#pragma once

#include <string>

#include "libnorm/data/batch_view.hpp"
#include "libnorm/models/parameters.hpp"
#include "libnorm/norms/norm.hpp"
#include "libnorm/ops/gemm.hpp"

namespace libnorm {

/// Rows that a block computes: all of them, or those of the prediction positions.
enum class RowSet { all, prediction };

/// The inputs of a pass through a model, beside its rows.
template <class T>
struct Pass {
  /// The batch; it outlives the pass.
  const BatchView& batch;
  /// Whether norms use the batch's statistics or the running ones.
  Phase phase;
  /// All weights of the model, flat, on the model's device.
  Pointer<const T> weights;
  /// Running statistics. Null if there are none, or if training is not to update them.
  Pointer<T> running;
};

/// A norm as a layer: it declares its tensors in the model's lists and saves what its backward pass
/// needs.
template <class T>
class NormLayer {
 public:
  NormLayer() = default;
  /// Declares `name`gain, bias, the stabilizer parameters, running_mean and running_var.
  /// Throws: as Norm::checked_groups and check_numbers.
  NormLayer(const Norm& norm, Index channels, const std::string& name, ParameterList& parameters,
            ParameterList& running);

  /// norm(input + branch), an empty branch being 0; kept until the next call.
  MatrixView<const T> forward(const Pass<T>& pass, RowSet set, const MatrixView<const T>& input,
                              const MatrixView<const T>& branch = {});
  /// The same in place, for norms of rows; the rows must not change until the backward pass.
  void forward_in_place(const Pass<T>& pass, const MatrixView<T>& rows);

  /// d_input from d_output; it is the branch's gradient too, and may be d_output for norms of rows.
  /// The norm's part of `gradient` is overwritten, or added to.
  void backward(const MatrixView<const T>& d_output, const MatrixView<T>& d_input,
                Pointer<T> gradient, Output output = Output::overwrite);

  /// Results of the last pass: the stabilizer's output, and that of the affine part.
  /// @{
  MatrixView<const T> stabilized() const { return arrays_.stabilized; }
  MatrixView<const T> output() const { return arrays_.output; }
  /// @}

 private:
  void run(const Pass<T>& pass, RowSet set, const MatrixView<const T>& input,
           const MatrixView<const T>& branch, const MatrixView<T>& output);

  Norm norm_;
  Index channels_ = 0, shape_count_ = 0;
  Index gain_ = 0, bias_ = 0, shape_ = 0, mean_ = 0, variance_ = 0;
  Buffer<T> output_, stabilized_, saved_, scale_, addends_;
  NormArrays<T> arrays_;
};

}  // namespace libnorm
