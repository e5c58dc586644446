#pragma once

#include <chrono>
#include <cstdint>
#include <mutex>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "harness/results/result.hpp"

namespace harness {

/// `40 s`, `3 min` or `1.5 h`; rounded up.
std::string duration_text(double seconds);

/// A JSON object as a line of text.
std::string json_line(const nlohmann::json& object);

/// Shows the runs' progress: one line that is rewritten on a terminal, plain lines elsewhere, or
/// for programs a JSON object in each line (harness/USAGE.md lists them). Threads may share an
/// object.
class Progress {
 public:
  enum class Style { terminal, lines, json, quiet };

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
  void draw_json();
  /// Says what happened to a run: in words, or as JSON with these members.
  void say(const char* event, const std::string& run, nlohmann::json members,
           const std::string& words);
  /// Seconds that a step of a run has taken so far; nothing before its first step.
  static std::optional<double> pace(const Run& run);
  /// Seconds until all runs have ended; nothing before a first step.
  std::optional<double> seconds_left() const;
  double share() const;

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
