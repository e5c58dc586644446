#include "libnorm/ops/attention.hpp"

#include "libnorm/core/launch.hpp"
#if defined(LIBNORM_CUDA)
#include "libnorm/ops/attention_cuda.hpp"
#endif
#include "libnorm/ops/attention_body.hpp"

namespace libnorm {
namespace {

/// `name [R, C]`, for messages.
template <class T>
std::string text_of(const char* name, const MatrixView<T>& m) {
  return std::string(name) + ' ' + shape_text(m.rows, m.cols);
}

/// 1 / sqrt(D), after checking that the sizes fit. arrived: makes the text of what came.
template <class T, class Arrived>
T checked_scale(const char* where, Index channels, Index heads, bool fits, Arrived arrived,
                const char* right) {
  if (!fits) {
    throw ShapeError(std::string(where) + ": sizes differ (" + arrived() + "); need " + right);
  }
  if (heads < 1 || channels % heads != 0) {
    throw ShapeError(std::string(where) + ": heads do not divide the channels (channels " +
                     std::to_string(channels) + ", heads " + std::to_string(heads) +
                     "); need heads >= 1 that do");
  }
  return T(1) / square_root(T(channels / heads));
}

}  // namespace

template <class T>
void attention(const MatrixView<const T>& qkv, const Sequences& sequences, Index heads,
               Pointer<T> p, const MatrixView<T>& out) {
  const T scale = checked_scale<T>(
      "attention", out.cols, heads, qkv.cols == 3 * out.cols && qkv.rows == out.rows,
      [&] { return text_of("qkv", qkv) + ", " + text_of("out", out); },
      "qkv [R, 3 C] for out [R, C]");
#if defined(LIBNORM_CUDA)
  if constexpr (std::is_same_v<T, float>) {
    if (current_device() == Device::cuda) {
      return attention_on_gpu(qkv, sequences, heads, p, out, scale);
    }
  }
#endif
  launch(sequences.count * heads, 1, AttentionBody<T>{qkv, sequences, heads, p, out, scale});
}

template <class T>
void attention_backward(const MatrixView<const T>& qkv, const Sequences& sequences, Index heads,
                        Pointer<const T> p, const MatrixView<const T>& d_out, Pointer<T> d_p,
                        const MatrixView<T>& d_qkv) {
  const T scale = checked_scale<T>(
      "attention_backward", d_out.cols, heads,
      qkv.cols == 3 * d_out.cols && d_qkv.cols == qkv.cols && d_qkv.rows == qkv.rows,
      [&] {
        return text_of("qkv", qkv) + ", " + text_of("d_out", d_out) + ", " +
               text_of("d_qkv", d_qkv);
      },
      "qkv and d_qkv [R, 3 C] for d_out [R, C]");
#if defined(LIBNORM_CUDA)
  if constexpr (std::is_same_v<T, float>) {
    if (current_device() == Device::cuda) {
      return attention_backward_on_gpu(qkv, sequences, heads, p, d_out, d_p, d_qkv, scale);
    }
  }
#endif
  launch(sequences.count * heads, 1,
         AttentionBackwardBody<T>{qkv, sequences, heads, p, d_out, d_p, d_qkv, scale});
}

template <class T>
void prediction_attention(const MatrixView<const T>& query, const MatrixView<const T>& kv,
                          const std::int32_t* gather, const Sequences& sequences, Index heads,
                          Pointer<T> p, const MatrixView<T>& out) {
  const T scale = checked_scale<T>(
      "prediction_attention", out.cols, heads,
      query.cols == out.cols && kv.cols == 2 * out.cols && query.rows == sequences.count,
      [&] {
        return text_of("query", query) + ", " + text_of("kv", kv) + ", " + text_of("out", out) +
               ", " + std::to_string(sequences.count) + " sequences";
      },
      "query [sequences, C] and kv [R, 2 C] for out [sequences, C]");
  launch(sequences.count * heads, 8,
         PredictionAttentionBody<T>{query, kv, gather, sequences, heads, sequences.rows, p, out,
                                    scale});
}

template <class T>
void prediction_attention_backward(const MatrixView<const T>& query, const MatrixView<const T>& kv,
                                   const std::int32_t* gather, const Groups& groups,
                                   const Sequences& sequences, Index heads, Pointer<const T> p,
                                   const MatrixView<const T>& d_out, Pointer<T> d_score,
                                   const MatrixView<T>& d_query, const MatrixView<T>& d_kv) {
  const T scale = checked_scale<T>(
      "prediction_attention_backward", d_out.cols, heads,
      query.cols == d_out.cols && kv.cols == 2 * d_out.cols && d_kv.cols == kv.cols &&
          d_kv.rows == groups.count,
      [&] {
        return text_of("query", query) + ", " + text_of("kv", kv) + ", " + text_of("d_out", d_out) +
               ", " + text_of("d_kv", d_kv) + ", " + std::to_string(groups.count) + " groups";
      },
      "query [., C], kv [R, 2 C] and d_kv [groups, 2 C] for d_out [., C]");
  const Index rows = sequences.rows;
  launch(sequences.count * heads, 8,
         PredictionQueryBackwardBody<T>{kv, gather, sequences, heads, rows, p, d_out, d_score,
                                        d_query, scale});
  launch(
      groups.count, 16,
      PredictionKeyBackwardBody<T>{query, groups, sequences, heads, rows, p, d_score, d_out, d_kv});
}

#define LIBNORM_INSTANTIATE(T)                                                                    \
  template void attention<T>(const MatrixView<const T>&, const Sequences&, Index, Pointer<T>,     \
                             const MatrixView<T>&);                                               \
  template void attention_backward<T>(const MatrixView<const T>&, const Sequences&, Index,        \
                                      Pointer<const T>, const MatrixView<const T>&, Pointer<T>,   \
                                      const MatrixView<T>&);                                      \
  template void prediction_attention<T>(const MatrixView<const T>&, const MatrixView<const T>&,   \
                                        const std::int32_t*, const Sequences&, Index, Pointer<T>, \
                                        const MatrixView<T>&);                                    \
  template void prediction_attention_backward<T>(                                                 \
      const MatrixView<const T>&, const MatrixView<const T>&, const std::int32_t*, const Groups&, \
      const Sequences&, Index, Pointer<const T>, const MatrixView<const T>&, Pointer<T>,          \
      const MatrixView<T>&, const MatrixView<T>&);
LIBNORM_INSTANTIATE(float)
LIBNORM_INSTANTIATE(double)
LIBNORM_INSTANTIATE(Dual<double>)
#undef LIBNORM_INSTANTIATE

}  // namespace libnorm
