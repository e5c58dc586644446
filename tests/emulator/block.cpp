#include "tests/emulator/block.hpp"

#include <algorithm>
#include <numeric>
#include <stdexcept>
#include <string>

extern const int warpSize = emulator::kWarp;

namespace emulator {

uint3 current_thread;
uint3 current_block;
dim3 current_shape;
dim3 current_grid;

thread_local constinit Lane* inside = nullptr;

Lane& leave(const char* what) {
  if (inside == nullptr) {
    throw std::logic_error(std::string(what) + ": no kernel runs; call it from a kernel");
  }
  Lane& lane = *inside;
  inside = nullptr;
  return lane;
}

void enter(Lane& lane) {
  current_thread = lane.thread;
  inside = &lane;
}

Block::Block() : lane(kMaxThreads) {
  for (unsigned i = 0; i < kMaxThreads; ++i) {
    lane[i].block = this;
    lane[i].warp = &warp[i / kWarp];
    lane[i].index = i;
    lane[i].fiber.set_index(i);
    lane[i].stack = lane[i].fiber.stack();
  }
  for (unsigned i = 0; i < kMaxWarps; ++i) {
    warp[i].lanes = &lane[i * kWarp];
    warp[i].known = {};
  }
}

void arrange(Order order, std::size_t n, std::mt19937& random, std::vector<std::size_t>& numbers) {
  numbers.resize(n);
  std::iota(numbers.begin(), numbers.end(), std::size_t(0));
  if (order == Order::reversed) std::reverse(numbers.begin(), numbers.end());
  if (order == Order::shuffled) std::shuffle(numbers.begin(), numbers.end(), random);
}

namespace {

bool must_end(const Block& block) { return block.violation || block.exception; }

void end(Lane& lane) {
  Block& block = *lane.block;
  if (block.waiting > 0) {
    fail(lane, Violation::Kind::divergence,
         "ends while " + std::to_string(block.waiting) + " of " + std::to_string(block.threads) +
             " threads wait at __syncthreads (" + block.file + ":" + std::to_string(block.line) +
             "); all have to reach it");
  }
  for (const Group& group : lane.warp->groups) {
    if (group.meeting.mask & lane.bit()) {
      fail(lane, Violation::Kind::divergence,
           "ends, but lanes of its warp wait for it (" + std::string(group.meeting.file) + ":" +
               std::to_string(group.meeting.line) + "); need a mask without it");
    }
  }
  lane.warp->ready &= ~lane.bit();
  lane.warp->ended |= lane.bit();
  ++block.ended;
}

void run_lane(void* argument) {
  Lane& lane = *static_cast<Lane*>(argument);
  const Call& call = *lane.block->call;
  try {
    enter(lane);
    call.run(call.bound);
  } catch (...) {
    lane.block->exception = std::current_exception();
  }
  inside = nullptr;
  if (!lane.block->exception) end(lane);
}

/// Until all lanes of the warp wait for other warps, or have ended.
void run_warp(Block& block, Warp& warp) {
  static std::vector<std::size_t> lanes;
  while (warp.ready != 0) {
    arrange(block.order, kWarp, block.random, lanes);
    for (std::size_t i : lanes) {
      if ((warp.ready & 1u << i) == 0) continue;
      block.running = &warp.lanes[i];
      block.running->fiber.resume(&run_lane, block.running);
      if (must_end(block)) return;
    }
  }
}

void prepare(Block& block, std::size_t number) {
  block.start = ++block.now;
  block.barrier = 0;
  block.starts.emplace_back(block.start, number);
  block.waiting = block.ended = 0;
  const std::size_t row = number / block.grid.x;
  block.place = {unsigned(number % block.grid.x), unsigned(row % block.grid.y),
                 unsigned(row / block.grid.y)};
  current_block = block.place;
  current_grid = block.grid;
  current_shape = block.shape;
  for (unsigned w = 0; w < block.warps; ++w) {
    Warp& warp = block.warp[w];
    const unsigned lanes = std::min(block.threads - w * kWarp, kWarp);
    warp.present = warp.ready = ~0u >> (kWarp - lanes);
    warp.ended = warp.at_barrier = 0;
    warp.groups.clear();
    warp.barrier = 0;
    warp.has_known = false;
  }
}

}  // namespace

void run_block(Block& block, std::size_t number) {
  static std::vector<std::size_t> warps;
  prepare(block, number);
  while (block.ended < block.threads && !must_end(block)) {
    const unsigned ended = block.ended;
    const Time now = block.now;
    arrange(block.order, block.warps, block.random, warps);
    for (std::size_t w : warps) {
      run_warp(block, block.warp[w]);
      if (must_end(block)) break;
    }
    if (!must_end(block) && ended == block.ended && now == block.now) {
      throw std::logic_error("emulator: no thread can go on, and none is at fault");
    }
  }
  for (unsigned i = 0; i < block.threads && must_end(block); ++i) {
    if ((block.lane[i].warp->ended & block.lane[i].bit()) == 0) block.lane[i].fiber.abandon();
  }
}

}  // namespace emulator
