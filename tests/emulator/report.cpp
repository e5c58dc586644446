#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>

#include <cxxabi.h>
#include <dlfcn.h>
#include <link.h>

#include "tests/emulator/block.hpp"

namespace emulator {
namespace {

std::string demangled(const char* name) {
  int status = 0;
  const std::unique_ptr<char, void (*)(void*)> text(
      abi::__cxa_demangle(name, nullptr, nullptr, &status), &std::free);
  return status == 0 ? text.get() : name;
}

std::string coordinates(unsigned x, unsigned y, unsigned z) {
  return "(" + std::to_string(x) + ", " + std::to_string(y) + ", " + std::to_string(z) + ")";
}

}  // namespace

std::string thread_name(const Block& block, unsigned index) {
  const uint3& thread = block.lane[index].thread;
  return "thread " + coordinates(thread.x, thread.y, thread.z);
}

std::string block_name(const Block& block, std::size_t number) {
  const std::size_t row = number / block.grid.x;
  return "block " + coordinates(unsigned(number % block.grid.x), unsigned(row % block.grid.y),
                                unsigned(row / block.grid.y));
}

std::string place_name(const Block& block, std::uintptr_t address) {
  if (address - block.shared.begin < kSharedBytesInAll) {
    return "shared memory + " + std::to_string(address - block.shared.begin) + " (" +
           std::to_string(block.shared.bytes) + " bytes)";
  }
  if (block.memory->in_range(address)) return block.memory->place(address);
  if (Fiber::is_stack(address)) return "the stack of another thread";
  for (const Region& constant : block.constants) {
    if (constant.holds(address)) return "a constant";
  }
  char text[64];
  std::snprintf(text, sizeof text, "the host's memory (0x%zx)", std::size_t(address));
  return text;
}

/// `program + 0x1234`, as addr2line takes it.
std::string site_name(const void* site) {
  Dl_info info = {};
  link_map* map = nullptr;
  if (dladdr1(site, &info, reinterpret_cast<void**>(&map), RTLD_DL_LINKMAP) == 0) return "?";
  const std::string file = info.dli_fname;
  char offset[32];
  // One back from where the call returns to.
  std::snprintf(offset, sizeof offset, " + 0x%zx", std::uintptr_t(site) - map->l_addr - 1);
  return file.substr(file.rfind('/') + 1) + offset;
}

std::string kernel_name(const Call& call) {
  Dl_info info = {};
  if (dladdr(call.kernel, &info) != 0 && info.dli_sname != nullptr &&
      info.dli_saddr == call.kernel) {
    return demangled(info.dli_sname);
  }
  return "kernel " + demangled(call.type.name());
}

void fail(Lane& lane, Violation::Kind kind, const std::string& what) {
  Block& block = *lane.block;
  block.violation.emplace(kind, kernel_name(*block.call) + ": " +
                                    block_name(block, block.starts.back().second) + ", " +
                                    thread_name(block, lane.index) + " " + what);
  for (;;) block.running->fiber.pause();
}

}  // namespace emulator
