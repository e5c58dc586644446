#include "harness/base/stop.hpp"

#include <signal.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <initializer_list>
#include <string_view>

namespace harness {
namespace {

/// Milliseconds within which signals count as one: `timeout` and shells send one to a process and
/// another to its group.
constexpr std::int64_t kTogether = 300;

/// When a stop was requested, or 0.
std::atomic<std::int64_t> requested_at = 0;
std::atomic<int> unsaved = 0;
std::atomic<int> code = 130;
std::atomic<void (*)()> at_stop = nullptr;
constexpr int kRunsAreLeft = 4;
/// Whether it is a sweep that a scheduler stops.
std::atomic<bool> in_sweep = false;
static_assert(std::atomic<std::int64_t>::is_always_lock_free, "a signal handler sets it");

std::int64_t milliseconds() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return std::int64_t{now.tv_sec} * 1000 + now.tv_nsec / 1000000 + 1;
}

// Calls only functions that are allowed in a signal handler.
void on_signal(int signal) {
  std::int64_t first = 0;
  const std::int64_t now = milliseconds();
  if (in_sweep && (signal == SIGTERM || signal == SIGUSR1)) code = kRunsAreLeft;
  const bool again = !requested_at.compare_exchange_strong(first, now);
  if (again ? now - first < kTogether : unsaved > 0) return;
  constexpr std::string_view kText = "norm-harness: stopped; the same command resumes from there\n";
  // It makes no difference whether this can be written.
  if (::write(STDERR_FILENO, kText.data(), kText.size()) < 0) end_by_stop();
  end_by_stop();
}

void handle(std::initializer_list<int> signals) {
  for (const int signal : signals) {
    struct sigaction action = {};
    sigaction(signal, nullptr, &action);
    if (action.sa_handler == SIG_IGN) continue;
    action = {};
    action.sa_handler = on_signal;
    action.sa_flags = SA_RESTART;
    sigaction(signal, &action, nullptr);
  }
}

}  // namespace

void stop_on_signals() { handle({SIGINT, SIGTERM, SIGHUP}); }

void stop_sweep_on_signals() {
  in_sweep = true;
  handle({SIGINT, SIGTERM, SIGHUP, SIGUSR1});
}

int stop_code() { return code; }

void call_at_stop(void (*function)()) { at_stop = function; }

void end_by_stop() {
  if (const auto function = at_stop.load()) function();
  ::_exit(code);
}

bool stop_requested() { return requested_at != 0; }

void check_stop() {
  if (stop_requested()) throw Interrupted("stopped; the same command resumes from there");
}

Unsaved::Unsaved() { ++unsaved; }
Unsaved::~Unsaved() { --unsaved; }
bool Unsaved::any() { return unsaved > 0; }

}  // namespace harness
