// What the host calls: what it returns, and that errors are CUDA's.

#include <cstdint>
#include <stdexcept>
#include <vector>

#include "tests/emulator/memory.hpp"
#include "tests/emulator/support.hpp"

namespace libnorm {

__global__ void fill(float* x, float value) {
  extern __shared__ float shared_floats[];
  shared_floats[threadIdx.x] = value;
  x[threadIdx.x] = shared_floats[threadIdx.x];
}

__global__ void throw_error(float*) { throw std::runtime_error("from within"); }

namespace test {
namespace {

TEST(Api, DeviceTellsWhatItIs) {
  int count = 0, index = -1, warp = 0;
  EXPECT_EQ(cudaGetDeviceCount(&count), cudaSuccess);
  EXPECT_EQ(count, 1);
  EXPECT_EQ(cudaGetDevice(&index), cudaSuccess);
  EXPECT_EQ(index, 0);
  EXPECT_EQ(cudaSetDevice(0), cudaSuccess);
  EXPECT_EQ(cudaSetDevice(1), cudaErrorInvalidDevice);
  EXPECT_EQ(cudaDeviceGetAttribute(&warp, cudaDevAttrWarpSize, 0), cudaSuccess);
  EXPECT_EQ(warp, 32);
  cudaDeviceProp properties;
  EXPECT_EQ(cudaGetDeviceProperties(&properties, 0), cudaSuccess);
  EXPECT_STREQ(properties.name, "emulated");
  EXPECT_EQ(cudaGetLastError(), cudaErrorInvalidDevice);
}

TEST(Api, KeepsTheLastError) {
  EXPECT_EQ(cudaGetLastError(), cudaSuccess);
  EXPECT_EQ(cudaStreamDestroy(nullptr), cudaErrorInvalidResourceHandle);
  EXPECT_EQ(cudaDeviceSynchronize(), cudaSuccess);
  EXPECT_EQ(cudaPeekAtLastError(), cudaErrorInvalidResourceHandle);
  EXPECT_EQ(cudaGetLastError(), cudaErrorInvalidResourceHandle);
  EXPECT_EQ(cudaGetLastError(), cudaSuccess);
  EXPECT_STREQ(cudaGetErrorName(cudaErrorMemoryAllocation), "cudaErrorMemoryAllocation");
  EXPECT_STREQ(cudaGetErrorString(cudaErrorMemoryAllocation), "out of memory");
}

TEST(Api, WithoutADevice) {
  emulator::set_devices(0);
  int count = -1;
  void* address = nullptr;
  EXPECT_EQ(cudaGetDeviceCount(&count), cudaErrorNoDevice);
  EXPECT_EQ(count, 0);
  EXPECT_EQ(cudaMalloc(&address, 4), cudaErrorNoDevice);
  EXPECT_EQ(cudaDriverGetVersion(&count), cudaSuccess);
  EXPECT_EQ(count, 0);
  emulator::set_devices(1);
  EXPECT_EQ(cudaGetLastError(), cudaErrorNoDevice);
}

TEST(Api, RunsOutOfMemory) {
  std::size_t free = 0, total = 0;
  const std::size_t live = emulator::live_allocations();
  emulator::set_memory(1000);
  float *first = nullptr, *second = nullptr;
  EXPECT_EQ(cudaMalloc(&first, 600), cudaSuccess);
  EXPECT_EQ(cudaMalloc(&second, 401), cudaErrorMemoryAllocation);
  EXPECT_EQ(second, nullptr);
  EXPECT_EQ(cudaMemGetInfo(&free, &total), cudaSuccess);
  EXPECT_EQ(free, 400u);
  EXPECT_EQ(total, 1000u);
  EXPECT_EQ(cudaMallocAsync(&second, 400, nullptr), cudaSuccess);
  EXPECT_EQ(emulator::live_allocations(), live + 2);
  EXPECT_EQ(cudaFree(first), cudaSuccess);
  EXPECT_EQ(cudaFreeAsync(second, nullptr), cudaSuccess);
  EXPECT_EQ(cudaMalloc(&first, 1000), cudaSuccess);
  EXPECT_EQ(cudaFree(first), cudaSuccess);
  EXPECT_EQ(emulator::live_allocations(), live);
  emulator::set_memory(std::size_t(4) << 30);
  EXPECT_EQ(cudaGetLastError(), cudaErrorMemoryAllocation);
}

TEST(Api, AddressesAreUsedAgainLate) {
  // Each takes 64 KiB.
  emulator::Memory memory(4 << 16);
  char* addresses[4];
  for (char*& address : addresses) address = static_cast<char*>(memory.allocate(100));
  EXPECT_EQ(addresses[3] - addresses[0], 3 << 16);
  EXPECT_EQ(memory.allocate(100), nullptr);
  for (int i : {2, 0, 1}) {
    EXPECT_TRUE(memory.release(addresses[i]));
    EXPECT_FALSE(memory.release(addresses[i]));
    EXPECT_EQ(memory.allocate(100), addresses[i]);
    EXPECT_EQ(memory.allocate(100), nullptr);
  }
  EXPECT_TRUE(memory.release(addresses[1]));
  EXPECT_TRUE(memory.release(addresses[3]));
  EXPECT_EQ(memory.allocate(100), addresses[3]);
  EXPECT_EQ(memory.allocate(100), addresses[1]);
  EXPECT_EQ(memory.live(), 4u);
}

TEST(Api, LaunchesThatNoDeviceTakes) {
  const DeviceArray<float> x(1024);
  const auto error = [&](dim3 grid, dim3 block, std::size_t bytes) {
    cudaLaunchConfig_t config = {};
    config.gridDim = grid;
    config.blockDim = block;
    config.dynamicSmemBytes = bytes;
    return cudaLaunchKernelEx(&config, fill, x.data(), 1.0f);
  };
  EXPECT_EQ(error(1, 1024, 4096), cudaSuccess);
  EXPECT_EQ(error(1, 1025, 8192), cudaErrorInvalidConfiguration);
  EXPECT_EQ(error(0, 32, 4096), cudaErrorInvalidConfiguration);
  EXPECT_EQ(error({1, 65536}, 32, 4096), cudaErrorInvalidConfiguration);
  constexpr int kMost = 227 * 1024;
  EXPECT_EQ(error(1, 32, 48 * 1024), cudaSuccess);
  EXPECT_EQ(error(1, 32, 48 * 1024 + 4), cudaErrorInvalidValue);
  const auto attribute = cudaFuncAttributeMaxDynamicSharedMemorySize;
  EXPECT_EQ(cudaFuncSetAttribute(fill, attribute, kMost + 1), cudaErrorInvalidValue);
  EXPECT_EQ(cudaFuncSetAttribute(fill, attribute, kMost), cudaSuccess);
  EXPECT_EQ(error(1, 32, kMost), cudaSuccess);
  EXPECT_EQ(cudaGetLastError(), cudaErrorInvalidValue);
}

TEST(Api, ErrorsThatAKernelThrowsComeOut) {
  const DeviceArray<float> x(64);
  EXPECT_THROW(launch({1, 64}, throw_error, x.data()), std::runtime_error);
  launch({1, 64, 256}, fill, x.data(), 2.0f);
  EXPECT_EQ(x.values(), std::vector<float>(64, 2.0f));
}

TEST(Api, StreamsAndEvents) {
  cudaStream_t stream = nullptr;
  cudaEvent_t start = nullptr, end = nullptr;
  float milliseconds = -1;
  EXPECT_EQ(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), cudaSuccess);
  EXPECT_EQ(cudaEventCreate(&start), cudaSuccess);
  EXPECT_EQ(cudaEventCreateWithFlags(&end, cudaEventDisableTiming), cudaSuccess);
  EXPECT_EQ(cudaEventRecord(start, stream), cudaSuccess);
  EXPECT_EQ(cudaEventRecord(end, stream), cudaSuccess);
  EXPECT_EQ(cudaEventSynchronize(end), cudaSuccess);
  EXPECT_EQ(cudaStreamWaitEvent(stream, end), cudaSuccess);
  EXPECT_EQ(cudaEventElapsedTime(&milliseconds, start, start), cudaSuccess);
  EXPECT_EQ(milliseconds, 0.0f);
  EXPECT_EQ(cudaEventElapsedTime(&milliseconds, start, end), cudaErrorInvalidResourceHandle);
  EXPECT_EQ(cudaEventDestroy(start), cudaSuccess);
  EXPECT_EQ(cudaEventDestroy(end), cudaSuccess);
  EXPECT_EQ(cudaEventDestroy(end), cudaErrorInvalidResourceHandle);
  EXPECT_EQ(cudaStreamSynchronize(stream), cudaSuccess);
  EXPECT_EQ(cudaStreamDestroy(stream), cudaSuccess);
  EXPECT_EQ(cudaStreamSynchronize(stream), cudaErrorInvalidResourceHandle);
  EXPECT_EQ(cudaGetLastError(), cudaErrorInvalidResourceHandle);
}

TEST(Api, CopiesRowsOfAMatrix) {
  const auto host = counting(12);
  const DeviceArray<float> x(host);
  std::vector<float> rows(6);
  EXPECT_EQ(cudaMemcpy2DAsync(rows.data(), 8, x.data() + 1, 16, 8, 3, cudaMemcpyDeviceToHost),
            cudaSuccess);
  EXPECT_EQ(rows, (std::vector<float>{1, 2, 5, 6, 9, 10}));
  EXPECT_EQ(cudaMemcpy2DAsync(rows.data(), 4, x.data(), 16, 8, 3, cudaMemcpyDefault),
            cudaErrorInvalidPitchValue);
  EXPECT_EQ(cudaMemcpy(rows.data(), x.data(), 24, cudaMemcpyDefault), cudaSuccess);
  EXPECT_EQ(rows, counting(6));
  EXPECT_EQ(cudaGetLastError(), cudaErrorInvalidPitchValue);
}

TEST(Api, MemoryOfTheHost) {
  float* pinned = nullptr;
  EXPECT_EQ(cudaMallocHost(&pinned, 16), cudaSuccess);
  const DeviceArray<float> x(counting(4));
  EXPECT_EQ(cudaMemcpyAsync(pinned, x.data(), 16, cudaMemcpyDeviceToHost), cudaSuccess);
  EXPECT_EQ(pinned[3], 3.0f);
  EXPECT_EQ(cudaFreeHost(pinned), cudaSuccess);
  EXPECT_EQ(cudaFreeHost(pinned), cudaErrorInvalidValue);
  EXPECT_EQ(cudaGetLastError(), cudaErrorInvalidValue);
}

TEST(Api, MemoryPool) {
  cudaMemPool_t pool = nullptr;
  std::uint64_t threshold = ~std::uint64_t(0);
  EXPECT_EQ(cudaDeviceGetDefaultMemPool(&pool, 0), cudaSuccess);
  EXPECT_EQ(cudaMemPoolSetAttribute(pool, cudaMemPoolAttrReleaseThreshold, &threshold),
            cudaSuccess);
}

TEST(Api, Versions) {
  int runtime = 0, driver = 0;
  EXPECT_EQ(cudaRuntimeGetVersion(&runtime), cudaSuccess);
  EXPECT_EQ(cudaDriverGetVersion(&driver), cudaSuccess);
  EXPECT_EQ(runtime, CUDART_VERSION);
  EXPECT_GE(driver, runtime);
}

}  // namespace
}  // namespace test
}  // namespace libnorm
