#include "tests/emulator/emulator.hpp"

#include <algorithm>
#include <numeric>
#include <thread>
#include <vector>

#include "tests/emulator/support.hpp"

namespace libnorm {

constexpr unsigned kAll = 0xffffffffu;

/// A warp to a row.
__global__ void sum_rows(const float* x, float* sums, int columns) {
  const float* row = x + blockIdx.x * columns;
  float sum = 0;
  for (int c = int(threadIdx.x); c < columns; c += 32) sum += row[c];
  for (int bit = 16; bit > 0; bit /= 2) sum += __shfl_xor_sync(kAll, sum, bit);
  if (threadIdx.x == 0) sums[blockIdx.x] = sum;
}

constexpr int kTile = 16;

/// C = A B, all [n, n], a tile to a block of 16 x 4 threads, each of which has four columns.
__global__ void multiply(const float* a, const float* b, float* c, int n) {
  extern __shared__ float shared_floats[];
  float* a_tile = shared_floats;
  float* b_tile = shared_floats + kTile * kTile;
  const int row = int(threadIdx.y), column = int(threadIdx.x) * 4;
  const int first_row = int(blockIdx.y) * kTile, first_column = int(blockIdx.x) * kTile;
  float sums[4] = {};
  for (int k = 0; k < n; k += kTile) {
    const auto load = [&](float* tile, const float* from, int r0, int c0) {
      *reinterpret_cast<float4*>(&tile[row * kTile + column]) =
          *reinterpret_cast<const float4*>(&from[(r0 + row) * n + c0 + column]);
    };
    load(a_tile, a, first_row, k);
    load(b_tile, b, k, first_column);
    __syncthreads();
    for (int i = 0; i < kTile; ++i) {
      const float4 factor = *reinterpret_cast<const float4*>(&b_tile[i * kTile + column]);
      const float left = a_tile[row * kTile + i];
      sums[0] = __fmaf_rn(left, factor.x, sums[0]);
      sums[1] = __fmaf_rn(left, factor.y, sums[1]);
      sums[2] = __fmaf_rn(left, factor.z, sums[2]);
      sums[3] = __fmaf_rn(left, factor.w, sums[3]);
    }
    __syncthreads();
  }
  for (int j = 0; j < 4; ++j) c[(first_row + row) * n + first_column + column + j] = sums[j];
}

/// Each warp by shuffles, then the first one what all have found.
template <class T>
__global__ void sum_block(const T* x, T* sum, int count) {
  extern __shared__ float shared_floats[];
  T* of_warps = reinterpret_cast<T*>(shared_floats);
  const unsigned warp = threadIdx.x / 32, lane = threadIdx.x % 32;
  T value = 0;
  for (int i = int(threadIdx.x); i < count; i += int(blockDim.x)) value += __ldg(x + i);
  for (unsigned step = 16; step > 0; step /= 2) value += __shfl_down_sync(kAll, value, step);
  if (lane == 0) of_warps[warp] = value;
  __syncthreads();
  if (warp > 0) return;
  value = lane < blockDim.x / 32 ? of_warps[lane] : 0;
  for (unsigned step = 16; step > 0; step /= 2) value += __shfl_down_sync(kAll, value, step);
  if (lane == 0) *sum = value;
}

/// Inclusive, in shared memory of a warp.
__global__ void scan(int* x) {
  extern __shared__ float shared_floats[];
  int* sums = reinterpret_cast<int*>(shared_floats);
  const int lane = int(threadIdx.x);
  sums[lane] = x[lane];
  __syncwarp();
  for (int step = 1; step < 32; step *= 2) {
    const int before = lane >= step ? sums[lane - step] : 0;
    __syncwarp();
    sums[lane] += before;
    __syncwarp();
  }
  x[lane] = sums[lane];
}

template <class T>
__global__ void exchange(T* index, T* up, T* down, T* flipped, T* narrow) {
  const T value = T(threadIdx.x);
  const unsigned lane = threadIdx.x;
  index[lane] = __shfl_sync(kAll, value, 7);
  up[lane] = __shfl_up_sync(kAll, value, 3u);
  down[lane] = __shfl_down_sync(kAll, value, 3u);
  flipped[lane] = __shfl_xor_sync(kAll, value, 5);
  narrow[lane] = __shfl_down_sync(kAll, value, 3u, 8);
}

__global__ void vote(unsigned* ballot, int* any, int* all) {
  const bool odd = threadIdx.x % 2 == 1;
  ballot[threadIdx.x] = __ballot_sync(kAll, odd);
  any[threadIdx.x] = __any_sync(kAll, threadIdx.x == 9);
  all[threadIdx.x] = __all_sync(kAll, threadIdx.x != 9);
}

/// Halves of a warp go their own ways.
__global__ void halves(int* x) {
  extern __shared__ float shared_floats[];
  int* shared = reinterpret_cast<int*>(shared_floats);
  const int lane = int(threadIdx.x);
  const unsigned mask = lane < 16 ? 0xffffu : 0xffff0000u;
  shared[lane] = lane;
  if (lane < 16) {
    __syncwarp(mask);
  } else {
    __syncwarp(mask);
    __syncwarp(mask);
  }
  x[lane] = shared[lane ^ 1];
}

struct Body {
  float* out;
  double factors[40];
  void operator()(unsigned i) const { out[i] = float(factors[i]); }
};
template <class B>
__global__ void run_body(B body) {
  body(blockIdx.x * blockDim.x + threadIdx.x);
}

__global__ void where(uint3* threads, uint3* blocks) {
  const unsigned in_block = threadIdx.x + blockDim.x * (threadIdx.y + blockDim.y * threadIdx.z);
  const unsigned block = blockIdx.x + gridDim.x * (blockIdx.y + gridDim.y * blockIdx.z);
  const unsigned i = block * blockDim.x * blockDim.y * blockDim.z + in_block;
  threads[i] = threadIdx;
  blocks[i] = blockIdx;
}

unsigned places[64], place_count = 0;
/// Out of the emulator's sight.
__attribute__((noinline, no_sanitize("thread"))) void note_place() {
  places[place_count++] = blockIdx.x * 32 + threadIdx.x;
}
__global__ void note_places() { note_place(); }

namespace test {
namespace {

using emulator::Order;

TEST(Emulator, SumsRowsByShuffles) {
  constexpr int rows = 5, columns = 77;
  const DeviceArray<float> x(counting(rows * columns));
  for_each_order([&] {
    const DeviceArray<float> sums(rows);
    launch({rows, 32}, sum_rows, x.data(), sums.data(), columns);
    const auto actual = sums.values();
    for (int r = 0; r < rows; ++r) {
      EXPECT_EQ(actual[r], float(r * columns * columns + columns * (columns - 1) / 2));
    }
  });
}

TEST(Emulator, MultipliesTilesInSharedMemory) {
  constexpr int n = 48;
  std::vector<float> a(n * n), b(n * n), expected(n * n);
  for (int i = 0; i < n * n; ++i) a[i] = float(i % 13 - 6), b[i] = float(i % 7 - 3);
  for (int i = 0; i < n; ++i) {
    for (int k = 0; k < n; ++k) {
      for (int j = 0; j < n; ++j) expected[i * n + j] += a[i * n + k] * b[k * n + j];
    }
  }
  const DeviceArray<float> a_device(a), b_device(b);
  for_each_order([&] {
    const DeviceArray<float> c(n * n);
    launch({dim3(n / kTile, n / kTile), dim3(kTile / 4, kTile), 2 * kTile * kTile * sizeof(float)},
           multiply, a_device.data(), b_device.data(), c.data(), n);
    EXPECT_EQ(c.values(), expected);
  });
}

template <class T>
void expect_sum() {
  std::vector<T> values(1000);
  std::iota(values.begin(), values.end(), T(0));
  const DeviceArray<T> x(values);
  for_each_order([&] {
    const DeviceArray<T> sum(1);
    launch({1, 256, 8 * sizeof(T)}, sum_block<T>, x.data(), sum.data(), 1000);
    EXPECT_EQ(sum.values()[0], T(499500));
  });
}
TEST(Emulator, SumsABlockOfManyWarps) {
  expect_sum<float>();
  expect_sum<double>();
  expect_sum<int>();
  expect_sum<unsigned>();
  expect_sum<long long>();
}

TEST(Emulator, ScansInAWarp) {
  for_each_order([] {
    const DeviceArray<int> x(std::vector<int>(32, 2));
    launch({1, 32, 128}, scan, x.data());
    const auto actual = x.values();
    for (int i = 0; i < 32; ++i) EXPECT_EQ(actual[i], 2 * (i + 1));
  });
}

TEST(Emulator, ShufflesAsTheInstructionsDo) {
  const DeviceArray<double> index(32), up(32), down(32), flipped(32), narrow(32);
  for_each_order([&] {
    launch({1, 32}, exchange<double>, index.data(), up.data(), down.data(), flipped.data(),
           narrow.data());
    for (int i = 0; i < 32; ++i) {
      EXPECT_EQ(index.values()[i], 7);
      EXPECT_EQ(up.values()[i], i < 3 ? i : i - 3);
      EXPECT_EQ(down.values()[i], i > 28 ? i : i + 3);
      EXPECT_EQ(flipped.values()[i], i ^ 5);
      EXPECT_EQ(narrow.values()[i], i % 8 > 4 ? i : i + 3);
    }
  });
}

TEST(Emulator, Votes) {
  const DeviceArray<unsigned> ballot(32);
  const DeviceArray<int> any(32), all(32);
  launch({1, 32}, vote, ballot.data(), any.data(), all.data());
  EXPECT_EQ(ballot.values(), std::vector<unsigned>(32, 0xaaaaaaaau));
  EXPECT_EQ(any.values(), std::vector<int>(32, 1));
  EXPECT_EQ(all.values(), std::vector<int>(32, 0));
}

TEST(Emulator, HalvesOfAWarpSynchronizeAlone) {
  for_each_order([] {
    const DeviceArray<int> x(32);
    launch({1, 32, 128}, halves, x.data());
    const auto actual = x.values();
    for (int i = 0; i < 32; ++i) EXPECT_EQ(actual[i], i ^ 1);
  });
}

TEST(Emulator, PassesLargeArguments) {
  const DeviceArray<float> out(40);
  Body body{out.data(), {}};
  for (int i = 0; i < 40; ++i) body.factors[i] = i;
  launch({5, 8}, run_body<Body>, body);
  EXPECT_EQ(out.values(), counting(40));
}

TEST(Emulator, ThreadsKnowWhereTheyAre) {
  const dim3 grid(3, 2, 2), shape(4, 3, 2);
  constexpr int count = 12 * 24;
  const DeviceArray<uint3> threads(count), blocks(count);
  for_each_order([&] {
    launch({grid, shape}, where, threads.data(), blocks.data());
    const auto thread = threads.values(), block = blocks.values();
    for (unsigned i = 0; i < count; ++i) {
      EXPECT_EQ(thread[i].x, i % 4);
      EXPECT_EQ(thread[i].y, i / 4 % 3);
      EXPECT_EQ(thread[i].z, i / 12 % 2);
      EXPECT_EQ(block[i].x, i / 24 % 3);
      EXPECT_EQ(block[i].y, i / 72 % 2);
      EXPECT_EQ(block[i].z, i / 144);
    }
  });
}

std::vector<unsigned> order_of(Order blocks, Order threads, unsigned seed) {
  emulator::set_order(blocks, threads, seed);
  place_count = 0;
  launch({2, 32}, note_places);
  emulator::set_order(Order::forward, Order::forward);
  return {places, places + place_count};
}

TEST(Emulator, RunsBlocksAndThreadsInTheOrder) {
  std::vector<unsigned> expected(64);
  std::iota(expected.begin(), expected.end(), 0u);
  EXPECT_EQ(order_of(Order::forward, Order::forward, 0), expected);
  std::reverse(expected.begin(), expected.end());
  EXPECT_EQ(order_of(Order::reversed, Order::reversed, 0), expected);
  const auto shuffled = order_of(Order::reversed, Order::shuffled, 1);
  EXPECT_EQ(order_of(Order::reversed, Order::shuffled, 1), shuffled);
  EXPECT_NE(order_of(Order::reversed, Order::shuffled, 2), shuffled);
  EXPECT_TRUE(std::is_permutation(shuffled.begin(), shuffled.end(), expected.begin()));
}

TEST(Emulator, SeesEveryAccess) {
  const DeviceArray<float> x(counting(64));
  const DeviceArray<float> sums(2);
  const auto before = emulator::counts();
  launch({2, 32}, sum_rows, x.data(), sums.data(), 32);
  const auto after = emulator::counts();
  EXPECT_EQ(after.launches - before.launches, 1u);
  EXPECT_EQ(after.exchanges - before.exchanges, 2u * 32 * 5);
  // Clang reads threadIdx and its like as any other variable.
  EXPECT_GE(after.accesses - before.accesses, 64u + 2u);
}

TEST(Emulator, TakesLaunchesFromSeveralThreads) {
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([] {
      const DeviceArray<float> x(counting(32)), sums(1);
      for (int i = 0; i < 20; ++i) launch({1, 32}, sum_rows, x.data(), sums.data(), 32);
      EXPECT_EQ(sums.values()[0], 496.0f);
    });
  }
  for (auto& thread : threads) thread.join();
}

}  // namespace
}  // namespace test
}  // namespace libnorm
