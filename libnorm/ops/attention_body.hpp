#pragma once

#include <limits>

#include "libnorm/core/dual_pack.hpp"
#include "libnorm/ops/attention.hpp"
#include "libnorm/ops/gemm_body.hpp"

namespace libnorm {

/// score[j] becomes softmax(scale score[j] + log_count[j]), j = 0 .. n-1.
template <class T, class W>
LIBNORM_INLINE void softmax_scores(W warp, Pointer<T> score, const double* log_count, Index n,
                                   T scale) {
  using P = typename W::template Lanes<T>;
  using D = typename W::template Lanes<double>;
  const T kLowest(-std::numeric_limits<Real<T>>::infinity());
  P highest(kLowest);
  for (Index j = 0; j < n; j += kLanes) {
    const P log_n = narrow<T>(D::load(log_count + j, n - j));
    // No infinite lane goes in: its product with a tangent of 0 would be invalid.
    fma(P::load(score + j, n - j), P(scale), log_n).store(score + j, n - j);
    highest = larger(highest, P::load(score + j, n - j, kLowest));
  }
  const P top(largest(highest));
  const T total = sum_along<T>(warp, n, [&](Index j) LIBNORM_ALWAYS {
    const P e = math::exp_of_difference(P::load(score + j, n - j, kLowest) - top);
    e.store(score + j, n - j);
    return e;
  });
  const P share(T(1) / total);
  for (Index j = 0; j < n; j += kLanes) {
    (P::load(score + j, n - j) * share).store(score + j, n - j);
  }
}

/// x . y over n elements.
template <class T, class W>
LIBNORM_INLINE T dot(W warp, Pointer<const T> x, Pointer<const T> y, Index n) {
  using P = typename W::template Lanes<T>;
  return sum_products_along<T>(
      warp, n, [&](Index i) LIBNORM_ALWAYS { return P::load(x + i, n - i); },
      [&](Index i) LIBNORM_ALWAYS { return P::load(y + i, n - i); });
}

/// 32 channels of the rows of a sum over `count` rows, each times a number: factor(j) row(j) by one
/// fma, rows ascending.
template <class T, class W, class Factor, class Row>
LIBNORM_INLINE typename W::template Lanes<T> combine_rows(W warp, Index count, Factor factor,
                                                          Row row) {
  using P = typename W::template Lanes<T>;
  return with_sums<T>(warp, count, [&](auto total) LIBNORM_ALWAYS {
    using S = decltype(total);
    for (Index j = 0; j < count; ++j) total = fma(as<S>(P(T(factor(j)))), as<S>(row(j)), total);
    return as<P>(total);
  });
}

/// d_score[j] = p[j] (d_p[j] - sum_i p[i] d_p[i]) scale, in place of d_p.
template <class T, class W>
LIBNORM_INLINE void softmax_backward(W warp, Pointer<const T> p, Pointer<T> d_p, Index n, T scale) {
  using P = typename W::template Lanes<T>;
  const P mean(dot<T>(warp, p, Pointer<const T>(d_p), n));
  for (Index j = 0; j < n; j += kLanes) {
    const P d = P::load(p + j, n - j) * (P::load(d_p + j, n - j) - mean);
    (d * P(scale)).store(d_p + j, n - j);
  }
}

/// One output is one head of one sequence.
template <class T>
struct AttentionBody {
  static constexpr const char* kWork = "attention";
  static constexpr bool kOnProcessorAlone = true;
  MatrixView<const T> qkv;
  Sequences sequences;
  Index heads;
  Pointer<T> p;
  MatrixView<T> out;
  T scale;

  template <class W>
  LIBNORM_DEVICE void operator()(W warp, Index output) const {
    using Tag = typename W::Tag;
    const Index b = output / heads, h = output % heads;
    const Index row = sequences.first[b], n = sequences.first[b + 1] - row;
    const Index channels = out.cols, width = channels / heads;
    const auto rows = qkv.row_range(row, n);
    const auto q = rows.col_range(h * width, width);
    const auto k = rows.col_range(channels + h * width, width);
    const auto v = rows.col_range(2 * channels + h * width, width);
    const MatrixView<T> score(p + sequences.square_first[b] * heads + h * n * n, n, n);
    multiply<Tag, T>(plain(q), transposed(k), score);
    for (Index i = 0; i < n; ++i) {
      softmax_scores<T>(warp, score.row(i), sequences.log_count + row, n, scale);
    }
    multiply<Tag, T>(plain(score), plain(v), out.row_range(row, n).col_range(h * width, width));
  }
};

template <class T>
struct AttentionBackwardBody {
  static constexpr const char* kWork = "attention";
  static constexpr bool kOnProcessorAlone = true;
  MatrixView<const T> qkv;
  Sequences sequences;
  Index heads;
  Pointer<const T> p;
  MatrixView<const T> d_out;
  Pointer<T> d_p;
  MatrixView<T> d_qkv;
  T scale;

  template <class W>
  LIBNORM_DEVICE void operator()(W warp, Index output) const {
    using Tag = typename W::Tag;
    const Index b = output / heads, h = output % heads;
    const Index row = sequences.first[b], n = sequences.first[b + 1] - row;
    const Index channels = d_out.cols, width = channels / heads;
    const Index square = sequences.square_first[b] * heads + h * n * n;
    const auto rows = qkv.row_range(row, n);
    const auto d_rows = d_qkv.row_range(row, n);
    const auto q = rows.col_range(h * width, width);
    const auto k = rows.col_range(channels + h * width, width);
    const auto v = rows.col_range(2 * channels + h * width, width);
    const auto d = d_out.row_range(row, n).col_range(h * width, width);
    const MatrixView<const T> share(p + square, n, n);
    const MatrixView<T> d_score(d_p + square, n, n);
    multiply<Tag, T>(plain(d), transposed(v), d_score);
    multiply<Tag, T>(transposed(share), plain(d),
                     d_rows.col_range(2 * channels + h * width, width));
    for (Index i = 0; i < n; ++i) {
      softmax_backward<T>(warp, share.row(i), d_score.row(i), n, scale);
    }
    multiply<Tag, T>(plain(d_score), plain(k), d_rows.col_range(h * width, width));
    multiply<Tag, T>(transposed(d_score), plain(q), d_rows.col_range(channels + h * width, width));
  }
};

/// One output is one head of one sequence.
template <class T>
struct PredictionAttentionBody {
  static constexpr const char* kWork = "attention";
  MatrixView<const T> query, kv;
  const std::int32_t* gather;
  Sequences sequences;
  Index heads;
  Index rows;
  Pointer<T> p;
  MatrixView<T> out;
  T scale;

  template <class W>
  LIBNORM_DEVICE void operator()(W warp, Index output) const {
    using P = typename W::template Lanes<T>;
    const Index b = output / heads, h = output % heads;
    const Index row = sequences.first[b], n = sequences.first[b + 1] - row;
    const Index channels = out.cols, width = channels / heads;
    const Pointer<const T> q = query.row(b) + h * width;
    const Pointer<T> share = p + h * rows + row;
    for (Index j = 0; j < n; ++j) {
      const T score = dot<T>(warp, q, key(row + j) + h * width, width);
      warp.once([&]() LIBNORM_ALWAYS { share[j] = score; });
    }
    softmax_scores<T>(warp, share, sequences.log_count + row, n, scale);
    warp.sync();
    for (Index c = 0; c < width; c += kLanes) {
      combine_rows<T>(
          warp, n, [&](Index j) LIBNORM_ALWAYS { return T(share[j]); },
          [&](Index j) LIBNORM_ALWAYS {
            return P::load(key(row + j) + channels + h * width + c, width - c);
          })
          .store(out.row(b) + h * width + c, width - c);
    }
  }

 private:
  LIBNORM_INLINE Pointer<const T> key(Index r) const {
    return kv.row(gather == nullptr ? r : gather[r]);
  }
};

/// d_score and d_query; one output is one head of one sequence.
template <class T>
struct PredictionQueryBackwardBody {
  static constexpr const char* kWork = "attention";
  MatrixView<const T> kv;
  const std::int32_t* gather;
  Sequences sequences;
  Index heads;
  Index rows;
  Pointer<const T> p;
  MatrixView<const T> d_out;
  Pointer<T> d_score;
  MatrixView<T> d_query;
  T scale;

  template <class W>
  LIBNORM_DEVICE void operator()(W warp, Index output) const {
    using P = typename W::template Lanes<T>;
    const Index b = output / heads, h = output % heads;
    const Index row = sequences.first[b], n = sequences.first[b + 1] - row;
    const Index channels = d_out.cols, width = channels / heads;
    const Pointer<const T> d = d_out.row(b) + h * width;
    const Pointer<T> score = d_score + h * rows + row;
    for (Index j = 0; j < n; ++j) {
      const T s = dot<T>(warp, d, key(row + j) + channels + h * width, width);
      warp.once([&]() LIBNORM_ALWAYS { score[j] = s; });
    }
    softmax_backward<T>(warp, p + h * rows + row, score, n, scale);
    warp.sync();
    for (Index c = 0; c < width; c += kLanes) {
      combine_rows<T>(
          warp, n, [&](Index j) LIBNORM_ALWAYS { return T(score[j]); },
          [&](Index j) LIBNORM_ALWAYS { return P::load(key(row + j) + h * width + c, width - c); })
          .store(d_query.row(b) + h * width + c, width - c);
    }
  }

 private:
  LIBNORM_INLINE Pointer<const T> key(Index r) const {
    return kv.row(gather == nullptr ? r : gather[r]);
  }
};

/// d_kv; one output is one unique row.
template <class T>
struct PredictionKeyBackwardBody {
  static constexpr const char* kWork = "attention";
  MatrixView<const T> query;
  Groups groups;
  Sequences sequences;
  Index heads;
  Index rows;
  Pointer<const T> p;
  Pointer<const T> d_score;
  MatrixView<const T> d_out;
  MatrixView<T> d_kv;

  template <class W>
  LIBNORM_DEVICE void operator()(W warp, Index g) const {
    using P = typename W::template Lanes<T>;
    const Index channels = query.cols, width = channels / heads;
    const Index begin = groups.begin(g), end = groups.end(g);
    for (Index h = 0; h < heads; ++h) {
      for (Index c = 0; c < width; c += kLanes) {
        const Index at = h * width + c, left = width - c;
        with_sums<T>(warp, end - begin, [&](auto d_key) LIBNORM_ALWAYS {
          using S = decltype(d_key);
          S d_value = d_key;
          for (Index i = begin; i < end; ++i) {
            const Index r = groups.member(i), b = sequences.of_row[r];
            const S score(as<S>(P(T(d_score[h * rows + r])))), share(as<S>(P(T(p[h * rows + r]))));
            d_key = fma(score, as<S>(P::load(query.row(b) + at, left)), d_key);
            d_value = fma(share, as<S>(P::load(d_out.row(b) + at, left)), d_value);
          }
          as<P>(d_key).store(d_kv.row(g) + at, left);
          as<P>(d_value).store(d_kv.row(g) + channels + at, left);
        });
      }
    }
  }
};

}  // namespace libnorm
