#pragma once

#include <cstddef>

namespace emulator {

inline constexpr unsigned kWarp = 32;
inline constexpr unsigned kMaxThreads = 1024;
inline constexpr unsigned kMaxWarps = kMaxThreads / kWarp;

/// What a block may have of shared memory: without cudaFuncSetAttribute, with it, and what there
/// is.
inline constexpr std::size_t kSharedBytes = 48 * 1024;
inline constexpr std::size_t kSharedBytesWithOptIn = 227 * 1024;
inline constexpr std::size_t kSharedBytesInAll = 228 * 1024;

}  // namespace emulator
