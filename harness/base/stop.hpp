#pragma once

#include <stdexcept>

namespace harness {

/// A signal asked for a stop: every run writes a checkpoint and ends.
class Interrupted : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// From now on SIGINT (Ctrl-C), SIGTERM and SIGHUP ask for a stop while something is Unsaved. They
/// end the process at once, with exit code 130, where nothing is, or where one was asked for
/// before. A signal that the parent ignored, as nohup does and a shell for what runs in the
/// background, stays ignored.
void stop_on_signals();

bool stop_requested();

/// Throws: Interrupted if a stop is requested.
void check_stop();

/// While one lives, a signal does not end the process: its owner looks at stop_requested() every
/// now and then, saves what would be lost, and ends.
class Unsaved {
 public:
  Unsaved();
  ~Unsaved();
  Unsaved(const Unsaved&) = delete;
  Unsaved& operator=(const Unsaved&) = delete;

  /// Whether there is one in any thread.
  static bool any();
};

}  // namespace harness
