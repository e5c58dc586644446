#include "harness/runs/progress.hpp"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "harness/base/terminal.hpp"
#include "libnorm/data/printable.hpp"

namespace harness {
namespace {

constexpr std::chrono::milliseconds kTerminalEvery{200};
constexpr std::chrono::seconds kLineEvery{15}, kJsonEvery{1};
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

std::string json_line(const nlohmann::json& object) {
  // Text of others may not be UTF-8.
  return object.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
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
  say("stored", runs_[run].name, {}, "stored already");
}

void Progress::start(std::size_t run, std::int64_t steps) {
  const std::lock_guard lock(mutex_);
  runs_[run].start = Clock::now();
  runs_[run].done_before = steps;
  runs_[run].done = steps;
  runs_[run].active = true;
  // To begin needs no line for people.
  if (steps == 0 && style_ != Style::json) return;
  say("begins", runs_[run].name, {{"step", steps}, {"steps", runs_[run].steps}},
      fmt::format("resumes at step {}", steps));
}

void Progress::step(std::size_t run, std::int64_t steps, double loss) {
  const std::lock_guard lock(mutex_);
  runs_[run].done = steps;
  runs_[run].loss = loss;
  if (style_ == Style::quiet) return;
  const auto now = Clock::now();
  const std::chrono::milliseconds every = style_ == Style::terminal ? kTerminalEvery
                                          : style_ == Style::json   ? kJsonEvery
                                                                    : kLineEvery;
  if (now - drawn_ <= every) return;
  drawn_ = now;
  style_ == Style::json ? draw_json() : draw();
}

void Progress::finish(std::size_t run, const RunResult& result) {
  const std::lock_guard lock(mutex_);
  Run& r = runs_[run];
  r.active = false;
  r.done = r.steps;
  if (result.diverged_at >= 0) {
    say("diverged", r.name, {{"step", result.diverged_at}},
        fmt::format("diverged at step {} (its loss is not finite)", result.diverged_at));
    return;
  }
  say("finished", r.name,
      {{"steps", result.steps},
       {"seconds", result.seconds},
       {"loss", result.final_loss},
       {"weights_sha256", result.weights_sha256}},
      fmt::format("{} steps in {}, loss {:.4g}, weights {:.12}", result.steps,
                  duration_text(result.seconds), result.final_loss, result.weights_sha256));
}

void Progress::fail(std::size_t run, const std::string& why) {
  const std::lock_guard lock(mutex_);
  runs_[run].active = false;
  say("failed", runs_[run].name, {{"message", why}}, "failed: " + libnorm::printable(why));
}

void Progress::measured(std::size_t run) {
  const std::lock_guard lock(mutex_);
  Run& r = runs_[run];
  r.active = false;
  r.done = r.steps;
  say("measured", r.name, {}, "measured");
}

void Progress::wait(const std::string& for_what) {
  const std::lock_guard lock(mutex_);
  if (for_what != waits_for_) say("waits", "", {{"message", for_what}}, for_what);
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

std::optional<double> Progress::seconds_left() const {
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
  if (active == 0) return {};
  work += paces / active * double(steps_to_begin);
  return std::max(slowest, work / active);
}

double Progress::share() const {
  std::int64_t all = 0, done = 0;
  for (const Run& r : runs_) {
    all += r.steps;
    done += r.done;
  }
  return all == 0 ? 1 : double(done) / double(all);
}

void Progress::draw() {
  std::string active;
  for (const Run& r : runs_) {
    if (r.active) active += fmt::format("  {} {}/{} loss {:.3g}", r.name, r.done, r.steps, r.loss);
  }
  const bool terminal = style_ == Style::terminal;
  const bool wide = !terminal || columns_of(descriptor_) >= kColumnsForBar;
  const auto left = seconds_left();
  const std::string text = fmt::format("{}{:3.0f}%  {} left{}", wide ? bar(share()) : "",
                                       share() * 100, left ? duration_text(*left) : "?", active);
  if (terminal) {
    show_line(out_, descriptor_, text);
    line_is_open_ = true;
  } else {
    out_ << text << std::endl;
  }
}

void Progress::draw_json() {
  nlohmann::json runs = nlohmann::json::array();
  for (const Run& r : runs_) {
    if (!r.active) continue;
    runs.push_back({{"run", r.name}, {"step", r.done}, {"steps", r.steps}, {"loss", r.loss}});
  }
  nlohmann::json event{{"event", "progress"}, {"share", share()}, {"runs", std::move(runs)}};
  if (const auto left = seconds_left()) event["seconds_left"] = *left;
  out_ << json_line(event) << std::flush;
}

void Progress::say(const char* event, const std::string& run, nlohmann::json members,
                   const std::string& words) {
  if (style_ == Style::quiet) return;
  if (style_ == Style::json) {
    members["event"] = event;
    if (!run.empty()) members["run"] = run;
    out_ << json_line(members) << std::flush;
    return;
  }
  if (line_is_open_) clear_line(out_);
  line_is_open_ = false;
  out_ << (run.empty() ? "" : run + ": ") << words << std::endl;
}

}  // namespace harness
