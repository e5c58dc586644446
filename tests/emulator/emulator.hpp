#pragma once

#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>

/// Runs CUDA kernels, compiled by the host's compiler from their own source, thread by thread on
/// the host, and looks at every access to memory. `include/cuda_runtime.h` stands in for CUDA's
/// header; kernels' files are compiled with the options of the target `cuda_emulator_kernels`,
/// through which the compiler tells of loads and stores (-fsanitize=thread, without its library).
///
/// What a correct program never does is thrown as a `Violation`, out of cudaLaunchKernelEx, or out
/// of the copy or cudaFree that does it. What it may meet is returned as a cudaError_t.
///
/// A kernel gets its dynamic shared memory as `extern __shared__ float shared_floats[]`, declared
/// in namespace libnorm itself.
///
/// Not modelled: streams (every call is done when it returns), arrays of shared memory with a fixed
/// size (they do not compile), atomics, textures, clusters, two launches at a time. Races are
/// looked for by words of 4 bytes, so that threads that write neighbouring bytes seem to race. Two
/// calls of a barrier are told apart by the line they stand on, so not where both go through one
/// function.
namespace emulator {

class Violation : public std::logic_error {
 public:
  enum class Kind {
    /// Outside of all device memory that is allocated, of the block's dynamic shared memory and of
    /// the thread's own stack.
    out_of_bounds,
    /// Read, but written by nobody; for shared memory: by no thread of this block.
    unwritten,
    /// Two threads at one 4-byte word, one of them writing, and no barrier between. Only
    /// __syncthreads and __syncwarp are barriers to memory; a shuffle is none.
    race,
    /// Threads that have to meet do not. A block's threads all have to reach each
    /// __syncthreads, so one that has ended is missing, whatever the order in which they ran.
    divergence,
    /// An address that is no multiple of the type's alignment.
    misaligned
  };
  Violation(Kind kind, const std::string& what) : std::logic_error(what), kind_(kind) {}
  Kind kind() const { return kind_; }

 private:
  Kind kind_;
};

enum class Order { forward, reversed, shuffled };

/// In which order the blocks of a grid run, and within a block its warps, and within a warp its
/// lanes, wherever more than one may go on. The seed is for `shuffled`. At first: forward.
void set_order(Order blocks, Order threads, unsigned seed = 0);

/// Bytes of device memory. At first: 4 GiB.
void set_memory(std::size_t bytes);
/// 1 at first; with 0, CUDA's functions return cudaErrorNoDevice.
void set_devices(int count);

/// Allocations of device memory that are not freed.
std::size_t live_allocations();

/// Since the program began. A kernel that makes no accesses was compiled without the options.
struct Counts {
  std::uint64_t launches = 0;
  std::uint64_t accesses = 0;
  std::uint64_t exchanges = 0;
  std::uint64_t barriers = 0;
};
Counts counts();

}  // namespace emulator
