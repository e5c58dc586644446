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
