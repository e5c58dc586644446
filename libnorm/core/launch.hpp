#pragma once

#include <functional>

#include "libnorm/core/device.hpp"
#include "libnorm/core/error.hpp"
#include "libnorm/core/isa.hpp"

namespace libnorm {

/// Runs a body with one instruction set. Declared here, defined in `kernel_entry.hpp`, and
/// instantiated only in the translation units compiled for that set (`*.isa.cpp`).
template <class IsaTag, class Body>
struct KernelEntry {
  /// Runs outputs begin .. end - 1, ascending. On a GPU begin is 0, and the call only queues them.
  static void run(const Body& body, Index begin, Index end);
};

/// Whether a body has a kernel: bodies of float that are not for the processor alone.
/// @{
template <class Body>
inline constexpr bool runs_on_gpu = false;
template <template <class...> class Body, class... Rest>
inline constexpr bool runs_on_gpu<Body<float, Rest...>> = !(requires {
  Body<float, Rest...>::kOnProcessorAlone;
} || (requires { Rest::kOnProcessorAlone; } || ...));
/// @}

namespace detail {
/// Calls chunk(begin, end) over [0, count) in pieces of at least `grain`, on the threads of the
/// current TBB arena. Throws: BackendError if a worker's floating-point mode is not IEEE's default.
void for_chunks(Index count, Index grain, void (*chunk)(const void*, Index, Index),
                const void* body);
}  // namespace detail

/// Runs body(output) for output = 0 .. count-1: the library's only parallelism. Each output is
/// written by one call alone, so the result does not depend on how many threads there are.
/// `grain` is how many outputs are worth a task of their own.
///
/// Bodies of float, but for those that say `kOnProcessorAlone`, run on the thread's device.
///
/// Requirements on the calling thread: IEEE's default rounding and no flushing to zero (checked);
/// 128 KiB of stack if the library is optimised. Floating-point exceptions may be trapped
/// (feenableexcept): with an epsilon above 0, finite numbers of magnitude below 1e15 raise neither
/// invalid nor division by zero nor overflow. Larger numbers may overflow: that is how the kernels
/// detect them.
template <class Body>
void launch(Index count, Index grain, const Body& body) {
#if defined(LIBNORM_CUDA)
  if constexpr (runs_on_gpu<Body>) {
    if (current_device() == Device::cuda) {
      if (count > 0) KernelEntry<Cuda, Body>::run(body, 0, count);
      return;
    }
  }
#endif
  using Run = void (*)(const Body&, Index, Index);
  Run run = nullptr;
  switch (active_isa()) {
    case Isa::scalar: run = &KernelEntry<Scalar, Body>::run; break;
#if defined(LIBNORM_X86_64)
    case Isa::avx2: run = &KernelEntry<Avx2, Body>::run; break;
    case Isa::avx512: run = &KernelEntry<Avx512, Body>::run; break;
#else
    default: throw BackendError("launch: this build has no such instruction set");
#endif
  }
  struct Call {
    Run run;
    const Body* body;
  } call{run, &body};
  detail::for_chunks(
      count, grain,
      [](const void* p, Index begin, Index end) {
        const Call& c = *static_cast<const Call*>(p);
        c.run(*c.body, begin, end);
      },
      &call);
}

/// Calls f(i) for i = 0 .. count-1 on the threads of the current arena: for work that is not a
/// body, such as a solver. No two calls may write the same memory.
void for_each_output(Index count, const std::function<void(Index)>& f);

/// Calls f with `threads` threads for the launches within.
/// Throws: ValueError if threads < 1.
void with_threads(int threads, const std::function<void()>& f);

}  // namespace libnorm
