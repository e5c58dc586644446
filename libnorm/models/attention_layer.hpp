#pragma once

#include <string>

#include "libnorm/core/launch.hpp"
#include "libnorm/models/norm_layer.hpp"
#include "libnorm/models/normalization.hpp"
#include "libnorm/models/products.hpp"

namespace libnorm {

/// Sizes of a block, and the number of blocks in its model.
struct BlockOptions {
  /// C, the width of the ffn, H (which divides C), and the number of blocks.
  /// @{
  Index channels, hidden, heads, blocks;
  /// @}
  /// Norms and their places, the same in every block.
  Normalization normalization;
};

/// A block's input: its rows [N, C] (all rows of the batch, or the prediction positions'), and the
/// unique-token rows [U, C] that keys and values are computed from. The gather map sends row r of
/// the batch to unique row gather[r] (null: r itself).
template <class T>
struct BlockInput {
  /// [N, C]
  MatrixView<const T> rows;
  /// [U, C]; the same memory as `rows` if those are unique.
  MatrixView<const T> unique_rows;
  /// [R], the gather map, or null.
  const std::int32_t* gather = nullptr;
  /// U groups: the batch's rows that gather each unique row.
  Groups gathered_by;
};

/// Scratch memory, which the blocks share as they run one after the other, and the products of the
/// model.
template <class T>
struct BlockScratch {
  /// Computes all matrix products of the model.
  Products<T> products;
  /// A branch's output, and gradients: d_NAME is the gradient by NAME.
  /// @{
  Buffer<T> branch, d_share, d_hidden, d_sum2, d_attended, d_projected, d_unique_projected,
      d_branch, d_out, d_entered, d_entered_unique, d_middle, d_through;
  /// @}
};

/// Self-attention with its projections: branch = W_out attention(W_in x) + bias.
template <class T>
class AttentionLayer {
 public:
  /// Declares `name`attention.in_proj and out_proj, with the norms of queries and keys.
  AttentionLayer(const BlockOptions& options, const std::string& name, ParameterList& parameters,
                 ParameterList& running);

  /// Multiplies the first values of the weights of values and of the output projection by `factor`.
  void scale_initial(ParameterList& parameters, double factor) const {
    parameters.scale_initial(in_weight_, 2 * channels_, factor);
    parameters.scale_initial(out_weight_, 0, factor);
  }

  /// Computes branch [N, C].
  void forward(const Pass<T>& pass, const BlockInput<T>& input, RowSet set,
               BlockScratch<T>& scratch, const MatrixView<T>& branch);

  /// From d_branch: the gradients of the layer's tensors, d_rows [N, C] and d_unique_rows [U, C].
  /// If `rows` are their own unique rows (d_unique_rows empty), d_rows is the sum of both.
  /// `output`: whether d_rows is overwritten or added to.
  void backward(const Pass<T>& pass, const BlockInput<T>& input, RowSet set,
                const MatrixView<const T>& d_branch, Pointer<T> gradient,
                const MatrixView<T>& d_rows, Output output, const MatrixView<T>& d_unique_rows,
                BlockScratch<T>& scratch);

  /// The heads' outputs of the last pass [N, C].
  MatrixView<const T> attended() const { return attended_view_; }

 private:
  void attend(const Pass<T>& pass, const BlockInput<T>& input, RowSet set,
              BlockScratch<T>& scratch);
  void norm_queries_and_keys(const Pass<T>& pass, const MatrixView<T>& queries,
                             const MatrixView<T>& keys);
  void norms_backward(const MatrixView<T>& d_queries, const MatrixView<T>& d_keys,
                      Pointer<T> gradient);
  void prediction_backward(const Pass<T>& pass, const BlockInput<T>& input,
                           const MatrixView<const T>& d_attended, Pointer<T> gradient,
                           const MatrixView<T>& d_rows, Output output,
                           const MatrixView<T>& d_unique_rows, BlockScratch<T>& scratch);

  Index channels_, heads_;
  bool has_norms_;
  Index in_weight_ = 0, in_bias_ = 0, out_weight_ = 0, out_bias_ = 0;
  NormLayer<T> query_norm_, key_norm_;
  Buffer<T> projected_, unique_projected_, share_, attended_;
  MatrixView<const T> attended_view_;
};

/// d_weight = d_y^T x and d_bias = column sums of d_y, once the rows of both are there
/// (after_rows).
template <class T>
void weight_gradient(Products<T>& products, const MatrixView<const T>& d_y,
                     const MatrixView<const T>& x, Pointer<T> d_weight, Pointer<T> d_bias) {
  after_rows([&] {
    products.multiply(transposed(d_y), plain(x), MatrixView<T>(d_weight, d_y.cols, x.cols));
    sum_columns<T>(d_y, d_bias);
  });
}

/// Numbers of a flat vector as a matrix.
template <class T>
MatrixView<const T> weight_matrix(Pointer<const T> data, Index rows, Index cols) {
  return {data, rows, cols};
}

}  // namespace libnorm
