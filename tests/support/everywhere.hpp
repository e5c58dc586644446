#pragma once

#include <string>

#include <gtest/gtest.h>

#include "libnorm/core/launch.hpp"
#include "tests/support/compare.hpp"

namespace libnorm::test {

/// Puts the instruction set back at the end of a test.
class IsaGuard {
 public:
  IsaGuard() : before_(active_isa()) {}
  ~IsaGuard() { set_active_isa(before_); }

 private:
  Isa before_;
};

/// Calls f with each instruction set that this machine has.
template <class F>
void for_each_isa(F f) {
  const IsaGuard guard;
  for (Isa isa : available_isas()) {
    SCOPED_TRACE(std::string("LIBNORM_ISA=") + std::string(isa_name(isa)));
    set_active_isa(isa);
    f();
  }
}

/// How often expect_same_everywhere calls. ThreadSanitizer sees a race whether it changes bits or
/// not, and is some fifty times as slow.
/// @{
#if defined(__SANITIZE_THREAD__)
inline constexpr int kThreadCounts[] = {2, 3};
inline constexpr int kRepetitions = 1;
#else
inline constexpr int kThreadCounts[] = {1, 2, 3, 8};
inline constexpr int kRepetitions = 2;
#endif
/// @}

/// f() returns all numbers that an operation makes. They must have the same bits with 1, 2, 3 and 8
/// threads and the second time, with the widest instruction set, and with each narrower one.
template <class F>
void expect_same_everywhere(const std::string& what, F f) {
  const Isa widest = available_isas().back();
  decltype(f()) expected;
  for_each_isa([&] {
    for (int threads : kThreadCounts) {
      if (active_isa() != widest && threads != 2) continue;
      SCOPED_TRACE("threads " + std::to_string(threads));
      for (int repetition = 0; repetition < kRepetitions; ++repetition) {
        with_threads(threads, [&] {
          const auto actual = f();
          if (expected.empty()) expected = actual;
          EXPECT_TRUE(same_bits(what, expected, actual));
        });
        if (active_isa() != widest) break;
      }
    }
  });
}

}  // namespace libnorm::test
