#include "libnorm/models/attention_layer.hpp"

#include <cmath>

#include "libnorm/ops/attention.hpp"
#include "libnorm/ops/rows.hpp"

namespace libnorm {
namespace {

Sequences sequences_of(const BatchView& batch) {
  return {batch.sequences,       batch.rows,      batch.most_rows, batch.first, batch.square_first,
          batch.sequence_of_row, batch.log_counts};
}

}  // namespace

template <class T>
AttentionLayer<T>::AttentionLayer(const BlockOptions& options, const std::string& name,
                                  ParameterList& parameters, ParameterList& running)
    : channels_(options.channels),
      heads_(options.heads),
      has_norms_(options.normalization.query_key_norm.has_value()) {
  const Index c = channels_;
  const double from_channels = 1.0 / std::sqrt(double(c));
  // Xavier over the stacked 3C x C matrix; attention's biases start at 0.
  in_weight_ = parameters.add(name + "attention.in_proj.weight", 3 * c, c, Initial::uniform,
                              std::sqrt(6.0 / double(4 * c)));
  in_bias_ = parameters.add(name + "attention.in_proj.bias", 1, 3 * c, Initial::zero);
  out_weight_ =
      parameters.add(name + "attention.out_proj.weight", c, c, Initial::uniform, from_channels);
  out_bias_ = parameters.add(name + "attention.out_proj.bias", 1, c, Initial::zero);
  if (!has_norms_) return;
  Norm by_head = *options.normalization.query_key_norm;
  by_head.groups = heads_;
  query_norm_ = NormLayer<T>(by_head, c, name + "attention.query_norm.", parameters, running);
  key_norm_ = NormLayer<T>(by_head, c, name + "attention.key_norm.", parameters, running);
}

template <class T>
void AttentionLayer<T>::norm_queries_and_keys(const Pass<T>& pass, const MatrixView<T>& queries,
                                              const MatrixView<T>& keys) {
  if (!has_norms_) return;
  query_norm_.forward_in_place(pass, queries);
  key_norm_.forward_in_place(pass, keys);
}

template <class T>
void AttentionLayer<T>::norms_backward(const MatrixView<T>& d_queries, const MatrixView<T>& d_keys,
                                       Pointer<T> gradient) {
  if (!has_norms_) return;
  query_norm_.backward(d_queries, d_queries, gradient);
  key_norm_.backward(d_keys, d_keys, gradient);
}

template <class T>
void AttentionLayer<T>::attend(const Pass<T>& pass, const BlockInput<T>& input, RowSet set,
                               BlockScratch<T>& scratch) {
  const BatchView& batch = pass.batch;
  const Index c = channels_;
  const Pointer<const T> w = pass.weights + in_weight_, bias = pass.weights + in_bias_;
  const MatrixView<T> attended = attended_.view(input.rows.rows, c);
  attended_view_ = attended;
  if (set == RowSet::prediction) {
    const auto query = projected_.view(input.rows.rows, c);
    const auto kv = unique_projected_.view(input.unique_rows.rows, 2 * c);
    scratch.products.multiply(plain(input.rows), transposed(weight_matrix<T>(w, c, c)), query,
                              bias);
    scratch.products.multiply(plain(input.unique_rows),
                              transposed(weight_matrix<T>(w + c * c, 2 * c, c)), kv, bias + c);
    norm_queries_and_keys(pass, query, kv.col_range(0, c));
    const Pointer<T> share = share_.view(heads_, batch.rows).data;
    prediction_attention<T>(query, kv, input.gather, sequences_of(batch), heads_, share, attended);
    scratch.products.count(4.0 * double(batch.rows) * double(c));
    return;
  }
  const auto qkv = projected_.view(batch.rows, 3 * c);
  const auto made =
      input.gather == nullptr ? qkv : unique_projected_.view(input.unique_rows.rows, 3 * c);
  scratch.products.multiply(plain(input.unique_rows), transposed(weight_matrix<T>(w, 3 * c, c)),
                            made, bias);
  norm_queries_and_keys(pass, made.col_range(0, c), made.col_range(c, c));
  if (input.gather != nullptr) gather_rows<T>(made, input.gather, qkv);
  const Pointer<T> share = share_.view(heads_, batch.squares).data;
  attention<T>(qkv, sequences_of(batch), heads_, share, attended);
  scratch.products.count(4.0 * double(batch.squares) * double(c));
}

template <class T>
void AttentionLayer<T>::forward(const Pass<T>& pass, const BlockInput<T>& input, RowSet set,
                                BlockScratch<T>& scratch, const MatrixView<T>& branch) {
  attend(pass, input, set, scratch);
  scratch.products.multiply(
      plain(attended_view_),
      transposed(weight_matrix<T>(pass.weights + out_weight_, channels_, channels_)), branch,
      pass.weights + out_bias_);
}

template <class T>
void AttentionLayer<T>::backward(const Pass<T>& pass, const BlockInput<T>& input, RowSet set,
                                 const MatrixView<const T>& d_branch, Pointer<T> gradient,
                                 const MatrixView<T>& d_rows, Output output,
                                 const MatrixView<T>& d_unique_rows, BlockScratch<T>& scratch) {
  const BatchView& batch = pass.batch;
  const Index c = channels_;
  const auto d_attended = scratch.d_attended.view(d_branch.rows, c);
  scratch.products.multiply(plain(d_branch),
                            plain(weight_matrix<T>(pass.weights + out_weight_, c, c)), d_attended);
  weight_gradient<T>(scratch.products, d_branch, attended_view_, gradient + out_weight_,
                     gradient + out_bias_);
  if (set == RowSet::prediction) {
    prediction_backward(pass, input, d_attended, gradient, d_rows, output, d_unique_rows, scratch);
    return;
  }
  const Index squares = batch.squares;
  const auto qkv = projected_.view(batch.rows, 3 * c);
  auto d_qkv = scratch.d_projected.view(batch.rows, 3 * c);
  attention_backward<T>(qkv, sequences_of(batch), heads_, share_.view(heads_, squares).data,
                        d_attended, scratch.d_share.view(heads_, squares).data, d_qkv);
  scratch.products.count(8.0 * double(squares) * double(c));
  if (input.gather != nullptr) {
    const auto d_projected = scratch.d_unique_projected.view(input.unique_rows.rows, 3 * c);
    sum_groups<T>(d_qkv, input.gathered_by, {}, d_projected);
    d_qkv = d_projected;
  }
  norms_backward(d_qkv.col_range(0, c), d_qkv.col_range(c, c), gradient);
  weight_gradient<T>(scratch.products, d_qkv, input.unique_rows, gradient + in_weight_,
                     gradient + in_bias_);
  const auto w_all = plain(weight_matrix<T>(pass.weights + in_weight_, 3 * c, c));
  if (d_unique_rows.data != nullptr) {
    scratch.products.multiply(plain(d_qkv), w_all, d_unique_rows);
  } else {
    scratch.products.multiply(plain(d_qkv), w_all, d_rows, nullptr, output);
  }
}

template <class T>
void AttentionLayer<T>::prediction_backward(const Pass<T>& pass, const BlockInput<T>& input,
                                            const MatrixView<const T>& d_attended,
                                            Pointer<T> gradient, const MatrixView<T>& d_rows,
                                            Output output, const MatrixView<T>& d_unique_rows,
                                            BlockScratch<T>& scratch) {
  const BatchView& batch = pass.batch;
  const Index c = channels_, n = input.rows.rows, u = input.unique_rows.rows;
  const Pointer<const T> w = pass.weights + in_weight_;
  const Pointer<T> d_w = gradient + in_weight_, d_bias = gradient + in_bias_;
  const auto query = projected_.view(n, c);
  const auto kv = unique_projected_.view(u, 2 * c);
  const auto d_query = scratch.d_projected.view(n, c);
  const auto d_kv = scratch.d_unique_projected.view(u, 2 * c);
  prediction_attention_backward<T>(query, kv, input.gather, input.gathered_by, sequences_of(batch),
                                   heads_, share_.view(heads_, batch.rows).data, d_attended,
                                   scratch.d_share.view(heads_, batch.rows).data, d_query, d_kv);
  scratch.products.count(8.0 * double(batch.rows) * double(c));
  norms_backward(d_query, d_kv.col_range(0, c), gradient);
  weight_gradient<T>(scratch.products, d_query, input.rows, d_w, d_bias);
  weight_gradient<T>(scratch.products, d_kv, input.unique_rows, d_w + c * c, d_bias + c);
  scratch.products.multiply(plain(d_query), plain(weight_matrix<T>(w, c, c)), d_rows, nullptr,
                            output);
  scratch.products.multiply(plain(d_kv), plain(weight_matrix<T>(w + c * c, 2 * c, c)),
                            d_unique_rows);
}

template class AttentionLayer<float>;
template class AttentionLayer<double>;
template class AttentionLayer<Dual<double>>;

}  // namespace libnorm
