#pragma once

#include <cstddef>

#include "libnorm/core/error.hpp"

// A thread's queue of launches, behind in_row_blocks and after_rows (launch.hpp).

namespace libnorm::detail {

/// Runs outputs begin .. end - 1 of a call.
using Chunk = void (*)(const void* call, Index begin, Index end);

/// The same as a launch: after what is queued, or queued itself, where the call's bytes can be
/// copied (`bytes` is not 0).
/// @{
void launch_call(Index count, Index grain, Chunk chunk, const void* call, std::size_t bytes);
void launch_rowwise(Index count, Index grain, Chunk chunk, const void* call, std::size_t bytes);
/// @}

class RowQueueScope {
 public:
  RowQueueScope();
  ~RowQueueScope();
  RowQueueScope(const RowQueueScope&) = delete;
  RowQueueScope& operator=(const RowQueueScope&) = delete;
  /// Runs what is queued, unless an outer scope will.
  void finish();

 private:
  bool is_outermost_;
};

class AfterRowsScope {
 public:
  AfterRowsScope();
  ~AfterRowsScope();
  AfterRowsScope(const AfterRowsScope&) = delete;
  AfterRowsScope& operator=(const AfterRowsScope&) = delete;

 private:
  bool before_;
};

/// Whether the calling thread's launches are queued.
bool has_queue();
/// Whether a rowwise launch of `count` rows would be queued now; rows of another number that are
/// queued run first.
bool queues_rows(Index count);
/// Whether launches are kept until the queued rows have run.
bool keeps_after_rows();
/// Memory for what a queued launch needs beside its body, until it has run, aligned to 64 bytes; or
/// null where nothing is queued.
void* queue_memory(std::size_t bytes);
/// Whether `count` rows can be queued now, in blocks that begin at multiples of `unit` rows.
bool queues_whole_blocks(Index count, Index unit);
/// Queues a call that is to run before the rows, outputs 0 .. count - 1 of it, or one of rows.
/// @{
void queue_call_before_rows(Index count, Chunk chunk, const void* call, std::size_t bytes);
void queue_call_with_rows(Index count, Chunk chunk, const void* call, std::size_t bytes);
/// @}
/// Runs what is queued.
void run_queued();

/// While one lives, nothing is queued by the calling thread, and in_row_blocks(f) calls f. A thread
/// that waits for others has one, since it may take up a task meanwhile.
class QueuePause {
 public:
  QueuePause();
  ~QueuePause();
  QueuePause(const QueuePause&) = delete;
  QueuePause& operator=(const QueuePause&) = delete;

 private:
  void* queue_;
};

}  // namespace libnorm::detail
