#include <cstdint>
#include <exception>
#include <vector>

#include "tests/emulator/device.hpp"

namespace libnorm {
/// The dynamic shared memory of the block that runs, under the name by which kernels ask for it.
extern float shared_floats[];
alignas(16) float shared_floats[emulator::kSharedBytesInAll / sizeof(float)];
}  // namespace libnorm

namespace emulator {
namespace {

bool can_launch(const dim3& grid, const dim3& shape) {
  const std::uint64_t threads = std::uint64_t(shape.x) * shape.y * shape.z;
  return grid.x > 0 && grid.x <= 0x7fffffff && grid.y > 0 && grid.y <= 65535 && grid.z > 0 &&
         grid.z <= 65535 && threads > 0 && threads <= kMaxThreads && shape.z <= 64;
}

std::size_t shared_limit(const Device& d, const void* kernel) {
  const auto found = d.shared_bytes.find(kernel);
  return found == d.shared_bytes.end() ? kSharedBytes : found->second;
}

Word* shared_words() {
  static std::vector<Word> words(kSharedBytesInAll / sizeof(float));
  return words.data();
}

void prepare(Device& d, const cudaLaunchConfig_t& config, const Call& call) {
  Block& block = d.block;
  block.call = &call;
  block.grid = config.gridDim;
  block.shape = config.blockDim;
  block.threads = config.blockDim.x * config.blockDim.y * config.blockDim.z;
  block.warps = (block.threads + kWarp - 1) / kWarp;
  block.launch_start = ++block.now;
  block.starts.clear();
  block.violation.reset();
  block.exception = nullptr;
  block.memory = &d.memory;
  block.shared = {std::uintptr_t(&libnorm::shared_floats), config.dynamicSmemBytes, shared_words(),
                  0};
  block.constants.clear();
  block.sites.fill(nullptr);
  block.order = d.thread_order;
  block.random.seed(d.seed);
  block.counts = &d.counts;
  for (unsigned i = 0; i < block.threads; ++i) {
    const unsigned row = i / block.shape.x;
    block.lane[i].thread = {i % block.shape.x, row % block.shape.y, row / block.shape.y};
  }
}

void run(Device& d) {
  Block& block = d.block;
  std::vector<std::size_t> numbers;
  std::mt19937 random(d.seed);
  arrange(d.block_order, std::size_t(block.grid.x) * block.grid.y * block.grid.z, random, numbers);
  for (std::size_t number : numbers) {
    run_block(block, number);
    if (block.violation) throw Violation(*block.violation);
    if (block.exception) std::rethrow_exception(block.exception);
  }
}

}  // namespace

Device& device() {
  static Device& d = *new Device;
  return d;
}

void set_order(Order blocks, Order threads, unsigned seed) {
  const std::lock_guard lock(device().mutex);
  device().block_order = blocks;
  device().thread_order = threads;
  device().seed = seed;
}

void set_memory(std::size_t bytes) {
  const std::lock_guard lock(device().mutex);
  device().memory.set_limit(bytes);
}

void set_devices(int count) {
  const std::lock_guard lock(device().mutex);
  device().devices = count;
}

std::size_t live_allocations() {
  const std::lock_guard lock(device().mutex);
  return device().memory.live();
}

Counts counts() {
  const std::lock_guard lock(device().mutex);
  return device().counts;
}

cudaError_t launch(const cudaLaunchConfig_t& config, const Call& call) {
  return with_device([&](Device& d) {
    if (call.kernel == nullptr) return cudaErrorInvalidDeviceFunction;
    if (!can_launch(config.gridDim, config.blockDim)) return cudaErrorInvalidConfiguration;
    if (config.dynamicSmemBytes > shared_limit(d, call.kernel)) return cudaErrorInvalidValue;
    if (!is_stream(d, config.stream)) return cudaErrorInvalidResourceHandle;
    if (config.numAttrs > 0) return cudaErrorNotSupported;
    ++d.counts.launches;
    prepare(d, config, call);
    run(d);
    return cudaSuccess;
  });
}

}  // namespace emulator
