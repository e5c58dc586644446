#pragma once

#include <cstddef>
#include <cstdint>

#include "tests/emulator/block.hpp"

namespace emulator {

enum class Access { read, write };

inline Time time_of(Stamp stamp) { return stamp / kMaxThreads; }
inline unsigned thread_of(Stamp stamp) { return unsigned(stamp % kMaxThreads); }
inline Stamp stamp_of(const Lane& lane) { return lane.block->now * kMaxThreads + lane.index; }

inline bool same_warp(const Lane& lane, Stamp stamp) {
  return time_of(stamp) >= lane.block->start && thread_of(stamp) / kWarp == lane.index / kWarp;
}

/// Whether what has the stamp came before what the lane does now. `since` is when others could
/// begin to reach the memory: the launch, or for shared memory the block.
inline bool ordered(const Lane& lane, Time since, Stamp stamp) {
  const Time time = time_of(stamp);
  if (time < since) return true;
  if (time < lane.block->start) return false;
  if (thread_of(stamp) == lane.index || time <= lane.block->barrier) return true;
  if (!same_warp(lane, stamp)) return false;
  const Warp& warp = *lane.warp;
  return time <= warp.barrier ||
         (warp.has_known && time <= warp.known[lane.index % kWarp][thread_of(stamp) % kWarp]);
}

/// Returns: the stamp of a write that the read races with, or 0.
inline Stamp note_read(const Lane& lane, Time since, Word& word) {
  if (!ordered(lane, since, word.write)) return word.write;
  const Stamp now = stamp_of(lane);
  Stamp& last = word.reads[0];
  Stamp& other = word.reads[1];
  const bool mine = thread_of(last) == lane.index && time_of(last) >= lane.block->start;
  if (!mine) {
    // Of three readers one is left out. Whoever races with it must race with one of the others: so
    // one of another warp stays, or else another lane.
    const bool keep_other =
        thread_of(other) != lane.index && !ordered(lane, since, other) &&
        (ordered(lane, since, last) || (same_warp(lane, last) && !same_warp(lane, other)));
    if (!keep_other) other = last;
  }
  last = now;
  return 0;
}

/// Returns: the stamp of a read or write that the write races with, or 0.
inline Stamp note_write(const Lane& lane, Time since, Word& word, unsigned bits, bool fresh) {
  if (!ordered(lane, since, word.write)) return word.write;
  for (const Stamp read : word.reads) {
    if (!ordered(lane, since, read)) return read;
  }
  word.written = (fresh ? bits : word.written | bits) & 15;
  word.write = stamp_of(lane) & (~Stamp(0) >> 4);
  word.reads[0] = word.reads[1] = 0;
  return 0;
}

/// What may be wrong with an access. They never return.
[[noreturn]] void fail_out_of_bounds(Lane& lane, Access access, std::uintptr_t address,
                                     std::size_t bytes, const void* site);
[[noreturn]] void fail_unwritten(Lane& lane, std::uintptr_t address, std::size_t bytes,
                                 const void* site);
[[noreturn]] void fail_race(Lane& lane, Access access, std::uintptr_t address, std::size_t bytes,
                            Stamp stamp, bool was_write, const void* site);

}  // namespace emulator
