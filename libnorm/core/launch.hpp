#pragma once

#include <concepts>
#include <cstddef>
#include <functional>
#include <type_traits>

#include "libnorm/core/device.hpp"
#include "libnorm/core/error.hpp"
#include "libnorm/core/isa.hpp"
#include "libnorm/core/row_queue.hpp"
#include "libnorm/core/work_profile.hpp"

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

/// Whether output r of a body is row r of matrices, of which it reads and writes that row alone:
/// bodies that say `kIsRowwise`.
template <class Body>
inline constexpr bool is_rowwise = requires {
  Body::kIsRowwise;
}
&&std::is_trivially_copyable_v<Body>;

namespace detail {
/// The kind of work that a body does, for profiles.
template <class Body>
constexpr const char* work_of() {
  if constexpr (requires { Body::kWork; }) {
    return Body::kWork;
  } else {
    return "other";
  }
}

/// A body with the kernel that runs it.
template <class Body>
struct Call {
  void (*run)(const Body& body, Index begin, Index end);
  Body body;
  static void go(const void* call, Index begin, Index end) {
    const Call& c = *static_cast<const Call*>(call);
    const Clock now = profile_clock();
    if (now == nullptr) return c.run(c.body, begin, end);
    const double start = now();
    c.run(c.body, begin, end);
    add_work(work_of<Body>(), now() - start);
  }
};

/// Which of its threads runs this: 0, 1, ... of the current TBB arena; negative outside.
int worker_index();

/// Calls chunk(begin, end) over [0, count) in pieces of at least `grain`, on the threads of the
/// current TBB arena. Throws: BackendError if a worker's floating-point mode is not IEEE's default.
void for_chunks(Index count, Index grain, Chunk chunk, const void* call);

/// The kernel of the active instruction set.
template <class Body>
auto kernel_of() -> void (*)(const Body&, Index, Index) {
  switch (active_isa()) {
    case Isa::scalar: return &KernelEntry<Scalar, Body>::run;
#if defined(LIBNORM_X86_64)
    case Isa::avx2: return &KernelEntry<Avx2, Body>::run;
    case Isa::avx512: return &KernelEntry<Avx512, Body>::run;
#else
    default: break;
#endif
  }
  throw BackendError("launch: this build has no such instruction set");
}

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
  const detail::Call<Body> call{detail::kernel_of<Body>(), body};
  if constexpr (is_rowwise<Body>) {
    detail::launch_rowwise(count, grain, &detail::Call<Body>::go, &call, sizeof call);
  } else {
    constexpr bool can_be_kept = std::is_trivially_copyable_v<Body>;
    detail::launch_call(count, grain, &detail::Call<Body>::go, &call,
                        can_be_kept ? sizeof call : 0);
  }
}

namespace detail {
/// Queues a body that is to run before the queued rows.
template <class Body>
void queue_before_rows(Index count, const Body& body) {
  const Call<Body> call{kernel_of<Body>(), body};
  queue_call_before_rows(count, &Call<Body>::go, &call, sizeof call);
}
/// Queues a rowwise body, within after_rows too.
template <class Body>
void queue_with_rows(Index count, const Body& body) {
  const Call<Body> call{kernel_of<Body>(), body};
  queue_call_with_rows(count, &Call<Body>::go, &call, sizeof call);
}
}  // namespace detail

/// Calls f. On a processor, launches inside f are queued.
///
/// A rowwise launch is queued. Anything else first runs what is queued: block of rows by block of
/// rows, each through all launches, so that a block stays in cache from one to the next, and with
/// one hand-over to the threads in place of one for each launch. Bits do not depend on it. What is
/// left is run in the end; where f throws, it is dropped.
///
/// Memory that queued launches use must stay where it is until then (Buffer sees to it), and rows
/// must be its rows in all of them.
template <class F>
void in_row_blocks(F f) {
  detail::RowQueueScope scope;
  f();
  scope.finish();
}

/// Whether the calling thread's launches are queued, and after_rows waits.
inline bool are_rows_queued() { return detail::has_queue(); }

/// Runs what the calling thread has queued.
inline void run_queued_rows() { detail::run_queued(); }

/// Calls f, whose launches sum over rows that queued ones write: they run once these have. What
/// they read must not be overwritten by launches that are queued later, nor what they write read.
template <class F>
void after_rows(F f) {
  detail::AfterRowsScope scope;
  f();
}

/// Calls f(i) for i = 0 .. count-1 on the threads of the current arena: for work that is not a
/// body, such as a solver. No two calls may write the same memory.
void for_each_output(Index count, const std::function<void(Index)>& f);

/// Threads that launches of the calling thread use.
int available_threads();

/// Blocks to cut `size` into, of `most` each or a little less: where there are few, as many for
/// each thread.
Index even_blocks(Index size, Index most);

/// Calls f with `threads` threads for the launches within.
/// Throws: ValueError if threads < 1.
void with_threads(int threads, const std::function<void()>& f);

}  // namespace libnorm
