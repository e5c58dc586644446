#pragma once

// What a kernel calls: barriers, exchange between the lanes of a warp, arithmetic that is rounded
// once, and bits of numbers.

#include <bit>
#include <cstdint>
#include <type_traits>

#include "emulated/types.h"

namespace emulator {

enum class Sync { block, warp, shuffle, shuffle_up, shuffle_down, shuffle_xor, ballot, any, all };

/// What lanes that wait for one another must agree on.
struct Meeting {
  Sync sync;
  unsigned mask;
  int width;
  int bytes;
  const char* file;
  int line;
};

/// Waits for all threads of the block.
void sync_block(const char* file, int line);
/// Waits for the lanes of the mask. Returns what the exchange gives this lane.
std::uint64_t sync_lanes(const Meeting& meeting, std::uint64_t value, unsigned argument);

template <class T>
T shuffle(const Meeting& meeting, T value, unsigned argument) {
  static_assert(std::is_arithmetic_v<T> && (sizeof(T) == 4 || sizeof(T) == 8),
                "a shuffle takes numbers of 4 or 8 bytes");
  using Bits = std::conditional_t<sizeof(T) == 4, std::uint32_t, std::uint64_t>;
  return std::bit_cast<T>(Bits(sync_lanes(meeting, std::bit_cast<Bits>(value), argument)));
}

}  // namespace emulator

// The last two arguments are never given: they are where the call stands.

inline void __syncthreads(const char* file = __builtin_FILE(), int line = __builtin_LINE()) {
  emulator::sync_block(file, line);
}
inline void __syncwarp(unsigned mask = 0xffffffffu, const char* file = __builtin_FILE(),
                       int line = __builtin_LINE()) {
  emulator::sync_lanes({emulator::Sync::warp, mask, 32, 0, file, line}, 0, 0);
}

template <class T>
T __shfl_sync(unsigned mask, T value, int lane, int width = 32, const char* file = __builtin_FILE(),
              int line = __builtin_LINE()) {
  return emulator::shuffle<T>({emulator::Sync::shuffle, mask, width, sizeof(T), file, line}, value,
                              unsigned(lane));
}
template <class T>
T __shfl_up_sync(unsigned mask, T value, unsigned delta, int width = 32,
                 const char* file = __builtin_FILE(), int line = __builtin_LINE()) {
  return emulator::shuffle<T>({emulator::Sync::shuffle_up, mask, width, sizeof(T), file, line},
                              value, delta);
}
template <class T>
T __shfl_down_sync(unsigned mask, T value, unsigned delta, int width = 32,
                   const char* file = __builtin_FILE(), int line = __builtin_LINE()) {
  return emulator::shuffle<T>({emulator::Sync::shuffle_down, mask, width, sizeof(T), file, line},
                              value, delta);
}
template <class T>
T __shfl_xor_sync(unsigned mask, T value, int bits, int width = 32,
                  const char* file = __builtin_FILE(), int line = __builtin_LINE()) {
  return emulator::shuffle<T>({emulator::Sync::shuffle_xor, mask, width, sizeof(T), file, line},
                              value, unsigned(bits));
}

inline unsigned __ballot_sync(unsigned mask, int predicate, const char* file = __builtin_FILE(),
                              int line = __builtin_LINE()) {
  return unsigned(
      emulator::sync_lanes({emulator::Sync::ballot, mask, 32, 4, file, line}, predicate != 0, 0));
}
inline int __any_sync(unsigned mask, int predicate, const char* file = __builtin_FILE(),
                      int line = __builtin_LINE()) {
  return int(
      emulator::sync_lanes({emulator::Sync::any, mask, 32, 4, file, line}, predicate != 0, 0));
}
inline int __all_sync(unsigned mask, int predicate, const char* file = __builtin_FILE(),
                      int line = __builtin_LINE()) {
  return int(
      emulator::sync_lanes({emulator::Sync::all, mask, 32, 4, file, line}, predicate != 0, 0));
}

inline float __fmaf_rn(float a, float b, float c) { return __builtin_fmaf(a, b, c); }
inline double __fma_rn(double a, double b, double c) { return __builtin_fma(a, b, c); }
inline float __fsqrt_rn(float a) { return __builtin_sqrtf(a); }
inline double __dsqrt_rn(double a) { return __builtin_sqrt(a); }
inline float __fdiv_rn(float a, float b) { return a / b; }
inline double __ddiv_rn(double a, double b) { return a / b; }
inline float __fadd_rn(float a, float b) { return a + b; }
inline double __dadd_rn(double a, double b) { return a + b; }
inline float __fmul_rn(float a, float b) { return a * b; }
inline double __dmul_rn(double a, double b) { return a * b; }

template <class T>
T __ldg(const T* address) {
  return *address;
}

inline unsigned __float_as_uint(float a) { return std::bit_cast<unsigned>(a); }
inline float __uint_as_float(unsigned a) { return std::bit_cast<float>(a); }
inline long long __double_as_longlong(double a) { return std::bit_cast<long long>(a); }
inline double __longlong_as_double(long long a) { return std::bit_cast<double>(a); }
