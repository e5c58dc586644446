#include "tests/emulator/memory.hpp"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <new>

#include <sys/mman.h>

namespace emulator {
namespace {

constexpr std::size_t kPage = 65536;
constexpr std::size_t kGuard = 256;

std::size_t pages_for(std::size_t bytes) { return (bytes + kGuard + kPage - 1) / kPage * kPage; }

std::string name_of(const Region& region) { return "allocation " + std::to_string(region.number); }
std::string size_of(const Region& region) { return "(" + std::to_string(region.bytes) + " bytes)"; }

}  // namespace

Memory::Memory(std::size_t range) : range_(range) {
  void* memory = mmap(nullptr, range, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) throw std::bad_alloc();
  begin_ = next_ = std::uintptr_t(memory);
}

Memory::~Memory() {
  for (const Region& region : regions_) std::free(region.words);
  munmap(reinterpret_cast<void*>(begin_), range_);
}

std::vector<Region>::const_iterator Memory::after(std::uintptr_t address) const {
  return std::upper_bound(regions_.begin(), regions_.end(), address,
                          [](std::uintptr_t a, const Region& r) { return a < r.begin; });
}

const Region* Memory::find(std::uintptr_t address) const {
  const auto next = after(address);
  if (next == regions_.begin()) return nullptr;
  const Region& region = *std::prev(next);
  return region.holds(address) ? &region : nullptr;
}

/// The first gap that is wide enough, from where the last allocation ended, round the range. 0:
/// none.
std::uintptr_t Memory::room_for(std::size_t bytes) const {
  for (std::uintptr_t from : {next_, begin_}) {
    std::uintptr_t candidate = from;
    for (auto region = after(from - 1); region != regions_.end(); ++region) {
      if (region->begin - candidate >= bytes) return candidate;
      candidate = region->begin + pages_for(region->bytes);
    }
    if (begin_ + range_ - candidate >= bytes) return candidate;
  }
  return 0;
}

void* Memory::allocate(std::size_t bytes) {
  if (bytes > limit_ || used_ > limit_ - bytes) return nullptr;
  const std::uintptr_t address = room_for(pages_for(bytes));
  if (address == 0) return nullptr;
  auto* words = static_cast<Word*>(std::calloc((bytes + 3) / 4, sizeof(Word)));
  if (words == nullptr) return nullptr;
  void* memory = reinterpret_cast<void*>(address);
  std::memset(memory, 0xff, bytes);
  next_ = address + pages_for(bytes);
  used_ += bytes;
  regions_.insert(after(address), {address, bytes, words, ++count_});
  std::erase_if(freed_,
                [&](const Region& r) { return r.begin < next_ && address < r.begin + r.bytes; });
  return memory;
}

bool Memory::release(const void* address) {
  const auto begin = std::uintptr_t(address);
  const Region* region = find(begin);
  if (region == nullptr || region->begin != begin) return false;
  std::free(region->words);
  madvise(reinterpret_cast<void*>(begin), pages_for(region->bytes), MADV_DONTNEED);
  used_ -= region->bytes;
  const auto place =
      std::upper_bound(freed_.begin(), freed_.end(), begin,
                       [](std::uintptr_t a, const Region& r) { return a < r.begin; });
  freed_.insert(place, {begin, region->bytes, nullptr, region->number});
  regions_.erase(regions_.begin() + (region - regions_.data()));
  return true;
}

std::string Memory::place(std::uintptr_t address) const {
  for (const Region& region : freed_) {
    if (region.holds(address)) {
      return name_of(region) + " + " + std::to_string(address - region.begin) +
             ", which has been freed";
    }
  }
  const auto next = after(address);
  const bool has_previous = next != regions_.begin();
  const bool has_next = next != regions_.end();
  // What is nearer is what was meant.
  if (has_previous) {
    const Region& previous = *std::prev(next);
    const std::uintptr_t past = address - previous.begin;
    if (!has_next || past - std::min(past, previous.bytes) <= next->begin - address) {
      return name_of(previous) + " + " + std::to_string(past) + " " + size_of(previous);
    }
  }
  if (has_next) {
    return name_of(*next) + " - " + std::to_string(next->begin - address) + " " + size_of(*next);
  }
  return "device memory, where nothing is allocated";
}

void mark_written(const Region& region, std::size_t offset, std::size_t bytes) {
  for_words(region, offset, bytes, [](Word& word, unsigned bits) { word.written |= bits; });
}

std::size_t first_unwritten(const Region& region, std::size_t offset, std::size_t bytes) {
  for (std::size_t i = offset; i < offset + bytes; ++i) {
    const unsigned written = region.words[i / 4].written;
    if (written == 15) {
      i |= 3;
    } else if ((written >> i % 4 & 1) == 0) {
      return i;
    }
  }
  return offset + bytes;
}

void copy_written(const Region& to, std::size_t to_offset, const Region& from,
                  std::size_t from_offset, std::size_t bytes) {
  for (std::size_t i = 0; i < bytes; ++i) {
    const unsigned bit = 1u << (to_offset + i) % 4;
    Word& word = to.words[(to_offset + i) / 4];
    const unsigned rest = word.written & ~bit;
    const bool written = from.words[(from_offset + i) / 4].written >> (from_offset + i) % 4 & 1;
    word.written = (rest | (written ? bit : 0)) & 15;
  }
}

}  // namespace emulator
