#include "libnorm/models/transformer.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <string>

#include "libnorm/core/domain.hpp"
#include "libnorm/core/launch.hpp"
#include "libnorm/ops/cross_entropy.hpp"
#include "libnorm/ops/gemm.hpp"
#include "libnorm/ops/rows.hpp"

namespace libnorm {
namespace {

/// Calls f; launches of numbers without tangents are queued (in_row_blocks). Those of duals hand
/// values from one product to the next outside of launches.
template <class T, class F>
void pass_by_blocks(F f) {
  if constexpr (is_dual<T>) {
    f();
  } else {
    in_row_blocks(f);
  }
}

}  // namespace

void TransformerOptions::check() const {
  const bool positive =
      vocabulary > 0 && channels > 0 && hidden > 0 && heads > 0 && blocks > 0 && outputs > 0;
  if (!positive || channels % heads != 0) {
    throw ValueError("TransformerOptions: impossible sizes (vocabulary " +
                     std::to_string(vocabulary) + ", channels " + std::to_string(channels) +
                     ", hidden " + std::to_string(hidden) + ", heads " + std::to_string(heads) +
                     ", blocks " + std::to_string(blocks) + ", outputs " + std::to_string(outputs) +
                     "); need positive numbers, and channels divisible by heads");
  }
  // Ids are 32 bits wide, and no machine has so many weights.
  constexpr Index kMostIds = Index(1) << 31;
  constexpr double kMostWeights = 0x1p48;
  const double c = double(channels), h = double(hidden);
  const double weights = c * (double(vocabulary) + double(outputs)) + double(outputs) +
                         double(blocks) * (4 * c * c + 2 * c * h + h + 9 * c);
  if (vocabulary > kMostIds || outputs > kMostIds || !(weights < kMostWeights)) {
    throw ValueError("TransformerOptions: too large a model (vocabulary " +
                     std::to_string(vocabulary) + ", outputs " + std::to_string(outputs) +
                     ", weights " + number_text(weights) +
                     "); need at most 2^31 tokens and outputs, and less than 2^48 weights");
  }
  normalization.check(channels, heads);
  // No normal number that is drawn is as far from 0 as 16 deviations.
  const bool is_deviation = initial_std == 0 || (is_positive_as<float>(initial_std) &&
                                                 is_finite_as<float>(16 * initial_std));
  require_in_domain(is_deviation, "TransformerOptions", "initial_std", initial_std,
                    "a standard deviation > 0 whose draws are floats, or 0 for PyTorch's values");
  require_in_domain(is_positive_as<float>(head_multiplier), "TransformerOptions", "head_multiplier",
                    head_multiplier, "finite multiplier > 0 as a float");
}

template <class T>
Transformer<T>::Transformer(const TransformerOptions& options) : options_(options) {
  options.check();
  const Index c = options.channels;
  embedding_ = parameters_.add("embedding.weight", options.vocabulary, c, Initial::normal);
  for (Index b = 0; b < options.blocks; ++b) {
    blocks_.emplace_back(
        BlockOptions{c, options.hidden, options.heads, options.blocks, options.normalization},
        "blocks." + std::to_string(b) + ".", parameters_, running_list_);
  }
  if (enters(options.normalization.placement)) {
    final_norm_.emplace(options.normalization.norm, c, "final_norm.", parameters_, running_list_);
  }
  const double bound = 1.0 / std::sqrt(double(c));
  head_weight_ = parameters_.add("head.weight", options.outputs, c, Initial::uniform, bound);
  head_bias_ = parameters_.add("head.bias", 1, options.outputs, Initial::uniform, bound);
  if (options.initial_std > 0) parameters_.draw_matrices(options.initial_std);
  weights_.assign(std::size_t(parameters_.size()), T(0));
  gradient_.assign(std::size_t(parameters_.size()), T(0));
  running_.assign(std::size_t(running_list_.size()), T(0));
  running_list_.draw(0, value_of(running_.host().data()));
}

template <class T>
void Transformer<T>::initialize(std::uint64_t seed) {
  parameters_.draw(seed, value_of(weights_.host().data()));
  running_list_.draw(seed, value_of(running_.host().data()));
}

template <class T>
void Transformer<T>::check(const Batch& batch, bool targets) const {
  if (batch.sequences < 1 || (targets && Index(batch.targets.size()) != batch.sequences)) {
    throw ShapeError("Transformer: the batch has " + std::to_string(batch.sequences) +
                     " sequences and " + std::to_string(batch.targets.size()) +
                     " targets; need at least one sequence, and a target for each");
  }
  for (std::size_t b = 0; targets && b < batch.targets.size(); ++b) {
    const std::int32_t target = batch.targets[b];
    if (target >= 0 && target < options_.outputs) continue;
    throw ValueError("Transformer: target out of range (targets[" + std::to_string(b) +
                     "] = " + std::to_string(target) + "); need 0 .. " +
                     std::to_string(options_.outputs - 1));
  }
  if (batch.tokens.back() >= options_.vocabulary) {
    throw ValueError("Transformer: token id out of range (" + std::to_string(batch.tokens.back()) +
                     "); need 0 .. " + std::to_string(options_.vocabulary - 1));
  }
}

template <class T>
BlockInput<T> Transformer<T>::first_input(const BatchView& batch, RowSet set) {
  const MatrixView<const T> embedding(weights_.read() + embedding_, options_.vocabulary,
                                      options_.channels);
  const bool all = set == RowSet::all;
  const auto rows = input_.view(all ? batch.rows : batch.sequences, options_.channels);
  gather_rows<T>(embedding, all ? batch.ids : batch.prediction_id, rows);
  // Taps show a norm of the unique-token rows as a norm of all rows.
  const Normalization& n = options_.normalization;
  const bool norm_needs_rows =
      enters(n.placement) && (all_taken_ || n.norm.mixes_rows(last_phase_));
  if (batch.path == Path::dense || norm_needs_rows) return {rows, rows, nullptr, {batch.rows}};
  const auto unique_rows = token_rows_.view(batch.token_count(), options_.channels);
  gather_rows<T>(embedding, batch.tokens, unique_rows);
  return {rows, unique_rows, batch.token_of_row, batch.rows_of_token};
}

template <class T>
void Transformer<T>::forward(const BatchView& batch, Phase phase, RowSet last_rows,
                             Pointer<T> running) {
  all_taken_ = last_rows == RowSet::all;
  if (batch.path == Path::dense || options_.normalization.norm.mixes_rows(phase)) {
    last_rows = RowSet::all;
  }
  last_rows_ = last_rows;
  last_phase_ = phase;
  pass_by_blocks<T>([&] { forward_blocks(pass_of(batch, phase, running)); });
}

template <class T>
void Transformer<T>::forward_blocks(const Pass<T>& pass) {
  const BatchView& batch = pass.batch;
  inputs_.resize(blocks_.size());
  MatrixView<const T> rows;
  for (std::size_t b = 0; b < blocks_.size(); ++b) {
    const RowSet set = b + 1 == blocks_.size() ? last_rows_ : RowSet::all;
    if (b == 0) {
      inputs_[b] = first_input(batch, set);
    } else {
      inputs_[b] = {rows, rows, nullptr, {batch.rows}};
      if (set == RowSet::prediction) {
        const auto read = last_input_.view(batch.sequences, options_.channels);
        gather_rows<T>(rows, batch.prediction_row, read);
        inputs_[b].rows = read;
      }
    }
    rows = blocks_[b].forward(pass, inputs_[b], set, scratch_);
  }
  if (final_norm_) rows = final_norm_->forward(pass, last_rows_, rows);
  output_ = rows;
}

template <class T>
Pass<T> Transformer<T>::pass_of(const BatchView& batch, Phase phase, Pointer<T> running) const {
  return {batch, phase, weights_.read(), running};
}

template <class T>
MatrixView<T> Transformer<T>::head(const BatchView& batch) {
  const Index c = options_.channels;
  read_rows_ = output_;
  if (last_rows_ == RowSet::all) {
    const auto read = read_.view(batch.sequences, c);
    gather_rows<T>(output_, batch.prediction_row, read);
    read_rows_ = read;
  }
  if (options_.head_multiplier != 1) {
    const auto multiplied = multiplied_.view(batch.sequences, c);
    scale_rows<T>(read_rows_, Real<T>(options_.head_multiplier), multiplied);
    read_rows_ = multiplied;
  }
  const auto logits = logits_.view(batch.sequences, options_.outputs);
  const MatrixView<const T> weight(weights_.read() + head_weight_, options_.outputs, c);
  scratch_.products.multiply(plain(read_rows_), transposed(weight), logits,
                             weights_.read() + head_bias_);
  last_logits_ = logits;
  return logits;
}

template <class T>
double Transformer<T>::loss_and_gradient(const Batch& batch) {
  return loss_and_gradient(batch, running_.write());
}

template <class T>
double Transformer<T>::loss_and_gradient_only(const Batch& batch) {
  return loss_and_gradient(batch, nullptr);
}

template <class T>
double Transformer<T>::loss_and_gradient(const Batch& batch, Pointer<T> running) {
  check(batch, true);
  const BatchView view = batch_memory_.view(batch);
  double loss = 0;
  pass_by_blocks<T>([&] {
    loss = loss_and_d_logits(view, running);
    backward(view, d_logits_view_);
  });
  return loss;
}

template <class T>
double Transformer<T>::loss_and_d_logits(const Batch& batch) {
  check(batch, true);
  return loss_and_d_logits(batch_memory_.view(batch), nullptr);
}

template <class T>
double Transformer<T>::loss_and_d_logits(const BatchView& batch, Pointer<T> running) {
  double loss = 0;
  pass_by_blocks<T>([&] {
    forward(batch, Phase::training, RowSet::prediction, running);
    const auto logits = head(batch);
    const auto d_logits = d_logits_.view(logits.rows, logits.cols);
    d_logits_view_ = d_logits;
    loss = cross_entropy<T>(logits, batch.targets, loss_.view(1, batch.sequences).data, d_logits);
  });
  return loss;
}

template <class T>
const Array<T>& Transformer<T>::pull_back(const Batch& batch, const MatrixView<const T>& d_logits) {
  backward(batch_memory_.view(batch), d_logits);
  return gradient_.host();
}

template <class T>
double Transformer<T>::loss(const Batch& batch) {
  check(batch, true);
  const BatchView view = batch_memory_.view(batch);
  forward(view, Phase::evaluation, RowSet::prediction, running_.read_as_mutable());
  return cross_entropy<T>(head(view), view.targets, loss_.view(1, batch.sequences).data, {});
}

template <class T>
MatrixView<const T> Transformer<T>::logits(const Batch& batch) {
  check(batch, false);
  const BatchView view = batch_memory_.view(batch);
  forward(view, Phase::evaluation, RowSet::prediction, running_.read_as_mutable());
  return on_host(head(view));
}

template <class T>
MatrixView<const T> Transformer<T>::read_rows(const Batch& batch) {
  logits(batch);
  return on_host(read_rows_);
}

template <class T>
MatrixView<const T> Transformer<T>::activations(const Batch& batch, Index block, Phase phase) {
  if (block < 0 || block >= options_.blocks) {
    throw ValueError("Transformer::activations: no such block (" + std::to_string(block) +
                     "); need 0 .. " + std::to_string(options_.blocks - 1));
  }
  return all_activations(batch, phase)[std::size_t(block)];
}

template <class T>
std::vector<MatrixView<const T>> Transformer<T>::all_activations(const Batch& batch, Phase phase) {
  check(batch, false);
  forward(batch_memory_.view(batch), phase, RowSet::all,
          phase == Phase::training ? Pointer<T>(nullptr) : running_.read_as_mutable());
  std::vector<MatrixView<const T>> outputs;
  for (const Block<T>& block : blocks_) outputs.push_back(on_host(block.output()));
  return outputs;
}

/// A view itself, or a copy of what it shows on a GPU.
template <class T>
MatrixView<const T> Transformer<T>::on_host(const MatrixView<const T>& m) const {
  if constexpr (std::is_same_v<T, float>) {
    if (current_device() == Device::cuda && m.data != nullptr) {
      Array<T>& copy = looked_at_[m.data];
      copy.resize(std::size_t(m.rows * m.stride));
      copy_to_host(copy.data(), m.data, copy.size() * sizeof(T));
      return {copy.data(), m.rows, m.cols, m.stride};
    }
  }
  return m;
}

template <class T>
void Transformer<T>::backward(const BatchView& batch, const MatrixView<const T>& d_logits) {
  pass_by_blocks<T>([&] { backward_blocks(batch, d_logits); });
}

template <class T>
void Transformer<T>::backward_blocks(const BatchView& batch, const MatrixView<const T>& d_logits) {
  const Index c = options_.channels;
  const MatrixView<const T> weight(weights_.read() + head_weight_, options_.outputs, c);
  const auto d_read = d_read_.view(batch.sequences, c);
  scratch_.products.multiply(plain(d_logits), plain(weight), d_read);
  weight_gradient<T>(scratch_.products, d_logits, read_rows_, gradient_.write() + head_weight_,
                     gradient_.write() + head_bias_);
  if (options_.head_multiplier != 1) {
    scale_rows<T>(d_read, Real<T>(options_.head_multiplier), d_read);
  }
  const Pass<T> pass = pass_of(batch, Phase::training, nullptr);

  MatrixView<T> d_output = d_read;
  if (last_rows_ == RowSet::all) {
    d_output = d_rows_[blocks_.size() % 2].view(batch.rows, c);
    zero_rows<T>(d_output);
    scatter_rows<T>(d_read, batch.prediction_row, d_output, Output::overwrite);
  }
  if (final_norm_) {
    const auto d_normed = d_normed_.view(d_output.rows, c);
    final_norm_->backward(d_output, d_normed, gradient_.write());
    d_output = d_normed;
  }
  for (std::size_t b = blocks_.size(); b-- > 0;) {
    const RowSet set = b + 1 == blocks_.size() ? last_rows_ : RowSet::all;
    const BlockInput<T>& input = inputs_[b];
    const auto d_rows = set == RowSet::prediction ? d_last_.view(batch.sequences, c)
                                                  : d_rows_[b % 2].view(batch.rows, c);
    const bool has_unique_rows = input.unique_rows.data != input.rows.data;
    const auto d_unique_rows =
        has_unique_rows ? d_unique_rows_.view(input.unique_rows.rows, c) : MatrixView<T>();
    blocks_[b].backward(pass, input, set, d_output, gradient_.write(), d_rows, d_unique_rows,
                        scratch_);
    if (b == 0) {
      embedding_gradient(batch, set, d_rows, d_unique_rows);
    } else if (set == RowSet::prediction) {
      scatter_rows<T>(d_rows, batch.prediction_row, d_unique_rows, Output::add);
      d_output = d_unique_rows;
    } else {
      d_output = d_rows;
    }
  }
}

template <class T>
void Transformer<T>::embedding_gradient(const BatchView& batch, RowSet set,
                                        const MatrixView<const T>& d_rows,
                                        const MatrixView<const T>& d_unique_rows) {
  const Index c = options_.channels;
  const auto d_tokens = d_tokens_.view(batch.token_count(), c);
  sum_groups<T>(d_rows, set == RowSet::all ? batch.rows_of_token : batch.predictions_of_token,
                d_unique_rows, d_tokens);
  const MatrixView<T> d_embedding(gradient_.write() + embedding_, options_.vocabulary, c);
  zero_rows<T>(d_embedding);
  scatter_rows<T>(d_tokens, batch.tokens, d_embedding, Output::overwrite);
}

namespace {

/// The activations of a block, by the ends of their names.
template <class T>
struct BlockTap {
  const char* name;
  MatrixView<const T> (*view)(const Block<T>&);
};
template <class T>
constexpr BlockTap<T> kBlockTaps[] = {
    {"attention.heads", [](const Block<T>& b) { return b.attended(); }},
    {"norm1.stabilized", [](const Block<T>& b) { return b.norm1().stabilized(); }},
    {"norm1.out", [](const Block<T>& b) { return b.norm1().output(); }},
    {"middle", [](const Block<T>& b) { return b.middle(); }},
    {"ffn.hidden", [](const Block<T>& b) { return b.hidden(); }},
    {"norm2.stabilized", [](const Block<T>& b) { return b.norm2().stabilized(); }},
    {"norm2.out", [](const Block<T>& b) { return b.norm2().output(); }},
    {"out", [](const Block<T>& b) { return b.output(); }},
};

}  // namespace

template <class T>
std::vector<std::string> Transformer<T>::tap_names() const {
  std::vector<std::string> names = {"embedding"};
  for (std::size_t b = 0; b < blocks_.size(); ++b) {
    for (const BlockTap<T>& tap : kBlockTaps<T>) {
      names.push_back("blocks." + std::to_string(b) + "." + tap.name);
    }
  }
  return names;
}

template <class T>
MatrixView<const T> Transformer<T>::tap(std::string_view name) const {
  if (!all_taken_) {
    throw ValueError("Transformer::tap: the last pass left rows out; need all_activations first");
  }
  if (name == "embedding") return on_host(inputs_.front().rows);
  constexpr std::string_view kBlocks = "blocks.";
  std::size_t b = blocks_.size();
  if (name.starts_with(kBlocks)) {
    std::from_chars(name.data() + kBlocks.size(), name.data() + name.size(), b);
  }
  for (const BlockTap<T>& tap : kBlockTaps<T>) {
    if (b >= blocks_.size()) break;
    if (name == "blocks." + std::to_string(b) + "." + tap.name) {
      return on_host(tap.view(blocks_[b]));
    }
  }
  throw ValueError("Transformer::tap: unknown name (" + std::string(name) +
                   "); need one that tap_names gives");
}

template class Transformer<float>;
template class Transformer<double>;
template class Transformer<Dual<double>>;

}  // namespace libnorm
