#include "libnorm/core/row_queue.hpp"

#include <algorithm>
#include <cstring>
#include <memory>
#include <new>
#include <utility>
#include <vector>

#include "libnorm/core/launch.hpp"

namespace libnorm {
namespace {

using detail::Chunk;

/// The most rows of a block. With the numbers that a block's launches read and write for a row,
/// some ten thousand at most, it stays in a core's second-level cache.
constexpr Index kMostBlockRows = 128;
/// Rows that blocks may be short of the most for the threads' sake; fewer, and they are whole tiles
/// of products instead.
constexpr Index kWholeTiles = 12;

/// Memory that is handed out piece by piece and taken back all at once. It keeps what it had, so
/// that no training step after the first allocates.
class Arena {
 public:
  void* take(std::size_t bytes) {
    bytes = (bytes + kAlignment - 1) / kAlignment * kAlignment;
    while (chunk_ < chunks_.size() && used_ + bytes > chunks_[chunk_].size) {
      ++chunk_;
      used_ = 0;
    }
    if (chunk_ == chunks_.size()) {
      const std::size_t size = std::max(bytes, kChunk);
      chunks_.push_back({Memory(::operator new(size, std::align_val_t(kAlignment))), size});
      used_ = 0;
    }
    void* const p = static_cast<std::byte*>(chunks_[chunk_].memory.get()) + used_;
    used_ += bytes;
    return p;
  }
  void clear() { chunk_ = used_ = 0; }

 private:
  static constexpr std::size_t kAlignment = 64, kChunk = std::size_t(1) << 16;
  struct Delete {
    void operator()(void* p) const { ::operator delete(p, std::align_val_t(kAlignment)); }
  };
  using Memory = std::unique_ptr<void, Delete>;
  struct Block {
    Memory memory;
    std::size_t size;
  };

  std::vector<Block> chunks_;
  std::size_t chunk_ = 0, used_ = 0;
};

/// A kept call.
struct Kept {
  Chunk chunk;
  const void* call;
  Index count, grain;
};

/// A thread's queue: launches before the rows, those of rows, and those after them.
struct RowQueue {
  Arena arena;
  std::vector<Kept> before, rows, after;
  bool keeps_after = false;

  Kept keep(Index count, Index grain, Chunk chunk, const void* call, std::size_t bytes) {
    void* const copy = arena.take(bytes);
    std::memcpy(copy, call, bytes);
    return {chunk, copy, count, grain};
  }
  bool is_empty() const { return before.empty() && rows.empty() && after.empty(); }
  void clear() {
    before.clear();
    rows.clear();
    after.clear();
    arena.clear();
  }
};

/// The calling thread's, whose memory is kept; and where its launches are queued now, or null.
/// @{
thread_local RowQueue own_queue;
thread_local RowQueue* this_queue = nullptr;
/// @}
thread_local int pauses = 0;

/// Outputs of several launches one behind the other.
void run_all(const std::vector<Kept>& calls) {
  Index count = 0;
  for (const Kept& call : calls) count += call.count;
  detail::for_chunks(
      count, 1,
      [](const void* p, Index begin, Index end) {
        Index first = 0;
        for (const Kept& call : *static_cast<const std::vector<Kept>*>(p)) {
          const Index from = std::max(begin - first, Index(0));
          const Index to = std::min(end - first, call.count);
          if (from < to) call.chunk(call.call, from, to);
          first += call.count;
        }
      },
      &calls);
}

/// Rows of a block: as many as fit into a cache.
Index block_rows(Index rows) {
  const Index blocks = even_blocks(rows, kMostBlockRows), even = (rows + blocks - 1) / blocks;
  return even + kWholeTiles > kMostBlockRows ? kMostBlockRows : even;
}

void run_rows(const std::vector<Kept>& calls) {
  struct Work {
    const std::vector<Kept>& calls;
    Index rows, block;
  } work{calls, calls.front().count, block_rows(calls.front().count)};
  detail::for_chunks((work.rows + work.block - 1) / work.block, 1,
                     [](const void* p, Index begin, Index end) {
                       const Work& w = *static_cast<const Work*>(p);
                       for (Index block = begin; block < end; ++block) {
                         const Index first = block * w.block,
                                     last = std::min(first + w.block, w.rows);
                         for (const Kept& call : w.calls) call.chunk(call.call, first, last);
                       }
                     },
                     &work);
}

/// Runs what a queue holds, and leaves it empty whatever happens.
void run(RowQueue& queue) {
  struct Clear {
    RowQueue& queue;
    ~Clear() { queue.clear(); }
  } const clear{queue};
  const detail::QueuePause pause;
  if (!queue.before.empty()) run_all(queue.before);
  if (!queue.rows.empty()) run_rows(queue.rows);
  for (const Kept& call : queue.after) {
    detail::for_chunks(call.count, call.grain, call.chunk, call.call);
  }
}

}  // namespace

namespace detail {

QueuePause::QueuePause() : queue_(std::exchange(this_queue, nullptr)) { ++pauses; }
QueuePause::~QueuePause() {
  this_queue = static_cast<RowQueue*>(queue_);
  --pauses;
}

RowQueueScope::RowQueueScope()
    : is_outermost_(this_queue == nullptr && pauses == 0 && current_device() == Device::cpu) {
  if (is_outermost_) this_queue = &own_queue;
}

RowQueueScope::~RowQueueScope() {
  if (!is_outermost_) return;
  own_queue.clear();
  this_queue = nullptr;
}

void RowQueueScope::finish() {
  if (is_outermost_) run_queued();
}

AfterRowsScope::AfterRowsScope() : before_(this_queue != nullptr && this_queue->keeps_after) {
  if (this_queue != nullptr) this_queue->keeps_after = true;
}
AfterRowsScope::~AfterRowsScope() {
  if (this_queue != nullptr) this_queue->keeps_after = before_;
}

void run_queued() {
  if (this_queue != nullptr && !this_queue->is_empty()) run(*this_queue);
}

bool has_queue() { return this_queue != nullptr; }

bool queues_rows(Index count) {
  if (this_queue == nullptr || this_queue->keeps_after) return false;
  if (!this_queue->rows.empty() && this_queue->rows.front().count != count) run_queued();
  return true;
}

bool keeps_after_rows() { return this_queue != nullptr && this_queue->keeps_after; }

void* queue_memory(std::size_t bytes) {
  return this_queue == nullptr ? nullptr : this_queue->arena.take(bytes);
}

bool queues_whole_blocks(Index count, Index unit) {
  if (this_queue == nullptr || count <= 0) return false;
  const bool fits = this_queue->rows.empty() || this_queue->rows.front().count == count;
  return fits && block_rows(count) % unit == 0;
}

void queue_call_before_rows(Index count, Chunk chunk, const void* call, std::size_t bytes) {
  this_queue->before.push_back(this_queue->keep(count, 1, chunk, call, bytes));
}

void queue_call_with_rows(Index count, Chunk chunk, const void* call, std::size_t bytes) {
  this_queue->rows.push_back(this_queue->keep(count, 1, chunk, call, bytes));
}

void launch_call(Index count, Index grain, Chunk chunk, const void* call, std::size_t bytes) {
  if (this_queue != nullptr && this_queue->keeps_after && bytes > 0) {
    this_queue->after.push_back(this_queue->keep(count, grain, chunk, call, bytes));
    return;
  }
  run_queued();
  for_chunks(count, grain, chunk, call);
}

void launch_rowwise(Index count, Index grain, Chunk chunk, const void* call, std::size_t bytes) {
  if (count <= 0) return;
  if (!queues_rows(count)) return launch_call(count, grain, chunk, call, bytes);
  this_queue->rows.push_back(this_queue->keep(count, grain, chunk, call, bytes));
}

}  // namespace detail
}  // namespace libnorm
