#pragma once

#include <map>
#include <mutex>
#include <set>

#include <cuda_runtime.h>

#include "tests/emulator/block.hpp"
#include "tests/emulator/memory.hpp"

namespace emulator {

/// The one device, with all that the host has of it. It is never destroyed, because what it is
/// asked to free may belong to static objects.
struct Device {
  std::mutex mutex;
  int devices = 1;
  Memory memory;
  Block block;
  Order block_order = Order::forward;
  Order thread_order = Order::forward;
  unsigned seed = 0;
  Counts counts;
  std::set<void*> host_allocations;
  std::set<cudaStream_t> streams;
  std::set<cudaEvent_t> events;
  /// What kernels may have of dynamic shared memory, where cudaFuncSetAttribute said so.
  std::map<const void*, std::size_t> shared_bytes;
};
Device& device();

/// Keeps an error for cudaGetLastError.
cudaError_t remember(cudaError_t error);

/// What every function does that needs a device: f(device) alone, and its error is kept.
template <class F>
cudaError_t with_device(F f) {
  const std::lock_guard lock(device().mutex);
  return remember(device().devices == 0 ? cudaErrorNoDevice : f(device()));
}

/// Whether it is the default stream or one that was created.
inline bool is_stream(const Device& d, cudaStream_t stream) {
  return stream == nullptr || d.streams.contains(stream);
}

}  // namespace emulator
