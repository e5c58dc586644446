#pragma once

#include <chrono>
#include <map>
#include <string>

namespace libnorm {

/// Measures what the processor's threads do: the seconds that launches take, by the kind of work of
/// their bodies (`kWork`; "other" for bodies without). One at a time; it slows launches by far less
/// than a microsecond each.
class WorkProfile {
 public:
  /// From here on launches of all threads are measured, until the destructor.
  /// Throws: ValueError if another one lives.
  WorkProfile();
  ~WorkProfile();
  WorkProfile(const WorkProfile&) = delete;
  WorkProfile& operator=(const WorkProfile&) = delete;

  /// Seconds so far, summed over the threads: threads that wait are in none.
  std::map<std::string, double> seconds() const;
};

namespace detail {

/// Whether a WorkProfile lives.
bool is_profiling();
/// Adds the time between two moments to a kind of work.
void add_work(const char* work, std::chrono::steady_clock::duration time);

}  // namespace detail
}  // namespace libnorm
