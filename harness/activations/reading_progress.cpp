#include "harness/activations/reading_progress.hpp"

#include <fmt/format.h>

#include "harness/base/terminal.hpp"

namespace harness {
namespace {

constexpr std::chrono::seconds kSilence{2}, kLineEvery{15};
constexpr std::chrono::milliseconds kTerminalEvery{200};

}  // namespace

ReadingProgress::ReadingProgress(std::ostream& out, Progress::Style style, std::int64_t total,
                                 int descriptor)
    : out_(out), style_(style), total_(total), descriptor_(descriptor) {}

ReadingProgress::~ReadingProgress() {
  if (line_is_open_) clear_line(out_);
}

void ReadingProgress::rows(std::int64_t done) {
  const auto now = Clock::now();
  const bool terminal = style_ == Progress::Style::terminal;
  if (style_ == Progress::Style::quiet || done < 1 || now - start_ < kSilence) return;
  if (terminal ? now - drawn_ < kTerminalEvery : now - drawn_ < kLineEvery) return;
  drawn_ = now;
  const std::chrono::duration<double> spent = now - start_;
  const double left = spent.count() / double(done) * double(total_ - done);
  const std::string text = fmt::format("{} of {} rows, {:.0f}%, {} left", done, total_,
                                       100 * double(done) / double(total_), duration_text(left));
  if (terminal) {
    show_line(out_, descriptor_, text);
    line_is_open_ = true;
  } else {
    out_ << text << std::endl;
  }
}

}  // namespace harness
