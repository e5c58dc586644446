#pragma once

#include <stdexcept>

namespace harness {

/// A signal asked for a stop: every run writes a checkpoint and ends.
class Interrupted : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// From now on SIGINT (Ctrl-C), SIGTERM and SIGHUP request a stop while an Unsaved object lives.
/// Without one, or at the second signal, they end the process at once with exit code 130. A signal
/// that the parent ignored (nohup, or a shell for background jobs) stays ignored.
void stop_on_signals();

/// The same for a task of a sweep: SIGUSR1 requests a stop too, and after SIGTERM or SIGUSR1, which
/// schedulers send, the exit code is 4.
void stop_sweep_on_signals();

/// The exit code after a stop: 130, or 4 in a sweep.
int stop_code();

/// Calls a function before the process ends by a stop, perhaps inside a signal handler.
void call_at_stop(void (*function)());

/// Ends the process with the code of a stop.
[[noreturn]] void end_by_stop();

bool stop_requested();

/// Throws: Interrupted if a stop is requested.
void check_stop();

/// While an object lives, a signal does not end the process: its owner polls stop_requested(),
/// saves unsaved work, and ends.
class Unsaved {
 public:
  Unsaved();
  ~Unsaved();
  Unsaved(const Unsaved&) = delete;
  Unsaved& operator=(const Unsaved&) = delete;

  /// Whether an object lives in any thread.
  static bool any();
};

}  // namespace harness
