#include <algorithm>
#include <bit>
#include <cstdio>
#include <string>
#include <string_view>

#include "tests/emulator/block.hpp"

namespace emulator {
namespace {

const char* name_of(Sync sync) {
  switch (sync) {
    case Sync::block: return "__syncthreads";
    case Sync::warp: return "__syncwarp";
    case Sync::shuffle: return "__shfl_sync";
    case Sync::shuffle_up: return "__shfl_up_sync";
    case Sync::shuffle_down: return "__shfl_down_sync";
    case Sync::shuffle_xor: return "__shfl_xor_sync";
    case Sync::ballot: return "__ballot_sync";
    case Sync::any: return "__any_sync";
    case Sync::all: return "__all_sync";
  }
  return "?";
}

std::string hex(unsigned mask) {
  char text[16];
  std::snprintf(text, sizeof text, "0x%08x", mask);
  return text;
}

/// `__syncwarp (file.cpp:12, mask 0xffffffff)`
std::string name_of(const Meeting& meeting) {
  std::string name =
      std::string(name_of(meeting.sync)) + " (" + meeting.file + ":" + std::to_string(meeting.line);
  if (meeting.sync != Sync::block) name += ", mask " + hex(meeting.mask);
  return name + ")";
}

std::string name_of(const Warp& warp, unsigned lanes) {
  return thread_name(*warp.lanes->block, warp.lanes->index + unsigned(std::countr_zero(lanes)));
}

bool agree(const Meeting& a, const Meeting& b) {
  return a.sync == b.sync && a.mask == b.mask && a.width == b.width && a.bytes == b.bytes &&
         a.line == b.line && (a.file == b.file || std::string_view(a.file) == b.file);
}

/// The lane waits until another makes it ready.
void wait(Lane& lane) {
  lane.warp->ready &= ~lane.bit();
  lane.fiber.pause();
}

/// Never returns: the lane is at a place where others do not come.
[[noreturn]] void fail_at(Lane& lane, const Meeting& meeting, const std::string& why) {
  fail(lane, Violation::Kind::divergence, "is at " + name_of(meeting) + why);
}

/// Where the block's threads wait that are at __syncthreads.
Meeting barrier_of(const Block& block) { return {Sync::block, 0, 0, 0, block.file, block.line}; }

void require_lanes_to_come(Lane& lane, const Meeting& meeting) {
  const Warp& warp = *lane.warp;
  if ((meeting.mask & lane.bit()) == 0) {
    fail_at(lane, meeting, ", whose mask leaves it out; need its own bit too");
  }
  if (const unsigned gone = meeting.mask & (warp.ended | ~warp.present); gone != 0) {
    fail_at(lane, meeting,
            ", whose mask names " + name_of(warp, gone) +
                (gone & warp.present ? ", which has ended" : ", which the block has not") +
                "; need a mask of lanes that come");
  }
  if (const unsigned away = meeting.mask & warp.at_barrier; away != 0) {
    fail_at(lane, meeting,
            " while " + name_of(warp, away) + " of its warp is at " +
                name_of(barrier_of(*lane.block)) + "; need the same call");
  }
}

/// Where the lane is at one call, and what waits for it at another.
[[noreturn]] void fail_apart(Lane& lane, const Meeting& meeting, const Group& group) {
  fail_at(lane, meeting,
          " while " + name_of(*lane.warp, group.arrived) + " of its warp is at " +
              name_of(group.meeting) + "; need the same call");
}

Group& join(Lane& lane, const Meeting& meeting) {
  auto& groups = lane.warp->groups;
  for (Group& group : groups) {
    if ((group.meeting.mask & meeting.mask) == 0) continue;
    if (!agree(group.meeting, meeting)) fail_apart(lane, meeting, group);
    group.arrived |= lane.bit();
    return group;
  }
  return groups.emplace_back(Group{meeting, lane.bit()});
}

void require_all_to_come(Lane& lane, const Meeting& meeting) {
  const Block& block = *lane.block;
  for (const Group& group : lane.warp->groups) {
    if (group.meeting.mask & lane.bit()) fail_apart(lane, meeting, group);
  }
  if (block.ended > 0) {
    fail_at(lane, meeting,
            ", but " + std::to_string(block.ended) + " of " + std::to_string(block.threads) +
                " threads have ended; all have to reach it");
  }
  if (block.waiting > 0 && !agree(meeting, barrier_of(block))) {
    fail_at(lane, meeting,
            " while others are at " + name_of(barrier_of(block)) + "; need the same call");
  }
}

/// What each lane of the mask did before is known to all of them after.
void order_lanes(Warp& warp, unsigned mask) {
  Time& now = warp.lanes->block->now;
  if (mask == warp.present) {
    warp.barrier = now++;
    return;
  }
  warp.has_known = true;
  std::array<Time, kWarp> known = {};
  for (unsigned i = 0; i < kWarp; ++i) {
    if ((mask & 1u << i) == 0) continue;
    for (unsigned j = 0; j < kWarp; ++j) known[j] = std::max(known[j], warp.known[i][j]);
  }
  for (unsigned i = 0; i < kWarp; ++i) {
    if (mask & 1u << i) known[i] = now;
  }
  for (unsigned i = 0; i < kWarp; ++i) {
    if (mask & 1u << i) warp.known[i] = known;
  }
  ++now;
}

/// The lane whose value a lane gets, as the instruction has it.
unsigned source(const Meeting& meeting, unsigned lane, unsigned argument) {
  const unsigned width = unsigned(meeting.width), first = lane & ~(width - 1);
  const unsigned last = first + width - 1, step = argument % kWarp;
  switch (meeting.sync) {
    case Sync::shuffle: return first + (step & (width - 1));
    case Sync::shuffle_up: return step > lane - first ? lane : lane - step;
    case Sync::shuffle_down: return step > last - lane ? lane : lane + step;
    case Sync::shuffle_xor: return (lane ^ step) > last ? lane : lane ^ step;
    default: return lane;
  }
}

void exchange(Warp& warp, const Meeting& meeting) {
  std::array<std::uint64_t, kWarp> values = {};
  unsigned votes = 0;
  for (unsigned i = 0; i < kWarp; ++i) {
    if ((meeting.mask & 1u << i) == 0) continue;
    values[i] = warp.lanes[i].value;
    if (values[i] != 0) votes |= 1u << i;
  }
  for (unsigned i = 0; i < kWarp; ++i) {
    if ((meeting.mask & 1u << i) == 0) continue;
    Lane& lane = warp.lanes[i];
    switch (meeting.sync) {
      case Sync::ballot: lane.value = votes; break;
      case Sync::any: lane.value = votes != 0; break;
      case Sync::all: lane.value = votes == meeting.mask; break;
      default: {
        const unsigned from = source(meeting, i, lane.argument);
        if ((meeting.mask & 1u << from) == 0) {
          fail_at(lane, meeting,
                  ", taking a value from " + name_of(warp, 1u << from) +
                      ", which its mask leaves out; need a lane of the mask");
        }
        lane.value = values[from];
      }
    }
  }
}

}  // namespace

std::uint64_t sync_lanes(const Meeting& meeting, std::uint64_t value, unsigned argument) {
  Lane& lane = leave(name_of(meeting.sync));
  Warp& warp = *lane.warp;
  ++lane.block->counts->exchanges;
  lane.value = value;
  lane.argument = argument;
  require_lanes_to_come(lane, meeting);
  const Group& group = join(lane, meeting);
  if (group.arrived != meeting.mask) {
    wait(lane);
  } else {
    warp.groups.erase(warp.groups.begin() + (&group - warp.groups.data()));
    if (meeting.sync == Sync::warp) {
      order_lanes(warp, meeting.mask);
    } else {
      exchange(warp, meeting);
    }
    warp.ready |= meeting.mask;
  }
  enter(lane);
  return lane.value;
}

void sync_block(const char* file, int line) {
  Lane& lane = leave("__syncthreads");
  Block& block = *lane.block;
  ++block.counts->barriers;
  require_all_to_come(lane, {Sync::block, 0, 0, 0, file, line});
  block.file = file;
  block.line = line;
  lane.warp->at_barrier |= lane.bit();
  if (++block.waiting < block.threads) {
    wait(lane);
  } else {
    block.waiting = 0;
    block.barrier = block.now++;
    for (unsigned w = 0; w < block.warps; ++w) {
      block.warp[w].ready = block.warp[w].at_barrier;
      block.warp[w].at_barrier = 0;
    }
  }
  enter(lane);
}

}  // namespace emulator
