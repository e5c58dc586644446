#pragma once

// What the CUDA parts of the library share. Included only where the build has CUDA, and not
// installed.

#include <cuda_runtime.h>

#include "libnorm/core/error.hpp"

namespace libnorm {

/// Throws: BackendError unless `status` is success.
void require_cuda(cudaError_t status, const char* where);

/// The stream of the calling thread's DeviceScope.
cudaStream_t current_stream();

/// Multiprocessors of the device.
int multiprocessors();

/// A launch's shape.
inline cudaLaunchConfig_t launch_config(dim3 grid, unsigned threads, std::size_t shared_bytes) {
  cudaLaunchConfig_t config{};
  config.gridDim = grid;
  config.blockDim = dim3(threads, 1, 1);
  config.dynamicSmemBytes = shared_bytes;
  config.stream = current_stream();
  return config;
}

}  // namespace libnorm
