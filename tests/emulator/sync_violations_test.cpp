// Kernels with one bug each in how threads wait for one another, which must be caught, and the same
// without, which must pass.

#include <vector>

#include "tests/emulator/support.hpp"

namespace libnorm {

constexpr unsigned kAllLanes = 0xffffffffu;

template <bool has_barrier>
__global__ void sum_tiles(const float* x, float* sums, int count) {
  extern __shared__ float shared_floats[];
  float sum = 0;
  for (int start = 0; start < count; start += int(blockDim.x)) {
    shared_floats[threadIdx.x] = x[start + int(threadIdx.x)];
    __syncthreads();
    for (unsigned i = 0; i < blockDim.x; ++i) sum += shared_floats[i];
    if (has_barrier) __syncthreads();
  }
  sums[threadIdx.x] = sum;
}

template <bool has_barrier>
__global__ void pass_left(float* x) {
  extern __shared__ float shared_floats[];
  const unsigned lane = threadIdx.x;
  shared_floats[lane] = float(lane);
  __syncwarp();
  const float next = shared_floats[(lane + 1) % 32];
  if (has_barrier) __syncwarp();
  shared_floats[lane] = next;
  x[lane] = next;
}

/// A shuffle is no barrier to memory.
template <bool has_barrier>
__global__ void pass_left_by_shuffle(float* x) {
  const unsigned lane = threadIdx.x;
  x[lane] = float(lane);
  const int next = __shfl_sync(kAllLanes, int(lane), int(lane + 1) % 32);
  if (has_barrier) __syncwarp();
  const float value = x[next];
  if (has_barrier) __syncwarp();
  x[lane] = value;
}

template <bool is_for_block>
__global__ void swap_warps(float* x) {
  const unsigned t = threadIdx.x;
  const auto meet = [] { is_for_block ? __syncthreads() : __syncwarp(); };
  x[t] = float(t);
  meet();
  const float value = x[t ^ 32];
  meet();
  x[t] = value;
}

/// All read a word, and then one writes it.
template <bool has_barrier>
__global__ void write_what_all_read(float* x, unsigned writer) {
  extern __shared__ float shared_floats[];
  if (threadIdx.x == writer) shared_floats[0] = 1;
  __syncthreads();
  x[threadIdx.x] = shared_floats[0];
  __syncwarp();
  if (has_barrier) __syncthreads();
  if (threadIdx.x == writer) shared_floats[0] = 2;
}

/// Each half of a warp has a barrier of its own.
template <unsigned distance>
__global__ void swap_in_halves(float* x) {
  const unsigned lane = threadIdx.x, mask = lane < 16 ? 0xffffu : 0xffff0000u;
  __syncwarp();
  x[lane] = float(lane);
  __syncwarp(mask);
  const float value = x[lane ^ distance];
  __syncwarp(mask);
  x[lane] = value;
}

/// Blocks share a word, if the stride is less than a block.
__global__ void write_blocks(int* x, unsigned stride) { x[blockIdx.x * stride + threadIdx.x] = 1; }
__global__ void read_neighbour(int* x, int stride) {
  x[blockIdx.x * unsigned(stride)] = 1 + x[(blockIdx.x + 1) % gridDim.x * unsigned(stride) + 1];
}

template <int threads>
__global__ void barrier_in_branch(int* x) {
  if (threadIdx.x < threads) __syncthreads();
  x[threadIdx.x] = 1;
}
template <bool alike>
__global__ void two_barriers(int* x) {
  if (alike || threadIdx.x < 32) {
    __syncthreads();
  } else {
    __syncthreads();
  }
  x[threadIdx.x] = 1;
}
template <int threads>
__global__ void shuffle_in_branch(int* x) {
  int value = int(threadIdx.x);
  if (threadIdx.x < threads) value = __shfl_xor_sync(kAllLanes, value, 1);
  x[threadIdx.x] = value;
}
template <bool alike>
__global__ void different_exchanges(int* x) {
  const int v = int(threadIdx.x);
  const bool is_low = alike || threadIdx.x < 16;
  x[threadIdx.x] = is_low ? __shfl_xor_sync(kAllLanes, v, 1) : __shfl_down_sync(kAllLanes, v, 1u);
}
template <bool alike>
__global__ void barrier_and_exchange(int* x) {
  if (alike || threadIdx.x < 16) {
    __syncthreads();
  } else {
    __syncwarp();
  }
  x[threadIdx.x] = 1;
}
__global__ void exchange_with(unsigned mask, int* x) {
  x[threadIdx.x] = __shfl_sync(mask, int(threadIdx.x), 0);
}
template <unsigned mask>
__global__ void exchange_after_end(int* x) {
  if (threadIdx.x >= 16) return;
  x[threadIdx.x] = __shfl_xor_sync(mask, 1, 1);
}

namespace test {
namespace {

using Kind = emulator::Violation::Kind;

TEST(Race, BarrierMissingInALoopOverTiles) {
  const DeviceArray<float> x(counting(256)), sums(64);
  expect_violation(Kind::race, {"bytes at shared memory + ", ", which thread (", "need a barrier"},
                   [&] {
                     launch({1, 64, 256}, sum_tiles<false>, x.data(), sums.data(), 256);
                   });
  for_each_order([&] { launch({1, 64, 256}, sum_tiles<true>, x.data(), sums.data(), 256); });
  EXPECT_EQ(sums.values(), std::vector<float>(64, 32640.0f));
}

TEST(Race, BarrierMissingBetweenLanes) {
  const DeviceArray<float> x(32);
  expect_violation(Kind::race, {"bytes at shared memory + ", ", which thread (", "need a barrier"},
                   [&] {
                     launch({1, 32, 128}, pass_left<false>, x.data());
                   });
  for_each_order([&] { launch({1, 32, 128}, pass_left<true>, x.data()); });
}

TEST(Race, ShuffleIsNoBarrierToMemory) {
  const DeviceArray<float> x(32);
  expect_violation(Kind::race, {"reads 4 bytes at allocation", "has written; need a barrier"}, [&] {
    launch({1, 32}, pass_left_by_shuffle<false>, x.data());
  });
  for_each_order([&] { launch({1, 32}, pass_left_by_shuffle<true>, x.data()); });
}

TEST(Race, WarpBarrierDoesNotOrderOtherWarps) {
  const DeviceArray<float> x(counting(64));
  expect_violation(Kind::race, {"bytes at allocation", ", which thread (", "need a barrier"}, [&] {
    launch({1, 64}, swap_warps<false>, x.data());
  });
  for_each_order([&] { launch({1, 64}, swap_warps<true>, x.data()); });
}

TEST(Race, AnyOfManyReaders) {
  const DeviceArray<float> x(96);
  for (unsigned writer : {0u, 31u, 32u, 95u}) {
    expect_violation(Kind::race, {"shared memory + 0 (4 bytes), which thread (", "need a barrier"},
                     [&] {
                       launch({1, 96, 4}, write_what_all_read<false>, x.data(), writer);
                     });
    for_each_order([&] { launch({1, 96, 4}, write_what_all_read<true>, x.data(), writer); });
  }
}

TEST(Race, BarrierOfHalfAWarp) {
  const DeviceArray<float> x(counting(32));
  expect_violation(Kind::race, {"need a barrier"}, [&] {
    launch({1, 32}, swap_in_halves<16>, x.data());
  });
  for_each_order([&] { launch({1, 32}, swap_in_halves<1>, x.data()); });
}

TEST(Race, TwoBlocksWriteOneWord) {
  const DeviceArray<int> x(128);
  expect_violation(
      Kind::race,
      {"writes 4 bytes at allocation", ", which block (", "no barrier orders two blocks"}, [&] {
        launch({2, 32}, write_blocks, x.data(), 31u);
      });
  for_each_order([&] { launch({2, 32}, write_blocks, x.data(), 32u); });
}

TEST(Race, OneBlockReadsWhatAnotherWrites) {
  const DeviceArray<int> x(std::vector<int>(16, 0));
  expect_violation(Kind::race, {"no barrier orders two blocks"}, [&] {
    launch({4, 1}, read_neighbour, x.data(), 1);
  });
  for_each_order([&] { launch({4, 1}, read_neighbour, x.data(), 2); });
}

TEST(Divergence, BarrierInABranch) {
  const DeviceArray<int> x(64);
  expect_violation(Kind::divergence, {"__syncthreads (", "sync_violations_test.cpp:"}, [&] {
    launch({1, 64}, barrier_in_branch<40>, x.data());
  });
  for_each_order([&] { launch({1, 64}, barrier_in_branch<64>, x.data()); });
  expect_violation(Kind::divergence, {"is at __syncthreads (", "others are at __syncthreads ("},
                   [&] {
                     launch({1, 64}, two_barriers<false>, x.data());
                   });
  for_each_order([&] { launch({1, 64}, two_barriers<true>, x.data()); });
}

TEST(Divergence, ShuffleInABranch) {
  const DeviceArray<int> x(32);
  expect_violation(Kind::divergence, {"sync_violations_test.cpp:", "thread ("}, [&] {
    launch({1, 32}, shuffle_in_branch<16>, x.data());
  });
  for_each_order([&] { launch({1, 32}, shuffle_in_branch<32>, x.data()); });
}

TEST(Divergence, LanesAtDifferentCalls) {
  const DeviceArray<int> x(32);
  expect_violation(Kind::divergence, {"__shfl_xor_sync (", "__shfl_down_sync ("}, [&] {
    launch({1, 32}, different_exchanges<false>, x.data());
  });
  for_each_order([&] { launch({1, 32}, different_exchanges<true>, x.data()); });
  expect_violation(Kind::divergence, {"__syncthreads (", "__syncwarp ("}, [&] {
    launch({1, 32}, barrier_and_exchange<false>, x.data());
  });
  for_each_order([&] { launch({1, 32}, barrier_and_exchange<true>, x.data()); });
}

TEST(Divergence, Masks) {
  const DeviceArray<int> x(32);
  expect_violation(Kind::divergence, {"whose mask leaves it out"}, [&] {
    launch({1, 32}, exchange_with, 0xffffu, x.data());
  });
  expect_violation(Kind::divergence, {"thread (16, 0, 0), which the block has not"}, [&] {
    launch({1, 16}, exchange_with, kAllLanes, x.data());
  });
  for_each_order([&] { launch({1, 16}, exchange_with, 0xffffu, x.data()); });
  expect_violation(Kind::divergence, {"sync_violations_test.cpp:"}, [&] {
    launch({1, 32}, exchange_after_end<kAllLanes>, x.data());
  });
  for_each_order([&] { launch({1, 32}, exchange_after_end<0xffff>, x.data()); });
}

}  // namespace
}  // namespace test
}  // namespace libnorm
