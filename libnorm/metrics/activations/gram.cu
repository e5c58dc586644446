#include "libnorm/core/cuda_kernel_entry.hpp"
#include "libnorm/metrics/activations/gram_cuda.hpp"

namespace libnorm {
namespace {

/// Threads of a block along the rows and along the columns of its tile, and numbers that each has
/// in either direction, kGramSide apart.
constexpr int kGramSide = 16, kGramMicro = 4;
constexpr int kGramTile = kGramSide * kGramMicro, kGramThreads = kGramSide * kGramSide;
/// Rows that stand in shared memory.
constexpr int kGramDepth = 16;
constexpr int kTilesOfBlock = int(kGramBlock) / kGramTile;
static_assert(kGramSegment % kGramDepth == 0 && kGramBlock % kGramTile == 0);

/// Means, sums and tops, a thread for each column of each shard.
template <class T>
__global__ void __launch_bounds__(kGramThreads) find_means(GramTask<T> task) {
  const Index output = Index(blockIdx.x) * kGramThreads + threadIdx.x, cols = task.x.cols;
  const Index shard = output / cols, j = output % cols;
  if (shard >= task.shards()) return;
  const double start = task.start[j];
  double sum = 0;
  T top = 0;
  for (Index r = shard * task.shard_rows; r < task.shard_end(shard); ++r) {
    const T x = task.x(r, j), size = x < 0 ? -x : x;
    sum = fused(task.weight[r], double(x) - start, sum);
    top = size > top ? size : top;
  }
  task.sums[output] = sum;
  task.means[output] = gram_mean(start, sum, task.shard_weight[shard], task.scale);
  task.tops[output] = gram_top(top, sum);
}

/// Columns of some rows on their way to shared memory, [kGramDepth, kGramTile]: less their means,
/// times the roots of the rows' counts; zeros behind the last column.
template <class T>
__device__ void fetch(const GramTask<T>& task, Index shard, Index col0, Index row0, Index end,
                      double* shared) {
  const int j = int(threadIdx.x) % kGramTile;
  const bool inside = col0 + j < task.x.cols;
  const double mean = inside ? task.means[shard * task.x.cols + col0 + j] : 0.0;
  for (int k = int(threadIdx.x) / kGramTile; k < kGramDepth; k += kGramThreads / kGramTile) {
    const Index r = row0 + k;
    shared[k * kGramTile + j] =
        inside && r < end ? (double(task.x(r, col0 + j)) * task.scale - mean) * task.root[r] : 0.0;
  }
}

/// A block of threads has a tile of one pair of blocks of columns, over one shard.
template <class T>
__global__ void __launch_bounds__(kGramThreads) multiply_shards(GramTask<T> task) {
  double* const left = reinterpret_cast<double*>(shared_memory());
  double* const right = left + kGramDepth * kGramTile;
  constexpr int kTiles = kTilesOfBlock * kTilesOfBlock;
  const int tile = int(blockIdx.x) % kTiles;
  const Index block = Index(blockIdx.x) / kTiles, pairs = gram_pairs(task.x.cols);
  const Index shard = block / pairs;
  const GramPair pair(task.x.cols, block % pairs);
  const int row0 = tile / kTilesOfBlock * kGramTile, col0 = tile % kTilesOfBlock * kGramTile;
  const int row = int(threadIdx.x) / kGramSide, col = int(threadIdx.x) % kGramSide;
  const Index end = task.shard_end(shard);
  double acc[kGramMicro][kGramMicro] = {}, total[kGramMicro][kGramMicro] = {};
  bool first = true;
  for (Index r = shard * task.shard_rows; r < end; r += kGramDepth) {
    fetch(task, shard, pair.a * kGramBlock + row0, r, end, left);
    fetch(task, shard, pair.b * kGramBlock + col0, r, end, right);
    __syncthreads();
    const int terms = end - r < kGramDepth ? int(end - r) : kGramDepth;
    for (int k = 0; k < terms; ++k) {
#pragma unroll
      for (int i = 0; i < kGramMicro; ++i) {
#pragma unroll
        for (int j = 0; j < kGramMicro; ++j) {
          acc[i][j] = fused(left[k * kGramTile + row + i * kGramSide],
                            right[k * kGramTile + col + j * kGramSide], acc[i][j]);
        }
      }
    }
    __syncthreads();
    const Index done = r + kGramDepth - shard * task.shard_rows;
    if (done % kGramSegment != 0 && r + kGramDepth < end) continue;
#pragma unroll
    for (int i = 0; i < kGramMicro; ++i) {
#pragma unroll
      for (int j = 0; j < kGramMicro; ++j) {
        total[i][j] = first ? acc[i][j] : total[i][j] + acc[i][j];
        acc[i][j] = 0.0;
      }
    }
    first = false;
  }
  double* const to = task.blocks + block * kGramBlock * kGramBlock;
#pragma unroll
  for (int i = 0; i < kGramMicro; ++i) {
#pragma unroll
    for (int j = 0; j < kGramMicro; ++j) {
      to[(row0 + row + i * kGramSide) * kGramBlock + col0 + col + j * kGramSide] = total[i][j];
    }
  }
}

/// An array on the GPU for as long as a task takes.
template <class T>
class Lent {
 public:
  Lent(const std::string& what, Index size)
      : data_(static_cast<T*>(memory_.reserve(std::size_t(size) * sizeof(T), what))), size_(size) {}

  T* data() const { return data_; }
  T* filled_from(const T* host) {
    copy_to_device(data_, host, std::size_t(size_) * sizeof(T));
    return data_;
  }
  void copy_to(T* host) const { copy_to_host(host, data_, std::size_t(size_) * sizeof(T)); }

 private:
  DeviceMemory memory_;
  T* data_;
  Index size_;
};

}  // namespace

template <class T>
void do_on_gpu(const GramTask<T>& task) {
  const Index rows = task.x.rows, cols = task.x.cols, shards = task.shards();
  const Index blocks = shards * gram_pairs(cols), columns = shards * cols;
  Lent<T> x("a stretch of rows " + shape_text(rows, cols), (rows - 1) * task.x.stride + cols);
  Lent<double> weight("counts", rows), root("counts", rows), start("a row", cols);
  Lent<double> shard_weight("counts", shards), means("means", columns), sums("means", columns);
  Lent<double> tops("means", columns);
  Lent<double> squares("squares of shards", blocks * kGramBlock * kGramBlock);
  const GramTask<T> there{
      MatrixView<const T>(x.filled_from(task.x.data), rows, cols, task.x.stride),
      weight.filled_from(task.weight),
      root.filled_from(task.root),
      start.filled_from(task.start),
      shard_weight.filled_from(task.shard_weight),
      task.scale,
      task.shard_rows,
      means.data(),
      sums.data(),
      tops.data(),
      squares.data()};
  const auto columns_each = unsigned((columns + kGramThreads - 1) / kGramThreads);
  const auto by_columns = launch_config(dim3(columns_each), kGramThreads, 0);
  require_cuda(cudaLaunchKernelEx(&by_columns, &find_means<T>, there), "gram");
  const auto tiles = unsigned(blocks * kTilesOfBlock * kTilesOfBlock);
  const auto by_tiles =
      launch_config(dim3(tiles), kGramThreads, 2 * kGramDepth * kGramTile * sizeof(double));
  require_cuda(cudaLaunchKernelEx(&by_tiles, &multiply_shards<T>, there), "gram");
  means.copy_to(task.means);
  sums.copy_to(task.sums);
  tops.copy_to(task.tops);
  squares.copy_to(task.blocks);
}

template void do_on_gpu<float>(const GramTask<float>&);
template void do_on_gpu<double>(const GramTask<double>&);

}  // namespace libnorm
