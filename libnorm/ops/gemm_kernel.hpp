#pragma once

// Included by the translation units that hold kernels, and by nothing else.

#include "libnorm/core/cuda_kernel_entry.hpp"
#include "libnorm/ops/gemm.hpp"

namespace libnorm {

/// One product of a launch that may hold many.
struct GemmProblem {
  Factor<float> a, b;
  MatrixView<float> c;
  const float* bias;
  bool add;
};

/// Threads of a block along the rows and along the columns of its tile of C.
inline constexpr int kGemmSide = 16;
inline constexpr int kGemmThreads = kGemmSide * kGemmSide;
/// Terms of A and B that stand in shared memory, while the next ones are on their way to registers.
inline constexpr int kGemmDepth = 16;
static_assert(kSegment % kGemmDepth == 0);

/// Slices of a factor, kGemmDepth terms each: `lines` lines of it, at most kTile, of which a thread
/// multiplies kMicro.
template <int kMicro>
struct GemmSlice {
  static constexpr int kTile = kMicro * kGemmSide;
  /// Numbers that a thread reads at a time, next to each other.
  static constexpr int kVector = kMicro < 4 ? kMicro : 4;
  /// A line of shared memory has four more numbers, so that threads that write along a column have
  /// few bank conflicts.
  static constexpr int kLine = kTile + 4;
  static constexpr int kStage = kTile * kGemmDepth / kGemmThreads;
  static constexpr int kShared = kGemmDepth * kLine;

  struct alignas(kVector * sizeof(float)) Vector {
    float v[kVector];
  };

  /// What this thread fetches: its i-th number stands at data + i step, line + i line_step of the
  /// tile and term + i term_step of the slice. A warp reads memory along whichever of the two is
  /// contiguous.
  const float* data;
  Index step, next_slice;
  int line, line_step, term, term_step, lines;

  __device__ GemmSlice(const float* first, Index line_stride, Index term_stride, Index left)
      : lines(left < kTile ? int(left) : kTile) {
    const bool along_lines = line_stride == 1;
    const int thread = int(threadIdx.x);
    line = along_lines ? thread % kTile : thread / kGemmDepth;
    term = along_lines ? thread / kTile : thread % kGemmDepth;
    line_step = along_lines ? 0 : kGemmThreads / kGemmDepth;
    term_step = along_lines ? kGemmThreads / kTile : 0;
    data = first + line * line_stride + term * term_stride;
    step = line_step * line_stride + term_step * term_stride;
    next_slice = kGemmDepth * term_stride;
  }

  /// Where number i of a thread stands in its tile.
  static __device__ int place(int thread, int i) {
    return i / kVector * (kGemmSide * kVector) + thread * kVector + i % kVector;
  }

  /// The next slice, `left` terms of which there are.
  __device__ void fetch(Index left, float (&stage)[kStage]) {
#pragma unroll
    for (int i = 0; i < kStage; ++i) {
      const bool inside = line + i * line_step < lines && term + i * term_step < left;
      stage[i] = inside ? data[i * step] : 0.0f;
    }
    data += next_slice;
  }
  __device__ void put(const float (&stage)[kStage], float* shared) const {
    float* const to = shared + term * kLine + line;
#pragma unroll
    for (int i = 0; i < kStage; ++i) to[i * (term_step * kLine + line_step)] = stage[i];
  }
  /// The thread's lines of one term.
  static __device__ void take(const float* shared, int term, int thread, float (&x)[kMicro]) {
#pragma unroll
    for (int i = 0; i < kMicro; i += kVector) {
      const Vector vector =
          *reinterpret_cast<const Vector*>(shared + term * kLine + place(thread, i));
#pragma unroll
      for (int v = 0; v < kVector; ++v) x[i + v] = vector.v[v];
    }
  }
};

/// A block's tile of C: kRows x kCols numbers for each thread.
template <int kRows, int kCols>
struct GemmBlock {
  using A = GemmSlice<kRows>;
  using B = GemmSlice<kCols>;
  static constexpr std::size_t kSharedBytes = (A::kShared + B::kShared) * sizeof(float);

  /// One term of the chains.
  static __device__ void multiply_add(const float* a, const float* b, int term, int row, int col,
                                      float (&acc)[kRows][kCols]) {
    float x[kRows], y[kCols];
    A::take(a, term, row, x);
    B::take(b, term, col, y);
#pragma unroll
    for (int i = 0; i < kRows; ++i) {
#pragma unroll
      for (int j = 0; j < kCols; ++j) acc[i][j] = fused(x[i], y[j], acc[i][j]);
    }
  }

  /// total = total + acc, or acc for the first segment; acc = 0.
  static __device__ void end_segment(bool first, float (&acc)[kRows][kCols],
                                     float (&total)[kRows][kCols]) {
#pragma unroll
    for (int i = 0; i < kRows; ++i) {
#pragma unroll
      for (int j = 0; j < kCols; ++j) {
        total[i][j] = first ? acc[i][j] : total[i][j] + acc[i][j];
        acc[i][j] = 0.0f;
      }
    }
  }

  /// The tile of C that begins at row0, col0.
  static __device__ void run(const GemmProblem& p, Index row0, Index col0) {
    float* const shared_a = shared_memory();
    float* const shared_b = shared_a + A::kShared;
    const int row = int(threadIdx.x) / kGemmSide, col = int(threadIdx.x) % kGemmSide;
    A a(p.a.data + row0 * p.a.row_stride, p.a.row_stride, p.a.col_stride, p.c.rows - row0);
    B b(p.b.data + col0 * p.b.col_stride, p.b.col_stride, p.b.row_stride, p.c.cols - col0);
    const Index terms = p.a.cols;
    float acc[kRows][kCols] = {}, total[kRows][kCols];
    start(p, row0, col0, a.lines, b.lines, total);
    bool first = !p.add;
    float next_a[A::kStage], next_b[B::kStage];
    a.fetch(terms, next_a);
    b.fetch(terms, next_b);
    for (Index term = 0; term < terms; term += kGemmDepth) {
      a.put(next_a, shared_a);
      b.put(next_b, shared_b);
      __syncthreads();
      a.fetch(terms - term - kGemmDepth, next_a);
      b.fetch(terms - term - kGemmDepth, next_b);
      if (terms - term >= kGemmDepth) {
#pragma unroll 4
        for (int k = 0; k < kGemmDepth; ++k) multiply_add(shared_a, shared_b, k, row, col, acc);
      } else {
        // Zeros behind the last term would turn a sum of -0 to +0.
        for (int k = 0; k < int(terms - term); ++k) {
          multiply_add(shared_a, shared_b, k, row, col, acc);
        }
      }
      __syncthreads();
      if ((term + kGemmDepth) % kSegment == 0 && term + kGemmDepth < terms) {
        end_segment(first, acc, total);
        first = false;
      }
    }
    end_segment(first, acc, total);
    store(p, row0, col0, a.lines, b.lines, total);
  }

  /// C joins before the first segment.
  static __device__ void start(const GemmProblem& p, Index row0, Index col0, int rows, int cols,
                               float (&total)[kRows][kCols]) {
    const int row = int(threadIdx.x) / kGemmSide, col = int(threadIdx.x) % kGemmSide;
#pragma unroll
    for (int i = 0; i < kRows; ++i) {
#pragma unroll
      for (int j = 0; j < kCols; ++j) {
        const int r = A::place(row, i), c = B::place(col, j);
        total[i][j] = p.add && r < rows && c < cols ? p.c(row0 + r, col0 + c) : 0.0f;
      }
    }
  }

  static __device__ void store(const GemmProblem& p, Index row0, Index col0, int rows, int cols,
                               const float (&total)[kRows][kCols]) {
    const int row = int(threadIdx.x) / kGemmSide, col = int(threadIdx.x) % kGemmSide;
#pragma unroll
    for (int i = 0; i < kRows; ++i) {
#pragma unroll
      for (int j = 0; j < kCols; ++j) {
        const int r = A::place(row, i), c = B::place(col, j);
        if (r < rows && c < cols) {
          const float x = total[i][j];
          p.c(row0 + r, col0 + c) = p.bias == nullptr ? x : x + p.bias[col0 + c];
        }
      }
    }
  }
};

/// Block x does tile x mod tiles of problem x / tiles, where the problem has such a tile.
template <int kRows, int kCols, class Problems>
__global__ void __launch_bounds__(kGemmThreads, 2)
    run_gemm(Problems problems, Index tile_rows, Index tile_cols) {
  using Block = GemmBlock<kRows, kCols>;
  const Index tile = Index(blockIdx.x) % (tile_rows * tile_cols);
  const GemmProblem p = problems(Index(blockIdx.x) / (tile_rows * tile_cols));
  const Index row0 = tile / tile_cols * Block::A::kTile;
  const Index col0 = tile % tile_cols * Block::B::kTile;
  if (row0 < p.c.rows && col0 < p.c.cols) Block::run(p, row0, col0);
}

/// Tiles of `tile` that cover a size.
inline Index tiles_of(Index size, int tile) { return (size + tile - 1) / tile; }

/// `count` problems, of at most rows x cols each.
template <int kRows, int kCols, class Problems>
void launch_gemm(const Problems& problems, Index count, Index rows, Index cols) {
  using Block = GemmBlock<kRows, kCols>;
  const Index tile_rows = tiles_of(rows, Block::A::kTile),
              tile_cols = tiles_of(cols, Block::B::kTile);
  const auto config = launch_config(dim3(unsigned(count * tile_rows * tile_cols)), kGemmThreads,
                                    Block::kSharedBytes);
  require_cuda(cudaLaunchKernelEx(&config, &run_gemm<kRows, kCols, Problems>, problems, tile_rows,
                                  tile_cols),
               "gemm");
}

/// The same with the largest tiles that keep the device busy.
template <class Problems>
void launch_gemm(const Problems& problems, Index count, Index rows, Index cols) {
  const auto blocks = [&](int height, int width) {
    return count * tiles_of(rows, height) * tiles_of(cols, width);
  };
  if (blocks(128, 64) >= multiprocessors()) {
    launch_gemm<8, 4>(problems, count, rows, cols);
  } else if (blocks(64, 64) >= multiprocessors()) {
    launch_gemm<4, 4>(problems, count, rows, cols);
  } else {
    launch_gemm<2, 2>(problems, count, rows, cols);
  }
}

}  // namespace libnorm
