#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include <cuda_runtime.h>

#include "tests/emulator/emulator.hpp"
#include "tests/emulator/fiber.hpp"
#include "tests/emulator/limits.hpp"
#include "tests/emulator/memory.hpp"

namespace emulator {

// What kernels' files see under these names is constant.
extern uint3 current_thread asm("threadIdx");
extern uint3 current_block asm("blockIdx");
extern dim3 current_shape asm("blockDim");
extern dim3 current_grid asm("gridDim");

struct Block;
struct Warp;

/// A thread of the block that runs.
struct Lane {
  Block* block;
  Warp* warp;
  unsigned index;
  uint3 thread;
  std::uintptr_t stack;
  Fiber fiber;
  /// What it brings to an exchange, and then what it gets.
  std::uint64_t value;
  unsigned argument;

  unsigned bit() const { return 1u << index % kWarp; }
};

/// Lanes that wait for those of the mask that are still missing.
struct Group {
  Meeting meeting;
  unsigned arrived;
};

struct Warp {
  Lane* lanes;
  /// Bits of lanes.
  unsigned present, ready, ended, at_barrier;
  std::vector<Group> groups;
  /// Up to when all lanes know what the others did; and, if the block had barriers of only some
  /// lanes, up to when lane i knows what lane j did.
  Time barrier;
  bool has_known;
  std::array<std::array<Time, kWarp>, kWarp> known;
};

/// The block that runs, and what stays the same from one to the next. There is one.
struct Block {
  Block();

  const Call* call;
  dim3 grid;
  dim3 shape;
  uint3 place;
  unsigned threads, warps;

  /// When the launch and the block began, and the last __syncthreads.
  Time now = 1, launch_start, start, barrier;
  /// When each block of the launch began, and its number.
  std::vector<std::pair<Time, std::size_t>> starts;

  std::array<Warp, kMaxWarps> warp;
  std::vector<Lane> lane;
  Lane* running;
  /// At __syncthreads, and where that is.
  unsigned waiting, ended;
  const char* file;
  int line;

  /// What ends the launch.
  std::optional<Violation> violation;
  std::exception_ptr exception;

  Memory* memory;
  Region shared;
  /// What threads may only read; found when one first does.
  std::vector<Region> constants;
  /// Where a place of the code last found what it accessed.
  std::array<const Region*, 256> sites;

  Order order;
  std::mt19937 random;
  Counts* counts;
};

/// The lane whose kernel this host's thread is in, or null.
extern thread_local constinit Lane* inside;

/// From a kernel's code into the emulator's, and back.
Lane& leave(const char* what);
void enter(Lane& lane);

/// Runs all threads of the block that is next. Returns early if the launch has to end.
void run_block(Block& block, std::size_t number);
/// Puts 0 .. n-1 in order.
void arrange(Order order, std::size_t n, std::mt19937& random, std::vector<std::size_t>& numbers);

/// Ends the launch for what the lane did, and never returns: the frames of threads stay as they
/// are.
[[noreturn]] void fail(Lane& lane, Violation::Kind kind, const std::string& what);

/// `thread (0, 1, 0)`, `block (0, 1, 0)`.
std::string thread_name(const Block& block, unsigned index);
std::string block_name(const Block& block, std::size_t number);
/// Where in memory, and where in the program.
std::string place_name(const Block& block, std::uintptr_t address);
std::string site_name(const void* site);
std::string kernel_name(const Call& call);

/// The allocation or constant that has the address, or null.
const Region* find_region(Block& block, std::uintptr_t address);

}  // namespace emulator
