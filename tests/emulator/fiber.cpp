#include "tests/emulator/fiber.hpp"

#include <new>
#include <utility>

#include <sys/mman.h>

#include "tests/emulator/limits.hpp"

namespace emulator {
namespace {

/// So much that no page is larger.
constexpr std::size_t kGuardPages = 65536;
constexpr std::size_t kStride = kGuardPages + Fiber::kStackBytes;

/// Stacks, each above a guard, on which it ends if it overflows.
std::uintptr_t reserve_stacks() {
  void* range = mmap(nullptr, kMaxThreads * kStride, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
  if (range == MAP_FAILED) throw std::bad_alloc();
  for (unsigned i = 0; i < kMaxThreads; ++i) {
    mprotect(static_cast<char*>(range) + i * kStride, kGuardPages, PROT_NONE);
  }
  return std::uintptr_t(range);
}

std::uintptr_t stacks() {
  static const std::uintptr_t range = reserve_stacks();
  return range;
}

/// Hands out a stack that stays reserved for ever.
struct PooledStack {
  std::uintptr_t low;
  unsigned index;

  boost::context::stack_context allocate() const {
    // Stacks that all began at the same place of a page would fight for the same lines of the
    // cache.
    const std::size_t shift = index % 32 * 320;
    boost::context::stack_context stack;
    stack.size = Fiber::kStackBytes - shift;
    stack.sp = reinterpret_cast<void*>(low + stack.size);
    return stack;
  }
  void deallocate(boost::context::stack_context&) const {}
};

}  // namespace

std::uintptr_t Fiber::stack_of(unsigned index) { return stacks() + index * kStride + kGuardPages; }

bool Fiber::is_stack(std::uintptr_t address) { return address - stacks() < kMaxThreads * kStride; }

void Fiber::create() {
  inner_ = boost::context::fiber(std::allocator_arg, PooledStack{stack(), index_},
                                 [this](boost::context::fiber&& outer) -> boost::context::fiber {
                                   outer_ = std::move(outer);
                                   for (;;) {
                                     function_(argument_);
                                     pause();
                                   }
                                 });
}

void Fiber::resume(void (*function)(void*), void* argument) {
  function_ = function;
  argument_ = argument;
  if (!inner_) create();
  inner_ = std::move(inner_).resume();
}

void Fiber::pause() { outer_ = std::move(outer_).resume(); }

void Fiber::abandon() { new (&inner_) boost::context::fiber(); }

}  // namespace emulator
