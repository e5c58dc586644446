#include "libnorm/ops/attention_cuda.hpp"

#include "libnorm/ops/attention_body.hpp"
#include "libnorm/ops/gemm_kernel.hpp"

namespace libnorm {
namespace {

/// The matrices of one head of one sequence.
struct Heads {
  Sequences sequences;
  Index heads;

  struct Head {
    Index row, rows, h, square;
  };
  __device__ Head head(Index problem) const {
    const Index b = problem / heads, h = problem % heads;
    const Index row = sequences.first[b], n = sequences.first[b + 1] - row;
    return {row, n, h, sequences.square_first[b] * heads + h * n * n};
  }
};

/// Columns of a matrix that belong to a head: part 0 queries, 1 keys, 2 values.
template <class T>
__device__ MatrixView<T> columns(const MatrixView<T>& m, const Heads::Head& head, Index part,
                                 Index channels, Index width) {
  return m.row_range(head.row, head.rows).col_range(part * channels + head.h * width, width);
}

/// squares = x y^T, for the rows of a head in two matrices.
struct SquareProblems {
  Heads heads;
  MatrixView<const float> x, y;
  Index x_part, y_part, channels;
  float* squares;

  __device__ GemmProblem operator()(Index problem) const {
    const Heads::Head head = heads.head(problem);
    const Index width = channels / heads.heads;
    return {plain(columns(x, head, x_part, channels, width)),
            transposed(columns(y, head, y_part, channels, width)),
            MatrixView<float>(squares + head.square, head.rows, head.rows), nullptr, false};
  }
};

/// out = square x, or square^T x.
struct RowProblems {
  Heads heads;
  const float* squares;
  bool transpose;
  MatrixView<const float> x;
  Index x_part;
  MatrixView<float> out;
  Index out_part, channels;

  __device__ GemmProblem operator()(Index problem) const {
    const Heads::Head head = heads.head(problem);
    const Index width = channels / heads.heads;
    const MatrixView<const float> square(squares + head.square, head.rows, head.rows);
    return {transpose ? transposed(square) : plain(square),
            plain(columns(x, head, x_part, channels, width)),
            columns(out, head, out_part, channels, width), nullptr, false};
  }
};

/// Where the scores of one row and head stand.
template <class T>
struct ScoreRow {
  Index begin, keys, first_key;

  __device__ ScoreRow(const Sequences& sequences, Index heads, Index output) {
    const Index r = output / heads, h = output % heads, b = sequences.of_row[r];
    first_key = sequences.first[b];
    keys = sequences.first[b + 1] - first_key;
    begin = sequences.square_first[b] * heads + h * keys * keys + (r - first_key) * keys;
  }
};

/// One output is one row of one head's scores.
template <class T>
struct SoftmaxBody {
  Sequences sequences;
  Index heads;
  T* p;
  T scale;

  template <class W>
  LIBNORM_DEVICE void operator()(W warp, Index output) const {
    const ScoreRow<T> row(sequences, heads, output);
    softmax_scores<T>(warp, p + row.begin, sequences.log_count + row.first_key, row.keys, scale);
  }
};

template <class T>
struct SoftmaxBackwardBody {
  Sequences sequences;
  Index heads;
  const T* p;
  T* d_p;
  T scale;

  template <class W>
  LIBNORM_DEVICE void operator()(W warp, Index output) const {
    const ScoreRow<T> row(sequences, heads, output);
    softmax_backward<T>(warp, p + row.begin, d_p + row.begin, row.keys, scale);
  }
};

}  // namespace

void attention_on_gpu(const MatrixView<const float>& qkv, const Sequences& sequences, Index heads,
                      float* p, const MatrixView<float>& out, float scale) {
  const Heads all{sequences, heads};
  const Index c = out.cols, problems = sequences.count * heads, most = sequences.most_rows;
  launch_gemm(SquareProblems{all, qkv, qkv, 0, 1, c, p}, problems, most, most);
  KernelEntry<Cuda, SoftmaxBody<float>>::run({sequences, heads, p, scale}, 0, out.rows * heads);
  launch_gemm(RowProblems{all, p, false, qkv, 2, out, 0, c}, problems, most, c / heads);
}

void attention_backward_on_gpu(const MatrixView<const float>& qkv, const Sequences& sequences,
                               Index heads, const float* p, const MatrixView<const float>& d_out,
                               float* d_p, const MatrixView<float>& d_qkv, float scale) {
  const Heads all{sequences, heads};
  const Index c = d_out.cols, width = c / heads;
  const Index problems = sequences.count * heads, most = sequences.most_rows;
  launch_gemm(SquareProblems{all, d_out, qkv, 0, 2, c, d_p}, problems, most, most);
  launch_gemm(RowProblems{all, p, true, d_out, 0, d_qkv, 2, c}, problems, most, width);
  KernelEntry<Cuda, SoftmaxBackwardBody<float>>::run({sequences, heads, p, d_p, scale}, 0,
                                                     d_out.rows * heads);
  launch_gemm(RowProblems{all, d_p, false, qkv, 1, d_qkv, 0, c}, problems, most, width);
  launch_gemm(RowProblems{all, d_p, true, qkv, 0, d_qkv, 1, c}, problems, most, width);
}

}  // namespace libnorm
