#pragma once

#include <cstddef>
#include <cstdint>

#include <boost/context/fiber.hpp>

namespace emulator {

/// Runs a function again and again, on a stack of its own: once for each time that it is called,
/// with as many pauses as it likes.
class Fiber {
 public:
  static constexpr std::size_t kStackBytes = 128 * 1024;

  /// Goes on where the function paused, or begins it. Returns when it pauses or returns.
  void resume(void (*function)(void*), void* argument);
  /// Called by the function.
  void pause();
  /// Forgets a function that has paused. Its frames are not unwound: they are a kernel's, which was
  /// stopped where the compiler expects no exception.
  void abandon();

  /// The lowest address of its stack, which is the index-th of all.
  std::uintptr_t stack() const { return stack_of(index_); }
  void set_index(unsigned index) { index_ = index; }
  static bool is_stack(std::uintptr_t address);

 private:
  static std::uintptr_t stack_of(unsigned index);
  void create();

  unsigned index_ = 0;
  void (*function_)(void*) = nullptr;
  void* argument_ = nullptr;
  boost::context::fiber inner_;
  boost::context::fiber outer_;
};

}  // namespace emulator
