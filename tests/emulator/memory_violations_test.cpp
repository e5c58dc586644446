// Kernels with one bug each at an access to memory, which must be caught, and the same without,
// which must pass.

#include <string>
#include <vector>

#include "tests/emulator/support.hpp"

namespace libnorm {

template <int count>
__global__ void read_up_to(const float* x, float* sum) {
  float total = 0;
  for (int i = 0; i < count; ++i) total += x[i];
  *sum = total;
}

template <int excess>
__global__ void write_up_to(float* x, int count) {
  const int i = int(threadIdx.x);
  if (i < count + excess) x[i] = float(i);
}

__global__ void use_shared(float* x) {
  extern __shared__ float shared_floats[];
  shared_floats[threadIdx.x] = 1;
  x[threadIdx.x] = shared_floats[threadIdx.x];
}

template <int written>
__global__ void read_shared(float* x) {
  extern __shared__ float shared_floats[];
  if (threadIdx.x < written) shared_floats[threadIdx.x] = 1;
  __syncthreads();
  x[threadIdx.x] = shared_floats[threadIdx.x];
}

/// Part of a word, and then another part of it, or all.
template <class Written, class Read>
__global__ void write_and_read(int* x, int written, int read) {
  extern __shared__ float shared_floats[];
  reinterpret_cast<Written*>(shared_floats)[written] = 1;
  *x = int(reinterpret_cast<Read*>(shared_floats)[read]);
}

__global__ void add_one(float* x) { x[threadIdx.x] += 1; }

__global__ void copy_vectors(float* to, const float* from) {
  *reinterpret_cast<float4*>(to) = *reinterpret_cast<const float4*>(from);
}
__global__ void copy_vector_parts(float* to, const float* from) {
  const auto* v = reinterpret_cast<const float4*>(from);
  to[0] = v->x + v->w;
}
__global__ void copy_bytes(float* to, const float* from, int count) {
  __builtin_memcpy(to, from, unsigned(count) * sizeof(float));
}

/// A pointer into the stack of one thread, used by another.
template <bool is_own>
__global__ void share_stack(float* x, float** pointers) {
  float mine = float(threadIdx.x);
  pointers[threadIdx.x] = &mine;
  __syncthreads();
  x[threadIdx.x] = *pointers[is_own ? threadIdx.x : threadIdx.x ^ 1];
  __syncthreads();
}

constexpr float kTable[4] = {1, 2, 3, 4};
float variable = 1;
__global__ void read_global(float* x, const float* from) { x[threadIdx.x] = from[threadIdx.x % 4]; }

namespace test {
namespace {

using Kind = emulator::Violation::Kind;

TEST(OutOfBounds, Read) {
  const DeviceArray<float> x(counting(8)), sum(1);
  expect_violation(
      Kind::out_of_bounds,
      {"read_up_to<9>", "block (0, 0, 0), thread (0, 0, 0) reads 4 bytes at allocation ",
       " + 32 (32 bytes)", "emulator_test + 0x"},
      [&] {
        launch({1, 1}, read_up_to<9>, x.data(), sum.data());
      });
  for_each_order([&] { launch({1, 1}, read_up_to<8>, x.data(), sum.data()); });
  EXPECT_EQ(sum.values()[0], 28.0f);
}

TEST(OutOfBounds, WriteByOneElement) {
  const DeviceArray<float> x(20);
  expect_violation(Kind::out_of_bounds, {"thread (20, 0, 0) writes 4 bytes at", " + 80 (80 bytes)"},
                   [&] {
                     launch({1, 32}, write_up_to<1>, x.data(), 20);
                   });
  for_each_order([&] { launch({1, 32}, write_up_to<0>, x.data(), 20); });
}

TEST(OutOfBounds, BeforeTheBeginning) {
  const DeviceArray<float> x(counting(8)), sum(1);
  expect_violation(Kind::out_of_bounds, {"reads 4 bytes at", " - 4 (32 bytes)"}, [&] {
    launch({1, 1}, read_up_to<8>, x.data() - 1, sum.data());
  });
}

TEST(OutOfBounds, EndOfSharedMemory) {
  const DeviceArray<float> x(32);
  expect_violation(Kind::out_of_bounds,
                   {"thread (31, 0, 0) writes 4 bytes at shared memory + 124 (124 bytes)"}, [&] {
                     launch({1, 32, 124}, use_shared, x.data());
                   });
  for_each_order([&] { launch({1, 32, 128}, use_shared, x.data()); });
}

TEST(OutOfBounds, UseAfterFree) {
  const DeviceArray<float> sum(1);
  float* freed = nullptr;
  ASSERT_EQ(cudaMalloc(&freed, 32), cudaSuccess);
  ASSERT_EQ(cudaMemset(freed, 0, 32), cudaSuccess);
  launch({1, 1}, read_up_to<8>, freed, sum.data());
  ASSERT_EQ(cudaFree(freed), cudaSuccess);
  const DeviceArray<float> another(counting(8));
  expect_violation(Kind::out_of_bounds, {"reads 4 bytes at", " + 0, which has been freed"}, [&] {
    launch({1, 1}, read_up_to<8>, freed, sum.data());
  });
  expect_violation(Kind::out_of_bounds, {"cudaFree: frees", "which has been freed"},
                   [&] { cudaFree(freed); });
}

TEST(OutOfBounds, HostPointer) {
  const auto host = counting(8);
  const DeviceArray<float> x(host), sum(1);
  expect_violation(Kind::out_of_bounds, {"reads 4 bytes at the host's memory (0x"}, [&] {
    launch({1, 1}, read_up_to<8>, host.data(), sum.data());
  });
  launch({1, 1}, read_up_to<8>, x.data(), sum.data());
}

TEST(OutOfBounds, VariableOfTheProgram) {
  const DeviceArray<float> x(4);
  expect_violation(Kind::out_of_bounds, {"reads 4 bytes at the host's memory"}, [&] {
    launch({1, 1}, read_global, x.data(), &variable);
  });
  launch({1, 4}, read_global, x.data(), kTable);
  EXPECT_EQ(x.values(), std::vector<float>(kTable, kTable + 4));
}

TEST(OutOfBounds, StackOfAnotherThread) {
  const DeviceArray<float> x(32);
  const DeviceArray<float*> pointers(32);
  expect_violation(Kind::out_of_bounds, {"reads 4 bytes at the stack of another thread"}, [&] {
    launch({1, 32}, share_stack<false>, x.data(), pointers.data());
  });
  for_each_order([&] { launch({1, 32}, share_stack<true>, x.data(), pointers.data()); });
  EXPECT_EQ(x.values(), counting(32));
}

TEST(OutOfBounds, CopiesOfTheHost) {
  std::vector<float> host(9);
  const DeviceArray<float> x(counting(8));
  expect_violation(Kind::out_of_bounds, {"cudaMemcpy: writes 36 bytes at allocation"},
                   [&] { cudaMemcpy(x.data(), host.data(), 36, cudaMemcpyHostToDevice); });
  expect_violation(Kind::out_of_bounds, {"cudaMemcpy: reads 36 bytes at allocation"},
                   [&] { cudaMemcpy(host.data(), x.data(), 36, cudaMemcpyDeviceToHost); });
  expect_violation(Kind::out_of_bounds, {"cudaMemcpy: reads 4 bytes at the host's memory"},
                   [&] { cudaMemcpy(x.data(), host.data(), 4, cudaMemcpyDeviceToDevice); });
}

TEST(OutOfBounds, CopyWithinAKernel) {
  const DeviceArray<float> x(counting(8)), y(8);
  expect_violation(Kind::out_of_bounds, {"reads 36 bytes at allocation"}, [&] {
    launch({1, 1}, copy_bytes, y.data(), x.data(), 9);
  });
  launch({1, 1}, copy_bytes, y.data(), x.data(), 8);
  EXPECT_EQ(y.values(), counting(8));
}

TEST(Unwritten, SharedMemory) {
  const DeviceArray<float> x(64);
  // What the block before has written does not count.
  expect_violation(
      Kind::unwritten,
      {"reads 4 bytes at shared memory + ", "which no thread of the block has written"}, [&] {
        launch({1, 64, 256}, read_shared<64>, x.data());
        launch({1, 64, 256}, read_shared<63>, x.data());
      });
}

TEST(Unwritten, PartsOfAWord) {
  const DeviceArray<int> x(1);
  launch({1, 1, 4}, write_and_read<int, int>, x.data(), 0, 0);
  EXPECT_EQ(x.values()[0], 1);
  expect_violation(Kind::unwritten, {"reads 4 bytes at shared memory + 0 (4 bytes)"}, [&] {
    launch({1, 1, 4}, write_and_read<short, int>, x.data(), 0, 0);
  });
  expect_violation(Kind::unwritten, {"reads 2 bytes at shared memory + 0 (4 bytes)"}, [&] {
    launch({1, 1, 4}, write_and_read<short, short>, x.data(), 1, 0);
  });
  launch({1, 1, 4}, write_and_read<short, short>, x.data(), 1, 1);
  EXPECT_EQ(x.values()[0], 1);
}

TEST(Unwritten, DeviceMemory) {
  const DeviceArray<float> x(4);
  ASSERT_EQ(cudaMemset(x.data(), 0, 12), cudaSuccess);
  expect_violation(Kind::unwritten, {"thread (3, 0, 0) reads 4 bytes at", " + 12 (16 bytes)"}, [&] {
    launch({1, 4}, add_one, x.data());
  });
  const DeviceArray<float> y(4);
  ASSERT_EQ(cudaMemset(y.data(), 0, 16), cudaSuccess);
  launch({1, 4}, add_one, y.data());
  EXPECT_EQ(y.values(), std::vector<float>(4, 1.0f));
}

TEST(Unwritten, CopyToTheHost) {
  const DeviceArray<float> x(4), y(4);
  ASSERT_EQ(cudaMemset(x.data(), 0, 13), cudaSuccess);
  std::vector<float> host(4);
  const auto copy = [&](const float* from) {
    cudaMemcpy(host.data(), from, 16, cudaMemcpyDeviceToHost);
  };
  expect_violation(Kind::unwritten, {"cudaMemcpy: reads 16 bytes", "the byte at 13"},
                   [&] { copy(x.data()); });
  // It goes with a copy within the device.
  ASSERT_EQ(cudaMemcpy(y.data(), x.data(), 16, cudaMemcpyDeviceToDevice), cudaSuccess);
  expect_violation(Kind::unwritten, {"the byte at 13"}, [&] { copy(y.data()); });
  ASSERT_EQ(cudaMemset(x.data(), 0, 16), cudaSuccess);
  copy(x.data());
}

TEST(Misaligned, MemberOfAVector) {
  const DeviceArray<float> x(counting(12)), y(12);
  expect_violation(Kind::misaligned, {"float4", " + 4 (48 bytes); need a multiple of 16"}, [&] {
    launch({1, 1}, copy_vector_parts, y.data(), x.data() + 1);
  });
  launch({1, 1}, copy_vector_parts, y.data() + 1, x.data() + 4);
}

// Clang checks what is reached by member, but until version 21 no copy of a whole struct.
#if !defined(__clang__) || __clang_major__ > 21
TEST(Misaligned, Vector) {
  const DeviceArray<float> x(counting(12)), y(12);
  expect_violation(Kind::misaligned, {"float4", " + 4 (48 bytes); need a multiple of 16"}, [&] {
    launch({1, 1}, copy_vectors, y.data(), x.data() + 1);
  });
  expect_violation(Kind::misaligned, {"float4", " + 8 (48 bytes); need a multiple of 16"}, [&] {
    launch({1, 1}, copy_vectors, y.data() + 2, x.data());
  });
  launch({1, 1}, copy_vectors, y.data() + 4, x.data() + 4);
}
#endif

}  // namespace
}  // namespace test
}  // namespace libnorm
