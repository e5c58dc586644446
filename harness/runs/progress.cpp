#include "harness/runs/progress.hpp"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "harness/base/terminal.hpp"
#include "libnorm/data/printable.hpp"

namespace harness {
namespace {

constexpr std::chrono::milliseconds kTerminalEvery{200};
constexpr std::chrono::seconds kLineEvery{15};
constexpr int kBarWidth = 24;
/// A narrower terminal has no place for a bar.
constexpr int kColumnsForBar = 60;

std::string bar(double share) {
  const int filled = int(share * kBarWidth);
  return "[" + std::string(std::size_t(filled), '#') +
         std::string(std::size_t(kBarWidth - filled), '.') + "] ";
}

}  // namespace

std::string duration_text(double seconds) {
  if (seconds < 90) return fmt::format("{:.0f} s", std::ceil(seconds));
  if (seconds < 5400) return fmt::format("{:.0f} min", std::ceil(seconds / 60));
  return fmt::format("{:.1f} h", seconds / 3600);
}

Progress::Style Progress::style_of(int descriptor) {
  return is_terminal(descriptor) ? Style::terminal : Style::lines;
}

void Progress::add(std::string name, std::int64_t steps) {
  const std::lock_guard lock(mutex_);
  runs_.push_back({std::move(name), steps, 0, 0, false});
}

void Progress::found(std::size_t run) {
  const std::lock_guard lock(mutex_);
  runs_[run].done = runs_[run].steps;
  say(runs_[run].name + ": stored already");
}

void Progress::start(std::size_t run, std::int64_t steps) {
  const std::lock_guard lock(mutex_);
  runs_[run].start = Clock::now();
  runs_[run].done_before = steps;
  runs_[run].done = steps;
  runs_[run].active = true;
  if (steps > 0) say(fmt::format("{}: resumes at step {}", runs_[run].name, steps));
}

void Progress::step(std::size_t run, std::int64_t steps, double loss) {
  const std::lock_guard lock(mutex_);
  runs_[run].done = steps;
  runs_[run].loss = loss;
  if (style_ == Style::quiet) return;
  const auto now = Clock::now();
  if (style_ == Style::terminal ? now - drawn_ > kTerminalEvery : now - drawn_ > kLineEvery) {
    drawn_ = now;
    draw();
  }
}

void Progress::finish(std::size_t run, const RunResult& result) {
  const std::lock_guard lock(mutex_);
  Run& r = runs_[run];
  r.active = false;
  r.done = r.steps;
  if (result.diverged_at >= 0) {
    say(fmt::format("{}: diverged at step {} (its loss is not finite)", r.name,
                    result.diverged_at));
  } else {
    say(fmt::format("{}: {} steps in {}, loss {:.4g}, weights {:.12}", r.name, result.steps,
                    duration_text(result.seconds), result.final_loss, result.weights_sha256));
  }
}

void Progress::fail(std::size_t run, const std::string& why) {
  const std::lock_guard lock(mutex_);
  runs_[run].active = false;
  say(fmt::format("{}: failed: {}", runs_[run].name, libnorm::printable(why)));
}

void Progress::measured(std::size_t run) {
  const std::lock_guard lock(mutex_);
  Run& r = runs_[run];
  r.active = false;
  r.done = r.steps;
  say(fmt::format("{}: measured", r.name));
}

void Progress::wait(const std::string& for_what) {
  const std::lock_guard lock(mutex_);
  if (for_what != waits_for_) say(for_what);
  waits_for_ = for_what;
}

void Progress::done() {
  const std::lock_guard lock(mutex_);
  if (line_is_open_) clear_line(out_);
  line_is_open_ = false;
}

std::optional<double> Progress::pace(const Run& run) {
  const std::int64_t steps = run.done - run.done_before;
  if (!run.active || steps < 1) return {};
  const std::chrono::duration<double> spent = Clock::now() - run.start;
  return spent.count() / double(steps);
}

std::string Progress::time_left() const {
  // A run that has not begun is assumed to be like those at work. The end cannot come before that
  // of the slowest run, nor before all work is done.
  double slowest = 0, paces = 0, work = 0;
  std::int64_t steps_to_begin = 0;
  int active = 0;
  for (const Run& r : runs_) {
    const double left = double(r.steps - r.done);
    if (const auto own = pace(r)) {
      slowest = std::max(slowest, *own * left);
      work += *own * left;
      paces += *own;
      ++active;
    } else {
      steps_to_begin += r.steps - r.done;
    }
  }
  if (active == 0) return "?";
  work += paces / active * double(steps_to_begin);
  return duration_text(std::max(slowest, work / active));
}

void Progress::draw() {
  std::int64_t all = 0, done = 0;
  std::string active;
  for (const Run& r : runs_) {
    all += r.steps;
    done += r.done;
    if (r.active) active += fmt::format("  {} {}/{} loss {:.3g}", r.name, r.done, r.steps, r.loss);
  }
  const double share = all == 0 ? 1 : double(done) / double(all);
  const bool terminal = style_ == Style::terminal;
  const bool wide = !terminal || columns_of(descriptor_) >= kColumnsForBar;
  const std::string text = fmt::format("{}{:3.0f}%  {} left{}", wide ? bar(share) : "", share * 100,
                                       time_left(), active);
  if (terminal) {
    show_line(out_, descriptor_, text);
    line_is_open_ = true;
  } else {
    out_ << text << std::endl;
  }
}

void Progress::say(const std::string& line) {
  if (style_ == Style::quiet) return;
  if (line_is_open_) clear_line(out_);
  line_is_open_ = false;
  out_ << line << std::endl;
}

}  // namespace harness
