#pragma once

#include "libnorm/core/groups.hpp"
#include "libnorm/core/tensor.hpp"

namespace libnorm {

/// The rows of each sequence, and their multiplicities. A sequence without positions is a multiset:
/// equal tokens have equal rows, so one row with its multiplicity is enough.
struct Sequences {
  /// B
  Index count = 0;
  /// R, the rows of all.
  Index rows = 0;
  /// Rows of the longest; asked for on a GPU alone.
  Index most_rows = 0;
  /// [B + 1]: sequence b is rows first[b] .. first[b + 1] - 1.
  const Index* first = nullptr;
  /// [B + 1]: where the square matrices of its heads begin: sums of (rows of a sequence)^2.
  const Index* square_first = nullptr;
  /// [R]: the sequence of a row.
  const std::int32_t* of_row = nullptr;
  /// [R]: log of the multiplicity.
  const double* log_count = nullptr;
};

/// Self-attention of every row, for each sequence and head h of width D = C / H:
///
///     p[i, j] = softmax_j(q_i . k_j / sqrt(D) + log count_j),  out_i = sum_j p[i, j] v_j
///
/// qkv [R, 3C] holds queries, keys and values side by side; out [R, C].
/// Saves: p, H squares for each sequence, one head after the other.
/// Order: products as in gemm; softmax and sums over j in the one order.
/// Source: Vaswani et al. 2017 (arXiv:1706.03762); PyTorch's MultiheadAttention without dropout.
template <class T>
void attention(const MatrixView<const T>& qkv, const Sequences& sequences, Index heads,
               Pointer<T> p, const MatrixView<T>& out);

/// d_qkv from d_out; `d_p` is scratch of p's size.
template <class T>
void attention_backward(const MatrixView<const T>& qkv, const Sequences& sequences, Index heads,
                        Pointer<const T> p, const MatrixView<const T>& d_out, Pointer<T> d_p,
                        const MatrixView<T>& d_qkv);

/// Attention of one query for each sequence, that of its prediction position.
///
/// query [B, C]; kv [U, 2C] keys and values of unique rows, row r using kv[gather[r]] (null: r
/// itself); out [B, C]. Saves: p [H, R].
/// Order: dot products in the one order over D; out over rows ascending.
template <class T>
void prediction_attention(const MatrixView<const T>& query, const MatrixView<const T>& kv,
                          const std::int32_t* gather, const Sequences& sequences, Index heads,
                          Pointer<T> p, const MatrixView<T>& out);

/// d_query [B, C] and d_kv [U, 2C] from d_out [B, C]. groups: the rows that gather each unique row.
/// Scratch: d_score [H, R].
/// Order: d_query over rows ascending; d_kv over the members of a group ascending.
template <class T>
void prediction_attention_backward(const MatrixView<const T>& query, const MatrixView<const T>& kv,
                                   const std::int32_t* gather, const Groups& groups,
                                   const Sequences& sequences, Index heads, Pointer<const T> p,
                                   const MatrixView<const T>& d_out, Pointer<T> d_score,
                                   const MatrixView<T>& d_query, const MatrixView<T>& d_kv);

}  // namespace libnorm
