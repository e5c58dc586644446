#pragma once

#include <cstddef>

namespace emulator {

/// Checks what a kernel does at `site`, and notes it. Outside of a running kernel: nothing.
void see_copy(const void* to, const void* from, std::size_t bytes, const void* site);
void see_fill(const void* to, std::size_t bytes, const void* site);

}  // namespace emulator
