#pragma once

#include <map>
#include <string>
#include <vector>

namespace libnorm {

/// A clock of the program's, in seconds. The library has none: no result may depend on one.
using Clock = double (*)();

/// Measures what the processor's threads do: the seconds that launches take, by the kind of work of
/// their bodies (`kWork`; "other" for bodies without). It slows a launch by two looks at the clock.
class WorkProfile {
 public:
  /// From here on launches of all threads are measured, until the destructor.
  /// Throws: ValueError if another one lives, or without a clock.
  explicit WorkProfile(Clock now);
  ~WorkProfile();
  WorkProfile(const WorkProfile&) = delete;
  WorkProfile& operator=(const WorkProfile&) = delete;

  /// Seconds so far, summed over the threads: those that wait are in none.
  std::map<std::string, double> seconds() const;
  /// Seconds so far of each of the threads that launches were split over, of those that worked,
  /// most first: how evenly the work is split.
  std::vector<double> thread_seconds() const;
};

namespace detail {

/// The clock of the WorkProfile that lives, or null.
Clock profile_clock();
/// Adds seconds to a kind of work.
void add_work(const char* work, double seconds);

}  // namespace detail
}  // namespace libnorm
