#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace emulator {

/// When a thread of a block did something: time * 1024 + thread. The time goes up by one with each
/// block that begins and each barrier that opens, and never starts again; 0 is never.
using Stamp = std::uint64_t;
using Time = std::uint64_t;

/// What is known of 4 bytes of memory.
struct Word {
  /// Which bytes were ever written, a bit for each.
  std::uint64_t written : 4;
  std::uint64_t write : 60;
  /// Two threads that read since: the last one, and another that best stands for the rest.
  Stamp reads[2];
};

/// Memory with what is known of it; where that is nothing (`words` null), any thread may read.
struct Region {
  std::uintptr_t begin;
  std::size_t bytes;
  Word* words;
  /// Of an allocation, counted from 1.
  int number;

  bool holds(std::uintptr_t address) const { return address - begin < bytes; }
};

/// Calls f(word, bits of the bytes) for each word that has a part of the bytes at offset.
template <class F>
inline void for_words(const Region& region, std::size_t offset, std::size_t bytes, F f) {
  const std::size_t end = offset + bytes;
  for (std::size_t i = offset / 4; i * 4 < end; ++i) {
    unsigned bits = 15;
    if (i * 4 < offset) bits &= 15u << (offset - i * 4);
    if (i * 4 + 4 > end) bits &= 15u >> (i * 4 + 4 - end);
    f(region.words[i], bits);
  }
}

/// Device memory. Addresses come from one range and are not given again for long, so that use after
/// free shows. Between two allocations are at least 256 bytes that belong to none.
class Memory {
 public:
  explicit Memory(std::size_t range = std::size_t(1) << 38);
  ~Memory();
  Memory(const Memory&) = delete;
  Memory& operator=(const Memory&) = delete;

  /// Bytes of 0xff that nobody has written; null if there is no room.
  void* allocate(std::size_t bytes);
  /// Whether it was an allocation.
  bool release(const void* address);

  bool in_range(std::uintptr_t address) const { return address - begin_ < range_; }
  /// The allocation that has the address, or null. It stays where it is until the next call of
  /// allocate or release.
  const Region* find(std::uintptr_t address) const;
  /// Where the address is, in words.
  std::string place(std::uintptr_t address) const;

  std::size_t live() const { return regions_.size(); }
  std::size_t used() const { return used_; }
  std::size_t limit() const { return limit_; }
  void set_limit(std::size_t bytes) { limit_ = bytes; }

 private:
  std::vector<Region>::const_iterator after(std::uintptr_t address) const;
  std::uintptr_t room_for(std::size_t bytes) const;

  std::size_t range_;
  std::uintptr_t begin_;
  std::uintptr_t next_;
  std::size_t limit_ = std::size_t(4) << 30;
  std::size_t used_ = 0;
  int count_ = 0;
  /// Both sorted by address.
  std::vector<Region> regions_;
  std::vector<Region> freed_;
};

/// Marks bytes as written by the host.
void mark_written(const Region& region, std::size_t offset, std::size_t bytes);
/// Offset of the first byte that nobody has written, or offset + bytes.
std::size_t first_unwritten(const Region& region, std::size_t offset, std::size_t bytes);
/// What a copy within device memory makes known.
void copy_written(const Region& to, std::size_t to_offset, const Region& from,
                  std::size_t from_offset, std::size_t bytes);

}  // namespace emulator
