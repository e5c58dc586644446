#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "libnorm/core/mirrored.hpp"
#include "libnorm/data/batch_view.hpp"
#include "libnorm/models/block.hpp"
#include "libnorm/models/normalization.hpp"
#include "libnorm/models/parameters.hpp"
#include "libnorm/norms/catalogue.hpp"

namespace libnorm {

/// Sizes of a model, and its norm; the defaults are those of the paper's Experiments 1 to 3.
struct TransformerOptions {
  /// V
  Index vocabulary = 402;
  /// C
  Index channels = 128;
  /// Width of the ffn.
  Index hidden = 512;
  /// H, which divides C.
  Index heads = 1;
  /// How many, one after the other.
  Index blocks = 1;
  /// Classes that the head tells apart.
  Index outputs = 402;
  /// By default no norm.
  Normalization normalization;

  /// Throws: ValueError unless every size is positive, heads divide channels, ids fit into 32 bits,
  /// there are less than 2^48 weights, and norms fit.
  void check() const;
};

/// A transformer without positions, mask or dropout, whose head reads one position:
///
///     x = embedding[token]
///     x = norm1(x + attention(x)), x = norm2(x + ffn(x))      for each block
///     logits = head(x[read-out])
///
/// ffn is linear, GELU (erf), linear. Weights W [out, in] act as y = x W^T + b. Norms may stand
/// elsewhere (Placement); where they stand before the branches, a last one stands before the head.
///
/// T is float or double, or a dual of one, whose gradient has the Hessian's product with the
/// weights' tangent as its own tangent (see Curvature).
///
/// Exact shortcuts, unless the batch is dense: one row for each distinct token of a sequence; in
/// the last block queries, and what follows them, for the rows that are read out alone, unless a
/// norm's statistics take in every row; in the first block keys, values and queries once for each
/// distinct token of the batch.
///
/// A model of float computes on the device of the thread that calls it (DeviceScope), always the
/// same; views that it returns are in the processor's memory.
template <class T>
class Transformer {
 public:
  /// Weights are 0 until `initialize` or load_weights. Throws: as options.check().
  explicit Transformer(const TransformerOptions& options);

  /// As given.
  const TransformerOptions& options() const { return options_; }
  /// The weights' names, shapes, places and first values.
  const ParameterList& parameters() const { return parameters_; }
  /// Running statistics, in the same form.
  const ParameterList& running() const { return running_list_; }

  /// At the offsets of parameters() and running(), in the processor's memory. To write to them, see
  /// Mirrored::host.
  /// @{
  Array<T>& weights() { return weights_.host(); }
  const Array<T>& weights() const { return weights_.host(); }
  Array<T>& running_values() { return running_.host(); }
  const Array<T>& running_values() const { return running_.host(); }
  /// @}
  /// Of the last backward pass, at the weights' places; in the processor's memory.
  const Array<T>& gradient() const { return gradient_.host(); }

  /// Weights and gradient where the model computes, for an optimizer: on a GPU, in its memory.
  /// @{
  Pointer<T> weights_data() { return weights_.write(); }
  Pointer<const T> gradient_data() const { return gradient_.read(); }
  /// @}

  /// First values of weights and running statistics.
  void initialize(std::uint64_t seed);

  /// Mean cross-entropy in nats over the batch, in training; gradient() holds its gradient after.
  /// Updates the running statistics.
  double loss_and_gradient(const Batch& batch);

  /// The same without updating the running statistics.
  double loss_and_gradient_only(const Batch& batch);

  /// The loss and d_logits() alone: gradient() is not made, and no statistic updated.
  double loss_and_d_logits(const Batch& batch);

  /// The gradient that a gradient of the logits [B, outputs] has, after loss_and_gradient or
  /// loss_and_d_logits on the same batch: gradient() holds it.
  const Array<T>& pull_back(const Batch& batch, const MatrixView<const T>& d_logits);

  /// The loss's gradient by the logits [B, outputs], of the last pass that made it.
  MatrixView<const T> d_logits() const { return on_host(d_logits_view_); }

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

  /// Activations that can be looked at after all_activations, [R, C] (hidden: [R, hidden]):
  ///
  ///     embedding, blocks.0.attention.heads, blocks.0.norm1.stabilized, blocks.0.norm1.out,
  ///     blocks.0.middle, blocks.0.ffn.hidden, blocks.0.norm2.stabilized, blocks.0.norm2.out,
  ///     blocks.0.out, ...
  ///
  /// stabilized and out are a norm's output before and after its affine part; middle and out are
  /// what leaves the residuals of attention and ffn.
  std::vector<std::string> tap_names() const;
  /// The view lasts until the next pass. Throws: ValueError for an unknown name, or where the last
  /// pass was not all_activations.
  MatrixView<const T> tap(std::string_view name) const;

  /// Logits [B, outputs] of the last pass that made any; the view lasts until the next call.
  MatrixView<const T> last_logits() const { return on_host(last_logits_); }

  /// Floating-point operations of the products computed so far, a multiply-add counting two.
  double flop() const { return scratch_.products.flop(); }
  /// The products, for a model of duals that is asked for several tangents.
  Products<T>& products() { return scratch_.products; }

  /// Number of weights.
  Index size() const { return parameters_.size(); }

 private:
  void check(const Batch& batch, bool targets) const;
  MatrixView<const T> on_host(const MatrixView<const T>& m) const;
  BlockInput<T> first_input(const BatchView& batch, RowSet set);
  void forward(const BatchView& batch, Phase phase, RowSet last_rows, Pointer<T> running);
  double loss_and_gradient(const Batch& batch, Pointer<T> running);
  double loss_and_d_logits(const BatchView& batch, Pointer<T> running);
  MatrixView<T> head(const BatchView& batch);
  void backward(const BatchView& batch, const MatrixView<const T>& d_logits);
  Pass<T> pass_of(const BatchView& batch, Phase phase, Pointer<T> running) const;
  void embedding_gradient(const BatchView& batch, RowSet set, const MatrixView<const T>& d_rows,
                          const MatrixView<const T>& d_table);

  TransformerOptions options_;
  ParameterList parameters_, running_list_;
  Mirrored<T> weights_, running_, gradient_;
  BatchMemory batch_memory_;
  /// What was looked at of arrays on a GPU, by where they lie there.
  mutable std::map<const void*, Array<T>> looked_at_;
  std::vector<Block<T>> blocks_;
  /// Before the head, where the blocks' norms stand before their branches.
  std::optional<NormLayer<T>> final_norm_;
  BlockScratch<T> scratch_;
  Index embedding_ = 0, head_weight_ = 0, head_bias_ = 0;

  /// What the backward pass finds of the forward pass.
  std::vector<BlockInput<T>> inputs_;
  RowSet last_rows_ = RowSet::all;
  Phase last_phase_ = Phase::training;
  bool all_taken_ = false;
  MatrixView<const T> output_, read_rows_, last_logits_, d_logits_view_;
  Buffer<T> input_, token_rows_, last_input_, read_, logits_, loss_;
  Buffer<T> d_logits_, d_read_, d_normed_, d_rows_[2], d_last_, d_table_, d_tokens_;
};

}  // namespace libnorm
