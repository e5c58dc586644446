#include "libnorm/models/block.hpp"

#include <cmath>
#include <type_traits>

#include "libnorm/ops/attention.hpp"
#include "libnorm/ops/gelu.hpp"
#include "libnorm/ops/gemm.hpp"
#include "libnorm/ops/rows.hpp"

namespace libnorm {
namespace {

Sequences sequences_of(const Batch& batch) {
  return {batch.sequences, batch.first.data(), batch.square_first.data(),
          batch.sequence_of_row.data(), batch.log_counts.data()};
}

template <class T>
MatrixView<const T> matrix(const T* data, Index rows, Index cols) {
  return {data, rows, cols};
}

}  // namespace

template <class T>
Block<T>::Block(const BlockOptions& options, const std::string& name, ParameterList& parameters,
                ParameterList& running)
    : options_(options) {
  const Index c = options.channels, h = options.hidden;
  const auto uniform = [&](const std::string& tensor, Index rows, Index cols, double bound) {
    return parameters.add(name + tensor, rows, cols, Initial::uniform, bound);
  };
  const auto vector = [&](const std::string& tensor, Index size, Initial initial) {
    return parameters.add(name + tensor, 1, size, initial);
  };
  const auto norm = [&](const std::string& which, Index& gain, Index& bias, Index& mean,
                        Index& variance) {
    if (options.norm.affine == Affine::gain_and_bias) {
      gain = vector(which + "gain", c, Initial::one);
      bias = vector(which + "bias", c, Initial::zero);
    }
    if (options.norm.has_running()) {
      mean = running.add(name + which + "running_mean", 1, c, Initial::zero);
      variance = running.add(name + which + "running_var", 1, c, Initial::one);
    }
  };
  const double from_channels = 1.0 / std::sqrt(double(c)), from_hidden = 1.0 / std::sqrt(double(h));
  // Xavier over the stacked 3C x C matrix; attention's biases start at 0.
  at_.in_weight = uniform("attention.in_proj.weight", 3 * c, c, std::sqrt(6.0 / double(4 * c)));
  at_.in_bias = vector("attention.in_proj.bias", 3 * c, Initial::zero);
  at_.out_weight = uniform("attention.out_proj.weight", c, c, from_channels);
  at_.out_bias = vector("attention.out_proj.bias", c, Initial::zero);
  norm("norm1.", at_.gain1, at_.bias1, at_.mean1, at_.variance1);
  at_.weight1 = uniform("ffn.linear1.weight", h, c, from_channels);
  at_.ffn_bias1 = uniform("ffn.linear1.bias", 1, h, from_channels);
  at_.weight2 = uniform("ffn.linear2.weight", c, h, from_hidden);
  at_.ffn_bias2 = uniform("ffn.linear2.bias", 1, c, from_hidden);
  norm("norm2.", at_.gain2, at_.bias2, at_.mean2, at_.variance2);
}

template <class T>
void Block<T>::product(const Factor<T>& a, const Factor<T>& b, const MatrixView<T>& c,
                       const T* bias, Output output) {
  flop_ += 2.0 * double(a.rows) * double(a.cols) * double(b.cols);
  gemm<T>(a, b, c, bias, output);
}

template <class T>
void Block<T>::weight_gradient(const MatrixView<const T>& d_y, const MatrixView<const T>& x,
                               T* d_weight, T* d_bias) {
  product(transposed(d_y), plain(x), MatrixView<T>(d_weight, d_y.cols, x.cols));
  sum_columns<T>(d_y, d_bias);
}

template <class T>
NormArrays<T> Block<T>::norm_arrays(const Batch& batch, RowSet set, NormBuffers& buffers,
                                    const MatrixView<const T>& input,
                                    const MatrixView<const T>& branch, const T* gain,
                                    const T* bias) {
  NormArrays<T> a;
  const Index rows = input.rows, c = options_.channels;
  a.input = input;
  a.branch = branch;
  a.count = set == RowSet::all ? batch.counts.data() : nullptr;
  a.positions = set == RowSet::all ? batch.positions : rows;
  const bool affine = options_.norm.affine == Affine::gain_and_bias;
  a.gain = affine ? gain : nullptr;
  a.bias = affine ? bias : nullptr;
  a.output = buffers.output.view(rows, c);
  a.stabilized = affine ? buffers.stabilized.view(rows, c) : a.output;
  a.scale = buffers.scale.view(1, rows > 4 * c ? rows : 4 * c).data;
  return a;
}

template <class T>
MatrixView<const T> Block<T>::attend(const Batch& batch, const BlockInput<T>& input, RowSet set,
                                     const T* weights) {
  const Index c = options_.channels, heads = options_.heads;
  const T* const w = weights + at_.in_weight;
  const T* const bias = weights + at_.in_bias;
  const MatrixView<T> attended = attended_.view(input.rows.rows, c);
  if (set == RowSet::readout) {
    const auto query = projected_.view(input.rows.rows, c);
    const auto kv = table_projected_.view(input.table.rows, 2 * c);
    product(plain(input.rows), transposed(matrix(w, c, c)), query, bias);
    product(plain(input.table), transposed(matrix(w + c * c, 2 * c, c)), kv, bias + c);
    T* share = share_.view(heads, batch.rows()).data;
    readout_attention<T>(query, kv, input.table_row, sequences_of(batch), heads, share, attended);
    flop_ += 4.0 * double(batch.rows()) * double(c);
    return attended;
  }
  const auto qkv = projected_.view(batch.rows(), 3 * c);
  if (input.table_row == nullptr) {
    product(plain(input.table), transposed(matrix(w, 3 * c, c)), qkv, bias);
  } else {
    const auto table = table_projected_.view(input.table.rows, 3 * c);
    product(plain(input.table), transposed(matrix(w, 3 * c, c)), table, bias);
    gather_rows<T>(table, input.table_row, qkv);
  }
  T* share = share_.view(heads, batch.square_first.back()).data;
  attention<T>(qkv, sequences_of(batch), heads, share, attended);
  flop_ += 4.0 * double(batch.square_first.back()) * double(c);
  return attended;
}

template <class T>
MatrixView<const T> Block<T>::forward(const Batch& batch, const BlockInput<T>& input, RowSet set,
                                      Phase phase, const T* weights, T* running,
                                      BlockScratch<T>& scratch) {
  const Index n = input.rows.rows, c = options_.channels, h = options_.hidden;
  const auto attended = attend(batch, input, set, weights);
  const auto branch = scratch.branch.view(n, c);
  product(plain(attended), transposed(matrix(weights + at_.out_weight, c, c)), branch,
          weights + at_.out_bias);
  arrays1_ =
      norm_arrays(batch, set, norm1_, input.rows, branch, weights + at_.gain1, weights + at_.bias1);
  arrays1_.running_mean = running == nullptr ? nullptr : running + at_.mean1;
  arrays1_.running_variance = running == nullptr ? nullptr : running + at_.variance1;
  norm_forward(options_.norm, phase, arrays1_);
  const MatrixView<const T> middle = arrays1_.output;

  const auto hidden = hidden_.view(n, h);
  product(plain(middle), transposed(matrix(weights + at_.weight1, h, c)), hidden,
          weights + at_.ffn_bias1);
  gelu<T>(hidden, hidden, slope_.view(n, h));
  const auto branch2 = scratch.branch.view(n, c);
  product(plain(hidden), transposed(matrix(weights + at_.weight2, c, h)), branch2,
          weights + at_.ffn_bias2);
  arrays2_ =
      norm_arrays(batch, set, norm2_, middle, branch2, weights + at_.gain2, weights + at_.bias2);
  arrays2_.running_mean = running == nullptr ? nullptr : running + at_.mean2;
  arrays2_.running_variance = running == nullptr ? nullptr : running + at_.variance2;
  norm_forward(options_.norm, phase, arrays2_);
  return arrays2_.output;
}

template <class T>
void Block<T>::backward(const Batch& batch, const BlockInput<T>& input, RowSet set,
                        const MatrixView<const T>& d_output, const T* weights, T* gradient,
                        const MatrixView<T>& d_rows, const MatrixView<T>& d_table,
                        BlockScratch<T>& scratch) {
  const Index n = input.rows.rows, c = options_.channels, h = options_.hidden;
  const bool affine = options_.norm.affine == Affine::gain_and_bias;
  const auto affine_gradient = [&](Index offset) { return affine ? gradient + offset : nullptr; };

  const auto d_sum2 = scratch.d_sum2.view(n, c);
  norm_backward<T>(options_.norm, arrays2_, d_output, d_sum2, affine_gradient(at_.gain2),
                   affine_gradient(at_.bias2));
  const auto d_hidden = scratch.d_hidden.view(n, h);
  product(plain(d_sum2), plain(matrix(weights + at_.weight2, c, h)), d_hidden);
  weight_gradient(d_sum2, hidden_.view(n, h), gradient + at_.weight2, gradient + at_.ffn_bias2);
  gelu_backward<T>(d_hidden, slope_.view(n, h), d_hidden);
  weight_gradient(d_hidden, arrays1_.output, gradient + at_.weight1, gradient + at_.ffn_bias1);
  // The residual: d_sum2 is the gradient of norm1's output along the branch that skips the ffn.
  product(plain(d_hidden), plain(matrix(weights + at_.weight1, h, c)), d_sum2, nullptr,
          Output::add);
  norm_backward<T>(options_.norm, arrays1_, d_sum2, d_rows, affine_gradient(at_.gain1),
                   affine_gradient(at_.bias1));

  const auto d_attended = scratch.d_attended.view(n, c);
  product(plain(d_rows), plain(matrix(weights + at_.out_weight, c, c)), d_attended);
  weight_gradient(d_rows, attended_.view(n, c), gradient + at_.out_weight, gradient + at_.out_bias);
  attend_backward(batch, input, set, d_attended, weights, gradient, d_rows, d_table, scratch);
}

template <class T>
void Block<T>::attend_backward(const Batch& batch, const BlockInput<T>& input, RowSet set,
                               const MatrixView<const T>& d_attended, const T* weights, T* gradient,
                               const MatrixView<T>& d_rows, const MatrixView<T>& d_table,
                               BlockScratch<T>& scratch) {
  const Index c = options_.channels, heads = options_.heads;
  const T* const w = weights + at_.in_weight;
  T* const d_w = gradient + at_.in_weight;
  T* const d_bias = gradient + at_.in_bias;
  const Sequences sequences = sequences_of(batch);
  if (set == RowSet::readout) {
    const Index n = input.rows.rows, u = input.table.rows;
    const auto query = projected_.view(n, c);
    const auto kv = table_projected_.view(u, 2 * c);
    const auto d_query = scratch.d_projected.view(n, c);
    const auto d_kv = scratch.d_table_projected.view(u, 2 * c);
    readout_attention_backward<T>(query, kv, input.table_row, input.users, sequences, heads,
                                  share_.view(heads, batch.rows()).data, d_attended,
                                  scratch.d_share.view(heads, batch.rows()).data, d_query, d_kv);
    flop_ += 8.0 * double(batch.rows()) * double(c);
    weight_gradient(d_query, input.rows, d_w, d_bias);
    weight_gradient(d_kv, input.table, d_w + c * c, d_bias + c);
    product(plain(d_query), plain(matrix(w, c, c)), d_rows, nullptr, Output::add);
    product(plain(d_kv), plain(matrix(w + c * c, 2 * c, c)), d_table);
    return;
  }
  const Index squares = batch.square_first.back();
  const auto qkv = projected_.view(batch.rows(), 3 * c);
  auto d_qkv = scratch.d_projected.view(batch.rows(), 3 * c);
  attention_backward<T>(qkv, sequences, heads, share_.view(heads, squares).data, d_attended,
                        scratch.d_share.view(heads, squares).data, d_qkv);
  flop_ += 8.0 * double(squares) * double(c);
  if (input.table_row != nullptr) {
    const auto d_projected = scratch.d_table_projected.view(input.table.rows, 3 * c);
    sum_groups<T>(d_qkv, input.users, {}, d_projected);
    d_qkv = d_projected;
  }
  weight_gradient(d_qkv, input.table, d_w, d_bias);
  const auto w_all = plain(matrix(w, 3 * c, c));
  if (d_table.data != nullptr) {
    product(plain(d_qkv), w_all, d_table);
  } else {
    product(plain(d_qkv), w_all, d_rows, nullptr, Output::add);
  }
}

template class Block<float>;
template class Block<double>;

}  // namespace libnorm
