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

/// Shows the runs' progress: one line that is rewritten on a terminal, plain lines elsewhere.
/// Threads may share an object.
class Progress {
 public:
  enum class Style { terminal, lines, quiet };

  /// descriptor: of `out` if it is a terminal, for its width.
  Progress(std::ostream& out, Style style, int descriptor = -1)
      : out_(out), style_(style), descriptor_(descriptor) {}

  /// The style for a descriptor: one line on a terminal that can rewrite it, plain lines elsewhere.
  static Style style_of(int descriptor);

  void add(std::string name, std::int64_t steps);
  /// The run is in the store already.
  void found(std::size_t run);
  /// The run begins; an earlier process did `steps` of it.
  void start(std::size_t run, std::int64_t steps);
  void step(std::size_t run, std::int64_t steps, double loss);
  void finish(std::size_t run, const RunResult& result);
  /// The run failed, and others go on.
  void fail(std::size_t run, const std::string& why);
  /// A finished run was measured again.
  void measured(std::size_t run);
  /// Says what is being waited for, if it changed.
  void wait(const std::string& for_what);
  /// Ends the output: moves the terminal to a new line.
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
  /// Seconds that a step of a run has taken so far; nothing before its first step.
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
