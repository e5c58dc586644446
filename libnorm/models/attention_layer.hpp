#pragma once

#include <string>

#include "libnorm/models/norm_layer.hpp"
#include "libnorm/models/normalization.hpp"
#include "libnorm/models/products.hpp"

namespace libnorm {

/// Sizes of a block, and how many there are in its model.
struct BlockOptions {
  /// C, the width of the ffn, H (which divides C), and the blocks of the model.
  /// @{
  Index channels, hidden, heads, blocks;
  /// @}
  /// The same in every block.
  Normalization normalization;
};

/// What a block is given: its rows [N, C] (all rows of the batch, or the read-out ones), and the
/// table [U, C] that keys and values are made from. table_row[r] is the row of the table that row r
/// of the batch uses, null if it is r; users tells which rows use each row of the table.
template <class T>
struct BlockInput {
  /// [N, C]
  MatrixView<const T> rows;
  /// [U, C]; the same memory as `rows` where those are their own table.
  MatrixView<const T> table;
  /// [R], or null.
  const std::int32_t* table_row = nullptr;
  /// U groups of rows of the batch.
  Groups users;
};

/// Memory for what no pass keeps: blocks work one after the other and share it. With it go the
/// products of the model.
template <class T>
struct BlockScratch {
  /// All products of the model go through it.
  Products<T> products;
  /// What a branch adds, and the gradients by what the names behind d_ say.
  /// @{
  Buffer<T> branch, d_share, d_hidden, d_sum2, d_attended, d_projected, d_table_projected, d_branch,
      d_out, d_entered, d_entered_table;
  /// @}
};

/// Self-attention with its projections: branch = W_out attention(W_in x) + bias.
template <class T>
class AttentionLayer {
 public:
  /// Declares `name`attention.in_proj and out_proj, with the norms of queries and keys.
  AttentionLayer(const BlockOptions& options, const std::string& name, ParameterList& parameters,
                 ParameterList& running);

  /// Multiplies the first values of what makes the branch (values, and the projection behind) by
  /// `factor`.
  void scale_initial(ParameterList& parameters, double factor) const {
    parameters.scale_initial(in_weight_, 2 * channels_, factor);
    parameters.scale_initial(out_weight_, 0, factor);
  }

  /// branch [N, C].
  void forward(const Pass<T>& pass, const BlockInput<T>& input, RowSet set,
               BlockScratch<T>& scratch, const MatrixView<T>& branch);

  /// From d_branch: the gradients of the layer's tensors, d_rows [N, C] and d_table [U, C]. Where
  /// the table is the rows themselves (d_table empty), d_rows takes in both. What becomes of the
  /// numbers in d_rows is `output`.
  void backward(const Pass<T>& pass, const BlockInput<T>& input, RowSet set,
                const MatrixView<const T>& d_branch, Pointer<T> gradient,
                const MatrixView<T>& d_rows, Output output, const MatrixView<T>& d_table,
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
  void readout_backward(const Pass<T>& pass, const BlockInput<T>& input,
                        const MatrixView<const T>& d_attended, Pointer<T> gradient,
                        const MatrixView<T>& d_rows, Output output, const MatrixView<T>& d_table,
                        BlockScratch<T>& scratch);

  Index channels_, heads_;
  bool has_norms_;
  Index in_weight_ = 0, in_bias_ = 0, out_weight_ = 0, out_bias_ = 0;
  NormLayer<T> query_norm_, key_norm_;
  Buffer<T> projected_, table_projected_, share_, attended_;
  MatrixView<const T> attended_view_;
};

/// d_weight = d_y^T x and d_bias = column sums of d_y.
template <class T>
void weight_gradient(Products<T>& products, const MatrixView<const T>& d_y,
                     const MatrixView<const T>& x, Pointer<T> d_weight, Pointer<T> d_bias) {
  products.multiply(transposed(d_y), plain(x), MatrixView<T>(d_weight, d_y.cols, x.cols));
  sum_columns<T>(d_y, d_bias);
}

/// Numbers of a flat vector as a matrix.
template <class T>
MatrixView<const T> weight_matrix(Pointer<const T> data, Index rows, Index cols) {
  return {data, rows, cols};
}

}  // namespace libnorm
