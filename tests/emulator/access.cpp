#include "tests/emulator/access.hpp"

#include <algorithm>
#include <iterator>
#include <string>
#include <vector>

#include <link.h>

namespace emulator {
namespace {

template <class T>
Region region_of(const T& constant) {
  return {std::uintptr_t(&constant), sizeof constant, nullptr, 0};
}

/// Adds what a program or library has that cannot be written, or not once it is loaded.
int add_segments(dl_phdr_info* info, std::size_t, void* regions) {
  for (int i = 0; i < info->dlpi_phnum; ++i) {
    const auto& header = info->dlpi_phdr[i];
    if ((header.p_type == PT_LOAD && (header.p_flags & PF_W) == 0) ||
        header.p_type == PT_GNU_RELRO) {
      static_cast<std::vector<Region>*>(regions)->push_back(
          {std::uintptr_t(info->dlpi_addr + header.p_vaddr), header.p_memsz, nullptr, 0});
    }
  }
  return 0;
}

std::string access_name(const Block& block, Access access, std::uintptr_t address,
                        std::size_t bytes) {
  return std::string(access == Access::read ? "reads " : "writes ") + std::to_string(bytes) +
         " bytes at " + place_name(block, address);
}

std::string code(const void* site) { return " [" + site_name(site) + "]"; }

bool is_shared(const Block& block, std::uintptr_t address) { return block.shared.holds(address); }

}  // namespace

const Region* find_region(Block& block, std::uintptr_t address) {
  if (block.memory->in_range(address)) return block.memory->find(address);
  auto& constants = block.constants;
  if (constants.empty()) {
    constants = {region_of(current_thread),
                 region_of(current_block),
                 region_of(current_shape),
                 region_of(current_grid),
                 {std::uintptr_t(block.call->bound), block.call->bytes, nullptr, 0}};
    dl_iterate_phdr(&add_segments, &constants);
  }
  const auto found = std::find_if(constants.begin(), constants.end(),
                                  [&](const Region& region) { return region.holds(address); });
  return found == constants.end() ? nullptr : &*found;
}

void fail_out_of_bounds(Lane& lane, Access access, std::uintptr_t address, std::size_t bytes,
                        const void* site) {
  fail(lane, Violation::Kind::out_of_bounds,
       access_name(*lane.block, access, address, bytes) +
           "; need an allocation of the device, or this block's shared memory" + code(site));
}

void fail_unwritten(Lane& lane, std::uintptr_t address, std::size_t bytes, const void* site) {
  fail(lane, Violation::Kind::unwritten,
       access_name(*lane.block, Access::read, address, bytes) +
           (is_shared(*lane.block, address)
                ? ", which no thread of the block has written; need a write and a barrier before"
                : ", which nobody has written; need a write before") +
           code(site));
}

void fail_race(Lane& lane, Access access, std::uintptr_t address, std::size_t bytes, Stamp stamp,
               bool was_write, const void* site) {
  const Block& block = *lane.block;
  std::string other = thread_name(block, thread_of(stamp));
  const bool same_block = time_of(stamp) >= block.start;
  if (!same_block) {
    const auto next = std::find_if(block.starts.begin(), block.starts.end(),
                                   [&](const auto& s) { return s.first > time_of(stamp); });
    other = block_name(block, std::prev(next)->second) + ", " + other;
  }
  fail(lane, Violation::Kind::race,
       access_name(block, access, address, bytes) + ", which " + other +
           (was_write ? " has written" : " has read") +
           (same_block ? "; need a barrier between" : "; no barrier orders two blocks") +
           code(site));
}

}  // namespace emulator
