#pragma once

#include <string>

#include "libnorm/data/batch.hpp"
#include "libnorm/models/parameters.hpp"
#include "libnorm/norms/norm.hpp"

namespace libnorm {

/// Rows that a block computes: all of them, or those that are read out.
enum class RowSet { all, readout };

/// Sizes of a block.
struct BlockOptions {
  Index channels, hidden, heads;
  Norm norm;
};

/// What a block is given: its rows [N, C] (all rows of the batch, or the read-out ones), and the
/// table [U, C] that keys and values are made from. table_row[r] is the row of the table that row r
/// of the batch uses, null if it is r; users tells which rows use each row of the table.
template <class T>
struct BlockInput {
  MatrixView<const T> rows;
  MatrixView<const T> table;
  const std::int32_t* table_row = nullptr;
  Groups users;
};

/// Memory for what no pass keeps: blocks work one after the other and share it.
template <class T>
struct BlockScratch {
  Buffer<T> branch, d_share, d_hidden, d_sum2, d_attended, d_projected, d_table_projected;
};

/// One post-norm block: x = norm1(x + attention(x)), x = norm2(x + ffn(x)). It keeps what its
/// backward pass needs; weights, running values and gradients live in the model's flat vectors.
template <class T>
class Block {
 public:
  /// Declares the block's tensors under `name`.
  Block(const BlockOptions& options, const std::string& name, ParameterList& parameters,
        ParameterList& running);

  /// Output rows [N, C], kept until the next call. `running` is null where running statistics are
  /// not to be updated.
  MatrixView<const T> forward(const Batch& batch, const BlockInput<T>& input, RowSet set,
                              Phase phase, const T* weights, T* running, BlockScratch<T>& scratch);

  /// From d_output [N, C]: the gradients of the block's tensors, d_rows [N, C] and d_table [U, C].
  /// Where the table is the rows themselves (d_table empty), d_rows takes in both.
  void backward(const Batch& batch, const BlockInput<T>& input, RowSet set,
                const MatrixView<const T>& d_output, const T* weights, T* gradient,
                const MatrixView<T>& d_rows, const MatrixView<T>& d_table,
                BlockScratch<T>& scratch);

  /// What forward returned last.
  MatrixView<const T> output() const { return arrays2_.output; }

  /// Floating-point operations of the products so far.
  double flop() const { return flop_; }

 private:
  struct Offsets {
    Index in_weight, in_bias, out_weight, out_bias, gain1, bias1, weight1, ffn_bias1, weight2,
        ffn_bias2, gain2, bias2, mean1, variance1, mean2, variance2;
  };
  struct NormBuffers {
    Buffer<T> output, stabilized, scale;
  };

  MatrixView<const T> attend(const Batch& batch, const BlockInput<T>& input, RowSet set,
                             const T* weights);
  void attend_backward(const Batch& batch, const BlockInput<T>& input, RowSet set,
                       const MatrixView<const T>& d_attended, const T* weights, T* gradient,
                       const MatrixView<T>& d_rows, const MatrixView<T>& d_table,
                       BlockScratch<T>& scratch);
  NormArrays<T> norm_arrays(const Batch& batch, RowSet set, NormBuffers& buffers,
                            const MatrixView<const T>& input, const MatrixView<const T>& branch,
                            const T* gain, const T* bias);
  void product(const Factor<T>& a, const Factor<T>& b, const MatrixView<T>& c,
               const T* bias = nullptr, Output output = Output::overwrite);
  /// d_weight = d_y^T x and d_bias = column sums of d_y.
  void weight_gradient(const MatrixView<const T>& d_y, const MatrixView<const T>& x, T* d_weight,
                       T* d_bias);

  BlockOptions options_;
  Offsets at_{};
  Buffer<T> projected_, table_projected_, share_, attended_, hidden_, slope_;
  NormBuffers norm1_, norm2_;
  NormArrays<T> arrays1_, arrays2_;
  double flop_ = 0;
};

}  // namespace libnorm
