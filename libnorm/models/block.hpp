#pragma once

#include <optional>
#include <string>

#include "libnorm/core/mirrored.hpp"
#include "libnorm/models/attention_layer.hpp"

namespace libnorm {

/// A residual branch f with its norms: before f, on f's output, and after the sum.
template <class T>
class Residual {
 public:
  /// Declares tensors `name`.* for the norm before f or after the sum, `name`_out.* with a
  /// sandwich, and `name`_scale.
  Residual(const BlockOptions& options, const std::string& name, ParameterList& parameters,
           ParameterList& running);

  /// The input of f: norm(x), or x.
  MatrixView<const T> enter(const Pass<T>& pass, RowSet set, const MatrixView<const T>& x);
  /// y, from x and f's output; kept until the next call.
  MatrixView<const T> leave(const Pass<T>& pass, RowSet set, const MatrixView<const T>& x,
                            const MatrixView<const T>& branch);

  /// From d_y: d_sum, the gradient of what is added up, in d_sum's memory or d_y's.
  MatrixView<const T> sum_backward(const MatrixView<const T>& d_y, const MatrixView<T>& d_sum,
                                   Pointer<T> gradient);
  /// From d_sum: the gradient of f's output, in scratch memory or d_sum's.
  MatrixView<const T> branch_backward(const MatrixView<const T>& d_sum, Pointer<T> gradient,
                                      BlockScratch<T>& scratch);
  /// d_sum becomes the part of d_x that bypasses f, for placements without a norm before f.
  void skip_backward(const MatrixView<T>& d_sum);

  /// Whether it is norm(x + f(x)) and nothing else.
  bool is_plain() const { return placement_ == Placement::post && !scale_ && !out_norm_; }
  /// Whether f is given norm(x), not x.
  bool enters() const { return libnorm::enters(placement_); }
  /// The norm before f, or after the sum.
  /// @{
  NormLayer<T>& norm() { return norm_; }
  const NormLayer<T>& norm() const { return norm_; }
  /// @}
  /// The result of the last leave().
  MatrixView<const T> output() const { return output_view_; }

 private:
  Placement placement_;
  /// DeepNorm's alpha, and alpha - 1, which added as a branch makes alpha d of d.
  Mirrored<T> alpha_, alpha_less_one_;
  NormLayer<T> norm_;
  std::optional<NormLayer<T>> out_norm_, scale_;
  Buffer<T> output_, deep_sum_;
  MatrixView<const T> output_view_;
};

/// One block: x = residual(x, attention), x = residual(x, ffn). It keeps what its backward pass
/// needs; weights, running values and gradients live in the model's flat vectors.
template <class T>
class Block {
 public:
  /// Declares the block's tensors under `name`.
  Block(const BlockOptions& options, const std::string& name, ParameterList& parameters,
        ParameterList& running);

  /// Output rows [N, C], kept until the next call.
  MatrixView<const T> forward(const Pass<T>& pass, const BlockInput<T>& input, RowSet set,
                              BlockScratch<T>& scratch);

  /// From d_output [N, C]: the gradients of the block's tensors, d_rows [N, C] and d_unique_rows
  /// [U, C]. If `rows` are their own unique rows (d_unique_rows empty), d_rows is the sum of both.
  void backward(const Pass<T>& pass, const BlockInput<T>& input, RowSet set,
                const MatrixView<const T>& d_output, Pointer<T> gradient,
                const MatrixView<T>& d_rows, const MatrixView<T>& d_unique_rows,
                BlockScratch<T>& scratch);

  /// The result of the last forward().
  MatrixView<const T> output() const { return residual2_.output(); }

  /// The norms of attention's residual and of the ffn's. These and the views below are the last
  /// pass's activations; Transformer::tap finds them by name.
  /// @{
  const NormLayer<T>& norm1() const { return residual1_.norm(); }
  const NormLayer<T>& norm2() const { return residual2_.norm(); }
  /// @}
  /// The heads' outputs [N, C].
  MatrixView<const T> attended() const { return attention_.attended(); }
  /// The output of attention's residual [N, C].
  MatrixView<const T> middle() const { return residual1_.output(); }
  /// The ffn's activations after GELU [N, hidden].
  MatrixView<const T> hidden() const { return hidden_view_; }

 private:
  BlockInput<T> enter_attention(const Pass<T>& pass, const BlockInput<T>& input, RowSet set);
  MatrixView<T> ffn_backward(const Pass<T>& pass, const MatrixView<const T>& d_output,
                             Pointer<T> gradient, BlockScratch<T>& scratch);
  void enter_backward(const BlockInput<T>& input, RowSet set, const MatrixView<const T>& d_skip,
                      const MatrixView<const T>& d_entered,
                      const MatrixView<const T>& d_entered_unique, Pointer<T> gradient,
                      const MatrixView<T>& d_rows, const MatrixView<T>& d_unique_rows,
                      BlockScratch<T>& scratch);

  BlockOptions options_;
  AttentionLayer<T> attention_;
  Residual<T> residual1_;
  /// The same norm for the prediction positions, if keys are of other rows.
  std::optional<NormLayer<T>> norm1_of_rows_;
  Index weight1_ = 0, ffn_bias1_ = 0, weight2_ = 0, ffn_bias2_ = 0;
  Residual<T> residual2_;
  BlockInput<T> entered_;
  MatrixView<const T> entered2_, hidden_view_;
  Buffer<T> hidden_, slope_;
};

}  // namespace libnorm
