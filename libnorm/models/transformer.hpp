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

/// Sizes of a model, and its norms. The defaults are those of the paper's Experiments 1 to 3.
struct TransformerOptions {
  /// V
  Index vocabulary = 402;
  /// C
  Index channels = 128;
  /// Width of the ffn.
  Index hidden = 512;
  /// H, which divides C.
  Index heads = 1;
  /// Number of blocks.
  Index blocks = 1;
  /// Classes of the head.
  Index outputs = 402;
  /// Norms; by default none.
  Normalization normalization;
  /// Standard deviation that all matrices, the embedding among them, are drawn with, from normal
  /// distributions, biases then being 0, as GPT-2 does with 0.02 (Radford et al. 2019); 0:
  /// PyTorch's first values, by which the embedding's deviation is 1 and that of a product's
  /// weights depends on its width.
  double initial_std = 0;
  /// What the rows that the head reads are multiplied by.
  double head_multiplier = 1;

  /// Throws: ValueError unless every size is positive, heads divide channels, ids fit into 32 bits,
  /// there are less than 2^48 weights, norms fit, the deviation is 0 or one of floats, and the
  /// multiplier is positive and finite as a float.
  void check() const;
};

/// A transformer without positional encoding, mask or dropout. Its head reads one position of each
/// sequence, the prediction position:
///
///     x = embedding[token]
///     x = norm1(x + attention(x)), x = norm2(x + ffn(x))      for each block
///     logits = head(head_multiplier x[prediction position])
///
/// ffn is linear, GELU (erf), linear. Weights W [out, in] act as y = x W^T + b. Norms may have
/// other places (Placement); if they are before the branches, one more is before the head.
///
/// T is float or double, or a dual of one: the tangent of its gradient is the Hessian times the
/// weights' tangent (see Curvature).
///
/// Exact shortcuts, unless the batch is dense: one row for each distinct token of a sequence; in
/// the last block only the prediction positions' queries and their outputs, unless a norm mixes
/// rows (Norm::mixes_rows); in the first block keys, values and queries once for each distinct
/// token of the batch.
///
/// A model of float computes on the calling thread's device (DeviceScope), which must always be the
/// same. Views that it returns are in the processor's memory.
template <class T>
class Transformer {
 public:
  /// Weights are 0 until `initialize` or load_weights. Throws: as options.check().
  explicit Transformer(const TransformerOptions& options);

  /// The options given to the constructor.
  const TransformerOptions& options() const { return options_; }
  /// The weights' names, shapes, offsets and first values.
  const ParameterList& parameters() const { return parameters_; }
  /// The same for running statistics.
  const ParameterList& running() const { return running_list_; }

  /// Weights and running statistics at the offsets of parameters() and running(), in the
  /// processor's memory. To write to them, see Mirrored::host.
  /// @{
  Array<T>& weights() { return weights_.host(); }
  const Array<T>& weights() const { return weights_.host(); }
  Array<T>& running_values() { return running_.host(); }
  const Array<T>& running_values() const { return running_.host(); }
  /// @}
  /// The last backward pass's gradient at the weights' offsets, in the processor's memory.
  const Array<T>& gradient() const { return gradient_.host(); }

  /// Weights and gradient on the model's device, for an optimizer. The pointer may be to a GPU's
  /// memory: do not dereference it on the processor.
  /// @{
  Pointer<T> weights_data() { return weights_.write(); }
  Pointer<const T> gradient_data() const { return gradient_.read(); }
  /// @}

  /// Sets the first values of weights and running statistics.
  void initialize(std::uint64_t seed);

  /// Mean cross-entropy in nats over the batch, in training; computes gradient() and updates the
  /// running statistics.
  double loss_and_gradient(const Batch& batch);

  /// The same without updating the running statistics.
  double loss_and_gradient_only(const Batch& batch);

  /// Computes the loss and d_logits() only: neither gradient() nor statistics change.
  double loss_and_d_logits(const Batch& batch);

  /// Backpropagates d_logits [B, outputs], after loss_and_gradient or loss_and_d_logits on the same
  /// batch. Returns gradient().
  const Array<T>& pull_back(const Batch& batch, const MatrixView<const T>& d_logits);

  /// The loss's gradient by the logits [B, outputs], of the last pass that computed it.
  MatrixView<const T> d_logits() const { return on_host(d_logits_view_); }

  /// Mean cross-entropy in evaluation.
  double loss(const Batch& batch);

  /// Logits [B, outputs] in evaluation; the view is valid until the next call.
  MatrixView<const T> logits(const Batch& batch);

  /// The rows that the head reads [B, C] in evaluation: the last block's output at the prediction
  /// positions, behind the norm before the head if there is one, times the head's multiplier; valid
  /// until the next call.
  MatrixView<const T> read_rows(const Batch& batch);

  /// Output of a block (0 .. blocks-1) for every row of the batch, [R, C], in evaluation or
  /// training; the view is valid until the next call. All rows are computed, and no statistics
  /// updated.
  MatrixView<const T> activations(const Batch& batch, Index block, Phase phase = Phase::evaluation);

  /// Outputs of all blocks from one pass, each as above.
  std::vector<MatrixView<const T>> all_activations(const Batch& batch,
                                                   Phase phase = Phase::evaluation);

  /// Names of the activations that tap() returns after all_activations, [R, C] (hidden:
  /// [R, hidden]):
  ///
  ///     embedding, blocks.0.attention.heads, blocks.0.norm1.stabilized, blocks.0.norm1.out,
  ///     blocks.0.middle, blocks.0.ffn.hidden, blocks.0.norm2.stabilized, blocks.0.norm2.out,
  ///     blocks.0.out, ...
  ///
  /// stabilized and out are a norm's output before and after its affine part; middle and out are
  /// the outputs of the residuals of attention and ffn.
  std::vector<std::string> tap_names() const;
  /// An activation by its name; the view is valid until the next pass. Throws: ValueError for an
  /// unknown name, or if the last pass was not all_activations.
  MatrixView<const T> tap(std::string_view name) const;

  /// Logits [B, outputs] of the last pass that computed them; valid until the next call.
  MatrixView<const T> last_logits() const { return on_host(last_logits_); }

  /// Floating-point operations of the products computed so far, a multiply-add counting two.
  double flop() const { return scratch_.products.flop(); }
  /// The products of the model; a model of duals can repeat a pass with other tangents.
  Products<T>& products() { return scratch_.products; }

  /// Number of weights.
  Index size() const { return parameters_.size(); }

 private:
  void check(const Batch& batch, bool targets) const;
  MatrixView<const T> on_host(const MatrixView<const T>& m) const;
  BlockInput<T> first_input(const BatchView& batch, RowSet set);
  void forward(const BatchView& batch, Phase phase, RowSet last_rows, Pointer<T> running);
  void forward_blocks(const Pass<T>& pass);
  double loss_and_gradient(const Batch& batch, Pointer<T> running);
  double loss_and_d_logits(const BatchView& batch, Pointer<T> running);
  MatrixView<T> head(const BatchView& batch);
  void backward(const BatchView& batch, const MatrixView<const T>& d_logits);
  void backward_blocks(const BatchView& batch, const MatrixView<const T>& d_logits);
  Pass<T> pass_of(const BatchView& batch, Phase phase, Pointer<T> running) const;
  void embedding_gradient(const BatchView& batch, RowSet set, const MatrixView<const T>& d_rows,
                          const MatrixView<const T>& d_unique_rows);

  TransformerOptions options_;
  ParameterList parameters_, running_list_;
  Mirrored<T> weights_, running_, gradient_;
  BatchMemory batch_memory_;
  /// Copies in the processor's memory of arrays on a GPU, by their address there.
  mutable std::map<const void*, Array<T>> looked_at_;
  std::vector<Block<T>> blocks_;
  /// Before the head, where the blocks' norms stand before their branches.
  std::optional<NormLayer<T>> final_norm_;
  BlockScratch<T> scratch_;
  Index embedding_ = 0, head_weight_ = 0, head_bias_ = 0;

  /// Saved by the forward pass for the backward pass.
  std::vector<BlockInput<T>> inputs_;
  RowSet last_rows_ = RowSet::all;
  Phase last_phase_ = Phase::training;
  bool all_taken_ = false;
  MatrixView<const T> output_, read_rows_, last_logits_, d_logits_view_;
  Buffer<T> input_, token_rows_, last_input_, read_, multiplied_, logits_, loss_;
  Buffer<T> d_logits_, d_read_, d_normed_, d_rows_[2], d_last_, d_unique_rows_, d_tokens_;
};

}  // namespace libnorm
