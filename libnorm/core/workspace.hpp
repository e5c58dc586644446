#pragma once

#include <cstddef>

namespace libnorm {

/// Memory of this thread for what a body packs: at least `bytes`, at a multiple of 64. Nothing big
/// is on the stack, which is 128 KiB of some threads. It grows to the largest asked for and stays;
/// what stood there before is lost, so a body that has it asks nobody who might want it too.
void* workspace(std::size_t bytes);

}  // namespace libnorm
