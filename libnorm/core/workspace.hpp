#pragma once

#include <cstddef>

namespace libnorm {

/// This thread's scratch memory for a body: at least `bytes`, aligned to 64. Scratch is not on the
/// stack, since some threads have only 128 KiB of it. It grows to the largest size asked for and is
/// kept. Each call invalidates the memory of the call before, so a body that uses it must not call
/// code that does too.
void* workspace(std::size_t bytes);

}  // namespace libnorm
