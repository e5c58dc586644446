#pragma once

// Included by the translation units that hold kernels, and by nothing else.

#include "libnorm/core/cuda.hpp"
#include "libnorm/core/launch.hpp"
#include "libnorm/core/pack.hpp"

namespace libnorm {

/// Warps of a block, each with outputs of its own.
inline constexpr unsigned kWarpsPerBlock = 4;
/// Warps that share an output that is a sum over rows.
inline constexpr unsigned kWarpsPerTeam = 16;

/// Whether one output of a body is a sum over all rows, too much for one warp.
template <class Body>
inline constexpr bool sums_rows = requires {
  Body::kSumsRows;
};

template <class Body>
__global__ void __launch_bounds__(kWarpsPerBlock * 32) run_warps(Body body, Index end) {
  const Index output = Index(blockIdx.x) * kWarpsPerBlock + threadIdx.x / 32;
  if (output < end) body(Warp<Cuda>{}, output);
}

template <class Body>
__global__ void __launch_bounds__(kWarpsPerTeam * 32) run_teams(Body body) {
  body(CudaTeam{}, Index(blockIdx.x));
}

/// All outputs; `begin` is 0.
template <class Body>
struct KernelEntry<Cuda, Body> {
  static void run(const Body& body, Index, Index end) {
    if constexpr (sums_rows<Body>) {
      const auto config = launch_config(dim3(unsigned(end)), kWarpsPerTeam * 32,
                                        kWarpsPerTeam * 32 * sizeof(double));
      require_cuda(cudaLaunchKernelEx(&config, &run_teams<Body>, body), "launch");
    } else {
      const Index blocks = (end + kWarpsPerBlock - 1) / kWarpsPerBlock;
      const auto config = launch_config(dim3(unsigned(blocks)), kWarpsPerBlock * 32, 0);
      require_cuda(cudaLaunchKernelEx(&config, &run_warps<Body>, body, end), "launch");
    }
  }
};

}  // namespace libnorm
