#pragma once

#include <chrono>
#include <cstdint>
#include <ostream>
#include <string>

#include "harness/runs/progress.hpp"

namespace harness {

/// Shows the progress of a long reading and the time left, after two seconds: one line that is
/// rewritten on a terminal, a plain line every 15 seconds elsewhere.
class ReadingProgress {
 public:
  /// total: rows to read. descriptor: as in Progress.
  ReadingProgress(std::ostream& out, Progress::Style style, std::int64_t total,
                  int descriptor = -1);
  ~ReadingProgress();
  ReadingProgress(const ReadingProgress&) = delete;
  ReadingProgress& operator=(const ReadingProgress&) = delete;

  void rows(std::int64_t done);

 private:
  using Clock = std::chrono::steady_clock;

  std::ostream& out_;
  Progress::Style style_;
  std::int64_t total_;
  int descriptor_;
  Clock::time_point start_ = Clock::now(), drawn_ = start_;
  bool line_is_open_ = false;
};

}  // namespace harness
