#include "libnorm/core/launch.hpp"

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <new>
#include <optional>
#include <string>

#include <tbb/blocked_range.h>
#include <tbb/global_control.h>
#include <tbb/info.h>
#include <tbb/parallel_for.h>
#include <tbb/task_arena.h>

#if defined(LIBNORM_X86_64)
#include <immintrin.h>
#endif
#if defined(LIBNORM_THREAD_SANITIZER)
#include <sanitizer/tsan_interface.h>
#endif

#include "libnorm/core/row_queue.hpp"
#include "libnorm/core/workspace.hpp"

namespace libnorm {

using detail::QueuePause;

namespace {

/// That what stands before a `release` happens before what stands behind an `acquire` of the same
/// object. TBB sees to it, but is not compiled for ThreadSanitizer, nor is this file, which has all
/// of the library's TBB: it has to be told.
class HappensBefore {
 public:
#if defined(LIBNORM_THREAD_SANITIZER)
  void release() { __tsan_release(this); }
  void acquire() { __tsan_acquire(this); }
#else
  void release() {}
  void acquire() {}
#endif
};

bool machine_has(Isa isa) {
#if defined(LIBNORM_X86_64)
  switch (isa) {
    case Isa::scalar: return true;
    case Isa::avx2: return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    case Isa::avx512:
      return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
             __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512bw");
  }
  return false;
#else
  return isa == Isa::scalar;
#endif
}

void require(Isa isa) {
  if (!machine_has(isa)) {
    throw BackendError("instruction set: not supported by this machine (" +
                       std::string(isa_name(isa)) + "); use one that `available_isas` lists");
  }
}

Isa initial_isa() {
  const char* name = std::getenv("LIBNORM_ISA");
  if (name == nullptr || *name == '\0') return available_isas().back();
  for (Isa isa : {Isa::scalar, Isa::avx2, Isa::avx512}) {
    if (isa_name(isa) == name) {
      require(isa);
      return isa;
    }
  }
  throw ValueError(std::string("LIBNORM_ISA: unknown instruction set (") + name +
                   "); use scalar, avx2 or avx512");
}

Isa& current_isa() {
  static Isa isa = initial_isa();
  return isa;
}

/// Round to nearest, no flush to zero, no denormals-are-zero: another library's start-up code or
/// -ffast-math object may have set them for the whole process.
void require_ieee_mode() {
#if defined(LIBNORM_X86_64)
  constexpr unsigned kFlushToZero = 1u << 15, kDenormalsAreZero = 1u << 6, kRounding = 3u << 13;
  if (_mm_getcsr() & (kFlushToZero | kDenormalsAreZero | kRounding)) {
    throw BackendError("launch: a thread's floating-point mode is not IEEE's default (MXCSR " +
                       std::to_string(_mm_getcsr()) + "); do not link code built with -ffast-math");
  }
#endif
}

struct AlignedDelete {
  static constexpr std::align_val_t kAlignment{64};
  void operator()(void* p) const { ::operator delete(p, kAlignment); }
};

}  // namespace

std::string_view isa_name(Isa isa) {
  switch (isa) {
    case Isa::scalar: return "scalar";
    case Isa::avx2: return "avx2";
    case Isa::avx512: return "avx512";
  }
  return "?";
}

std::vector<Isa> available_isas() {
  std::vector<Isa> found;
  for (Isa isa : {Isa::scalar, Isa::avx2, Isa::avx512}) {
    if (machine_has(isa)) found.push_back(isa);
  }
  return found;
}

Isa active_isa() { return current_isa(); }

void set_active_isa(Isa isa) {
  require(isa);
  current_isa() = isa;
}

void* workspace(std::size_t bytes) {
  thread_local std::unique_ptr<void, AlignedDelete> memory;
  thread_local std::size_t size = 0;
  if (size < bytes) {
    size = 0;
    memory.reset();
    memory.reset(::operator new(bytes, AlignedDelete::kAlignment));
    size = bytes;
  }
  return memory.get();
}

int detail::worker_index() { return tbb::this_task_arena::current_thread_index(); }

void detail::for_chunks(Index count, Index grain, Chunk chunk, const void* body) {
  if (count <= 0) return;
  if (count <= grain || tbb::this_task_arena::max_concurrency() == 1) {
    require_ieee_mode();
    chunk(body, 0, count);
    return;
  }
  // While this thread waits it may take up another task, whose launches are not this queue's.
  const QueuePause pause;
  HappensBefore loop, behind;
  loop.release();
  tbb::parallel_for(tbb::blocked_range<Index>(0, count, grain),
                    [&](const tbb::blocked_range<Index>& range) {
                      loop.acquire();
                      require_ieee_mode();
                      chunk(body, range.begin(), range.end());
                      behind.release();
                    });
  behind.acquire();
}

void for_each_output(Index count, const std::function<void(Index)>& f) {
  detail::for_chunks(
      count, 1,
      [](const void* p, Index begin, Index end) {
        const auto& call = *static_cast<const std::function<void(Index)>*>(p);
        for (Index i = begin; i < end; ++i) call(i);
      },
      &f);
}

int available_threads() { return tbb::this_task_arena::max_concurrency(); }

Index even_blocks(Index size, Index most) {
  constexpr Index kFew = 4;
  const Index threads = available_threads();
  const Index blocks = std::max(threads, (size + most - 1) / most);
  return blocks < kFew * threads ? (blocks + threads - 1) / threads * threads : blocks;
}

void with_threads(int threads, const std::function<void()>& f) {
  if (threads < 1) {
    throw ValueError("with_threads: threads must be positive (" + std::to_string(threads) +
                     "); need at least 1");
  }
  // More threads than cores are asked for only in tests; TBB then has to be told.
  std::optional<tbb::global_control> allowed;
  if (threads > tbb::info::default_concurrency()) {
    allowed.emplace(tbb::global_control::max_allowed_parallelism, std::size_t(threads));
  }
  HappensBefore call, behind;
  call.release();
  // Where all of the arena's places are taken, another thread makes the call.
  tbb::task_arena(threads).execute([&] {
    call.acquire();
    f();
    behind.release();
  });
  behind.acquire();
}

}  // namespace libnorm
