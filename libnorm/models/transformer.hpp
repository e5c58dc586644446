#pragma once

#include <vector>

#include "libnorm/data/batch.hpp"
#include "libnorm/models/block.hpp"
#include "libnorm/models/parameters.hpp"
#include "libnorm/norms/norm.hpp"

namespace libnorm {

/// Sizes of a model, and its norm; the defaults are those of the paper's Experiments 1 to 3.
struct TransformerOptions {
  Index vocabulary = 402;
  Index channels = 128;
  Index hidden = 512;
  Index heads = 1;
  Index blocks = 1;
  /// Classes that the head tells apart.
  Index outputs = 402;
  Norm norm;

  /// Throws: ValueError unless every size is positive and heads divide channels.
  void check() const;
};

/// A post-norm transformer without positions, mask or dropout, whose head reads one position:
///
///     x = embedding[token]
///     x = norm1(x + attention(x)), x = norm2(x + ffn(x))      for each block
///     logits = head(x[read-out])
///
/// ffn is linear, GELU (erf), linear. Weights W [out, in] act as y = x W^T + b.
///
/// Exact shortcuts, unless the batch is dense: one row for each distinct token of a sequence; in
/// the last block queries, and what follows them, for the rows that are read out alone, unless a
/// norm's statistics take in every row; in the first block keys, values and queries once for each
/// distinct token of the batch.
template <class T>
class Transformer {
 public:
  explicit Transformer(const TransformerOptions& options);

  const TransformerOptions& options() const { return options_; }
  const ParameterList& parameters() const { return parameters_; }
  /// Running statistics, in the same form.
  const ParameterList& running() const { return running_list_; }

  std::vector<T>& weights() { return weights_; }
  const std::vector<T>& weights() const { return weights_; }
  std::vector<T>& running_values() { return running_; }
  const std::vector<T>& running_values() const { return running_; }
  const std::vector<T>& gradient() const { return gradient_; }

  /// First values of weights and running statistics.
  void initialize(std::uint64_t seed);

  /// Mean cross-entropy in nats over the batch, in training; gradient() holds its gradient after.
  /// Updates the running statistics.
  double loss_and_gradient(const Batch& batch);

  /// Mean cross-entropy in evaluation.
  double loss(const Batch& batch);

  /// Logits [B, outputs] in evaluation; the view lasts until the next call.
  MatrixView<const T> logits(const Batch& batch);

  /// Output of a block (0 .. blocks-1) for every row of the batch, [R, C], in evaluation or
  /// training; the view lasts until the next call. No row is left out, and no statistic updated.
  MatrixView<const T> activations(const Batch& batch, Index block, Phase phase = Phase::evaluation);

  /// Outputs of all blocks from one pass, each as above. Saves what as many calls would repeat.
  std::vector<MatrixView<const T>> all_activations(const Batch& batch,
                                                   Phase phase = Phase::evaluation);

  /// Logits [B, outputs] of the last pass that made any; the view lasts until the next call.
  MatrixView<const T> last_logits() const { return last_logits_; }

  /// Floating-point operations of the products computed so far, a multiply-add counting two.
  double flop() const;

  /// Number of weights.
  Index size() const { return parameters_.size(); }

 private:
  void check(const Batch& batch, bool targets) const;
  BlockInput<T> first_input(const Batch& batch, RowSet set);
  void forward(const Batch& batch, Phase phase, RowSet last_rows, T* running);
  MatrixView<T> head(const Batch& batch);
  double head_flop(const Batch& batch) const;
  void backward(const Batch& batch, const MatrixView<const T>& d_logits);
  void embedding_gradient(const Batch& batch, RowSet set, const MatrixView<const T>& d_rows,
                          const MatrixView<const T>& d_table);

  TransformerOptions options_;
  ParameterList parameters_, running_list_;
  std::vector<T> weights_, running_, gradient_;
  std::vector<Block<T>> blocks_;
  BlockScratch<T> scratch_;
  Index embedding_ = 0, head_weight_ = 0, head_bias_ = 0;

  /// What the backward pass finds of the forward pass.
  std::vector<BlockInput<T>> inputs_;
  RowSet last_rows_ = RowSet::all;
  MatrixView<const T> output_, read_rows_, last_logits_;
  Buffer<T> input_, token_rows_, last_input_, read_, logits_, loss_;
  Buffer<T> d_logits_, d_read_, d_rows_[2], d_last_, d_table_, d_tokens_;
  double flop_ = 0;
};

}  // namespace libnorm
