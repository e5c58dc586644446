#pragma once

#include <chrono>
#include <cstdint>
#include <mutex>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include "harness/results/result.hpp"

namespace harness {

/// `40 s`, `3 min` or `1.5 h`; rounded up.
std::string duration_text(double seconds);

/// Tells people how far the runs are: one line that renews itself on a terminal, plain lines
/// elsewhere. Its members may be called from several threads.
class Progress {
 public:
  enum class Style { terminal, lines, quiet };

  /// descriptor: that of `out`, whose width counts, where it is a terminal.
  Progress(std::ostream& out, Style style, int descriptor = -1)
      : out_(out), style_(style), descriptor_(descriptor) {}

  /// One line on a terminal that can renew it, plain lines elsewhere.
  static Style style_of(int descriptor);

  void add(std::string name, std::int64_t steps);
  /// The store has the run already.
  void found(std::size_t run);
  /// The run begins, `steps` of it done by an earlier process.
  void start(std::size_t run, std::int64_t steps);
  void step(std::size_t run, std::int64_t steps, double loss);
  void finish(std::size_t run, const RunResult& row);
  /// A finished run was measured again.
  void measured(std::size_t run);
  /// What is waited for, when that is another thing than the last time.
  void wait(const std::string& for_what);
  /// Nothing more comes: leaves the terminal on a line of its own.
  void done();

 private:
  using Clock = std::chrono::steady_clock;
  struct Run {
    std::string name;
    std::int64_t steps = 0;
    std::int64_t done = 0;
    double loss = 0;
    bool active = false;
    Clock::time_point start{};
    std::int64_t done_before = 0;
  };

  void draw();
  void say(const std::string& line);
  /// Seconds a step of a run has taken so far, or nothing before its first.
  static std::optional<double> pace(const Run& run);
  std::string time_left() const;

  std::ostream& out_;
  Style style_;
  int descriptor_;
  std::mutex mutex_;
  std::vector<Run> runs_;
  Clock::time_point drawn_{};
  std::string waits_for_;
  bool line_is_open_ = false;
};

}  // namespace harness
