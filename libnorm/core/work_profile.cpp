#include "libnorm/core/work_profile.hpp"

#include <atomic>
#include <mutex>

#include "libnorm/core/error.hpp"

namespace libnorm {
namespace {

std::atomic<bool> is_on = false;
std::mutex mutex;
std::map<std::string, double> spent;

}  // namespace

WorkProfile::WorkProfile() {
  const std::lock_guard lock(mutex);
  if (is_on) {
    throw ValueError("WorkProfile: another one measures (2); need one at a time");
  }
  spent.clear();
  is_on = true;
}

WorkProfile::~WorkProfile() { is_on = false; }

std::map<std::string, double> WorkProfile::seconds() const {
  const std::lock_guard lock(mutex);
  return spent;
}

namespace detail {

bool is_profiling() { return is_on.load(std::memory_order_relaxed); }

void add_work(const char* work, std::chrono::steady_clock::duration time) {
  const std::lock_guard lock(mutex);
  spent[work] += std::chrono::duration<double>(time).count();
}

}  // namespace detail
}  // namespace libnorm
