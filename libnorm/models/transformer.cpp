#include "libnorm/models/transformer.hpp"

#include <algorithm>
#include <cmath>
#include <string>

#include "libnorm/ops/cross_entropy.hpp"
#include "libnorm/ops/gemm.hpp"
#include "libnorm/ops/rows.hpp"

namespace libnorm {

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
}

template <class T>
Transformer<T>::Transformer(const TransformerOptions& options) : options_(options) {
  options.check();
  const Index c = options.channels;
  embedding_ = parameters_.add("embedding.weight", options.vocabulary, c, Initial::normal);
  for (Index b = 0; b < options.blocks; ++b) {
    blocks_.emplace_back(BlockOptions{c, options.hidden, options.heads, options.norm},
                         "blocks." + std::to_string(b) + ".", parameters_, running_list_);
  }
  const double bound = 1.0 / std::sqrt(double(c));
  head_weight_ = parameters_.add("head.weight", options.outputs, c, Initial::uniform, bound);
  head_bias_ = parameters_.add("head.bias", 1, options.outputs, Initial::uniform, bound);
  weights_.assign(std::size_t(parameters_.size()), T(0));
  gradient_.assign(std::size_t(parameters_.size()), T(0));
  running_.assign(std::size_t(running_list_.size()), T(0));
  running_list_.draw(0, running_.data());
}

template <class T>
void Transformer<T>::initialize(std::uint64_t seed) {
  parameters_.draw(seed, weights_.data());
  running_list_.draw(seed, running_.data());
}

template <class T>
void Transformer<T>::check(const Batch& batch, bool targets) const {
  if (batch.sequences < 1 || (targets && Index(batch.targets.size()) != batch.sequences)) {
    throw ShapeError("Transformer: the batch has " + std::to_string(batch.sequences) +
                     " sequences and " + std::to_string(batch.targets.size()) +
                     " targets; need at least one sequence, and a target for each");
  }
  if (batch.tokens.back() >= options_.vocabulary) {
    throw ValueError("Transformer: token id out of range (" + std::to_string(batch.tokens.back()) +
                     "); need 0 .. " + std::to_string(options_.vocabulary - 1));
  }
}

template <class T>
BlockInput<T> Transformer<T>::first_input(const Batch& batch, RowSet set) {
  const MatrixView<const T> embedding(weights_.data() + embedding_, options_.vocabulary,
                                      options_.channels);
  const auto& ids = set == RowSet::all ? batch.ids : batch.readout_id;
  const auto rows = input_.view(Index(ids.size()), options_.channels);
  gather_rows<T>(embedding, ids.data(), rows);
  if (batch.path == Path::dense) return {rows, rows, nullptr, {batch.rows()}};
  const auto table = token_rows_.view(Index(batch.tokens.size()), options_.channels);
  gather_rows<T>(embedding, batch.tokens.data(), table);
  return {rows, table, batch.token_of_row.data(), batch.rows_of_token()};
}

template <class T>
void Transformer<T>::forward(const Batch& batch, Phase phase, RowSet last_rows, T* running) {
  if (batch.path == Path::dense || (options_.norm.mixes_rows() && phase == Phase::training)) {
    last_rows = RowSet::all;
  }
  last_rows_ = last_rows;
  inputs_.resize(blocks_.size());
  MatrixView<const T> rows;
  for (std::size_t b = 0; b < blocks_.size(); ++b) {
    const RowSet set = b + 1 == blocks_.size() ? last_rows : RowSet::all;
    if (b == 0) {
      inputs_[b] = first_input(batch, set);
    } else {
      inputs_[b] = {rows, rows, nullptr, {batch.rows()}};
      if (set == RowSet::readout) {
        const auto read = last_input_.view(batch.sequences, options_.channels);
        gather_rows<T>(rows, batch.readout_row.data(), read);
        inputs_[b].rows = read;
      }
    }
    rows = blocks_[b].forward(batch, inputs_[b], set, phase, weights_.data(), running, scratch_);
  }
  output_ = rows;
}

template <class T>
MatrixView<T> Transformer<T>::head(const Batch& batch) {
  const Index c = options_.channels;
  read_rows_ = output_;
  if (last_rows_ == RowSet::all) {
    const auto read = read_.view(batch.sequences, c);
    gather_rows<T>(output_, batch.readout_row.data(), read);
    read_rows_ = read;
  }
  const auto logits = logits_.view(batch.sequences, options_.outputs);
  const MatrixView<const T> weight(weights_.data() + head_weight_, options_.outputs, c);
  gemm<T>(plain(read_rows_), transposed(weight), logits, weights_.data() + head_bias_);
  flop_ += head_flop(batch);
  last_logits_ = logits;
  return logits;
}

template <class T>
double Transformer<T>::head_flop(const Batch& batch) const {
  return 2.0 * double(batch.sequences) * double(options_.channels) * double(options_.outputs);
}

template <class T>
double Transformer<T>::loss_and_gradient(const Batch& batch) {
  check(batch, true);
  forward(batch, Phase::training, RowSet::readout, running_.data());
  const auto logits = head(batch);
  const auto d_logits = d_logits_.view(logits.rows, logits.cols);
  const double loss =
      cross_entropy<T>(logits, batch.targets.data(), loss_.view(1, batch.sequences).data, d_logits);
  backward(batch, d_logits);
  return loss;
}

template <class T>
double Transformer<T>::loss(const Batch& batch) {
  check(batch, true);
  forward(batch, Phase::evaluation, RowSet::readout, running_.data());
  return cross_entropy<T>(head(batch), batch.targets.data(), loss_.view(1, batch.sequences).data,
                          {});
}

template <class T>
MatrixView<const T> Transformer<T>::logits(const Batch& batch) {
  check(batch, false);
  forward(batch, Phase::evaluation, RowSet::readout, running_.data());
  return head(batch);
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
  forward(batch, phase, RowSet::all, phase == Phase::training ? nullptr : running_.data());
  std::vector<MatrixView<const T>> outputs;
  for (const Block<T>& block : blocks_) outputs.push_back(block.output());
  return outputs;
}

template <class T>
void Transformer<T>::backward(const Batch& batch, const MatrixView<const T>& d_logits) {
  const Index c = options_.channels;
  const MatrixView<const T> weight(weights_.data() + head_weight_, options_.outputs, c);
  const auto d_read = d_read_.view(batch.sequences, c);
  gemm<T>(plain(d_logits), plain(weight), d_read);
  gemm<T>(transposed(d_logits), plain(read_rows_),
          MatrixView<T>(gradient_.data() + head_weight_, options_.outputs, c));
  sum_columns<T>(d_logits, gradient_.data() + head_bias_);
  flop_ += 2 * head_flop(batch);

  MatrixView<T> d_output = d_read;
  if (last_rows_ == RowSet::all) {
    d_output = d_rows_[blocks_.size() % 2].view(batch.rows(), c);
    std::fill_n(d_output.data, d_output.size(), T(0));
    scatter_rows<T>(d_read, batch.readout_row.data(), d_output, Output::overwrite);
  }
  for (std::size_t b = blocks_.size(); b-- > 0;) {
    const RowSet set = b + 1 == blocks_.size() ? last_rows_ : RowSet::all;
    const BlockInput<T>& input = inputs_[b];
    const auto d_rows = set == RowSet::readout ? d_last_.view(batch.sequences, c)
                                               : d_rows_[b % 2].view(batch.rows(), c);
    const bool own_table = input.table.data != input.rows.data;
    const auto d_table = own_table ? d_table_.view(input.table.rows, c) : MatrixView<T>();
    blocks_[b].backward(batch, input, set, d_output, weights_.data(), gradient_.data(), d_rows,
                        d_table, scratch_);
    if (b == 0) {
      embedding_gradient(batch, set, d_rows, d_table);
    } else if (set == RowSet::readout) {
      scatter_rows<T>(d_rows, batch.readout_row.data(), d_table, Output::add);
      d_output = d_table;
    } else {
      d_output = d_rows;
    }
  }
}

template <class T>
void Transformer<T>::embedding_gradient(const Batch& batch, RowSet set,
                                        const MatrixView<const T>& d_rows,
                                        const MatrixView<const T>& d_table) {
  const Index c = options_.channels;
  const auto d_tokens = d_tokens_.view(Index(batch.tokens.size()), c);
  sum_groups<T>(d_rows, set == RowSet::all ? batch.rows_of_token() : batch.readouts_of_token(),
                d_table, d_tokens);
  const MatrixView<T> d_embedding(gradient_.data() + embedding_, options_.vocabulary, c);
  std::fill_n(d_embedding.data, d_embedding.size(), T(0));
  scatter_rows<T>(d_tokens, batch.tokens.data(), d_embedding, Output::overwrite);
}

template <class T>
double Transformer<T>::flop() const {
  double total = flop_;
  for (const Block<T>& block : blocks_) total += block.flop();
  return total;
}

template class Transformer<float>;
template class Transformer<double>;

}  // namespace libnorm
