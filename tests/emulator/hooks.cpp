// What code calls that is compiled with -fsanitize=thread,alignment, and what ThreadSanitizer's
// library would otherwise give. Outside of a running kernel they do nothing.

#include <cstddef>
#include <cstdint>

#include "tests/emulator/access.hpp"
#include "tests/emulator/hooks.hpp"

namespace emulator {
namespace {

const Region* find_at(Lane& lane, Access access, std::uintptr_t address, std::size_t bytes,
                      const void* site) {
  Block& block = *lane.block;
  const Region*& last = block.sites[std::uintptr_t(site) / 2 % block.sites.size()];
  if (last == nullptr || !last->holds(address)) {
    last = find_region(block, address);
    if (last == nullptr) fail_out_of_bounds(lane, access, address, bytes, site);
  }
  return last;
}

template <Access access>
void look(Lane& lane, std::uintptr_t address, std::size_t bytes, const void* site) {
  Block& block = *lane.block;
  if (address - lane.stack < Fiber::kStackBytes) return;
  ++block.counts->accesses;
  const bool shared = block.shared.holds(address);
  const Region& region = shared ? block.shared : *find_at(lane, access, address, bytes, site);
  const std::size_t offset = address - region.begin;
  const bool fits = bytes <= region.bytes - offset;
  if (!fits || (region.words == nullptr && access == Access::write)) {
    fail_out_of_bounds(lane, access, address, bytes, site);
  }
  if (region.words == nullptr) return;
  const Time since = shared ? block.start : block.launch_start;
  for_words(region, offset, bytes, [&](Word& word, unsigned bits) {
    const bool fresh = shared && time_of(word.write) < since;
    const Stamp write = word.write;
    Stamp race;
    if constexpr (access == Access::read) {
      if (fresh || (bits & ~word.written) != 0) fail_unwritten(lane, address, bytes, site);
      race = note_read(lane, since, word);
    } else {
      race = note_write(lane, since, word, bits, fresh);
    }
    if (race != 0) fail_race(lane, access, address, bytes, race, race == write, site);
  });
}

/// Without the kernel in between: what this calls may itself be compiled with hooks.
template <Access access>
inline __attribute__((always_inline)) void see(const void* address, std::size_t bytes,
                                               const void* site) {
  Lane* lane = inside;
  if (lane == nullptr) return;
  inside = nullptr;
  if (bytes > 0) look<access>(*lane, std::uintptr_t(address), bytes, site);
  inside = lane;
}

}  // namespace

void see_copy(const void* to, const void* from, std::size_t bytes, const void* site) {
  see<Access::read>(from, bytes, site);
  see<Access::write>(to, bytes, site);
}
void see_fill(const void* to, std::size_t bytes, const void* site) {
  see<Access::write>(to, bytes, site);
}

}  // namespace emulator

using emulator::Access;
using emulator::see;

extern "C" {

void __tsan_init() {}
void __tsan_func_entry(void*) {}
void __tsan_func_exit() {}

void __tsan_read1(void* address) { see<Access::read>(address, 1, __builtin_return_address(0)); }
void __tsan_read2(void* address) { see<Access::read>(address, 2, __builtin_return_address(0)); }
void __tsan_read4(void* address) { see<Access::read>(address, 4, __builtin_return_address(0)); }
void __tsan_read8(void* address) { see<Access::read>(address, 8, __builtin_return_address(0)); }
void __tsan_read16(void* address) { see<Access::read>(address, 16, __builtin_return_address(0)); }
void __tsan_write1(void* address) { see<Access::write>(address, 1, __builtin_return_address(0)); }
void __tsan_write2(void* address) { see<Access::write>(address, 2, __builtin_return_address(0)); }
void __tsan_write4(void* address) { see<Access::write>(address, 4, __builtin_return_address(0)); }
void __tsan_write8(void* address) { see<Access::write>(address, 8, __builtin_return_address(0)); }
void __tsan_write16(void* address) { see<Access::write>(address, 16, __builtin_return_address(0)); }
void __tsan_unaligned_read2(void* address) {
  see<Access::read>(address, 2, __builtin_return_address(0));
}
void __tsan_unaligned_read4(void* address) {
  see<Access::read>(address, 4, __builtin_return_address(0));
}
void __tsan_unaligned_read8(void* address) {
  see<Access::read>(address, 8, __builtin_return_address(0));
}
void __tsan_unaligned_read16(void* address) {
  see<Access::read>(address, 16, __builtin_return_address(0));
}
void __tsan_unaligned_write2(void* address) {
  see<Access::write>(address, 2, __builtin_return_address(0));
}
void __tsan_unaligned_write4(void* address) {
  see<Access::write>(address, 4, __builtin_return_address(0));
}
void __tsan_unaligned_write8(void* address) {
  see<Access::write>(address, 8, __builtin_return_address(0));
}
void __tsan_unaligned_write16(void* address) {
  see<Access::write>(address, 16, __builtin_return_address(0));
}
void __tsan_read_range(void* address, std::size_t bytes) {
  see<Access::read>(address, bytes, __builtin_return_address(0));
}
void __tsan_write_range(void* address, std::size_t bytes) {
  see<Access::write>(address, bytes, __builtin_return_address(0));
}
void __tsan_vptr_read(void** address) {
  see<Access::read>(address, sizeof(void*), __builtin_return_address(0));
}
void __tsan_vptr_update(void** address, void*) {
  see<Access::write>(address, sizeof(void*), __builtin_return_address(0));
}

}  // extern "C"
