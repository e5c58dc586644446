#include "libnorm/core/work_profile.hpp"

#include <algorithm>
#include <atomic>
#include <functional>
#include <mutex>

#include "libnorm/core/error.hpp"
#include "libnorm/core/launch.hpp"

namespace libnorm {
namespace {

std::atomic<Clock> clock_in_use = nullptr;
std::mutex mutex;
std::map<std::string, double> spent;
std::map<int, double> spent_by;

}  // namespace

WorkProfile::WorkProfile(Clock now) {
  const std::lock_guard lock(mutex);
  if (now == nullptr) throw ValueError("WorkProfile: no clock (null); need one that tells seconds");
  if (clock_in_use != nullptr) {
    throw ValueError("WorkProfile: another one measures (2); need one at a time");
  }
  spent.clear();
  spent_by.clear();
  clock_in_use = now;
}

WorkProfile::~WorkProfile() { clock_in_use = nullptr; }

std::map<std::string, double> WorkProfile::seconds() const {
  const std::lock_guard lock(mutex);
  return spent;
}

std::vector<double> WorkProfile::thread_seconds() const {
  const std::lock_guard lock(mutex);
  std::vector<double> all;
  for (const auto& [worker, seconds] : spent_by) all.push_back(seconds);
  std::ranges::sort(all, std::greater());
  return all;
}

namespace detail {

Clock profile_clock() { return clock_in_use.load(std::memory_order_relaxed); }

void add_work(const char* work, double seconds) {
  const std::lock_guard lock(mutex);
  spent[work] += seconds;
  spent_by[worker_index()] += seconds;
}

}  // namespace detail
}  // namespace libnorm
