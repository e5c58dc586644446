#include "harness/base/threads.hpp"

#include <exception>
#include <latch>

namespace harness {

std::vector<std::jthread> start_threads(int count, const std::function<void()>& work) {
  std::vector<std::jthread> threads;
  threads.reserve(std::size_t(count));
  try {
    while (int(threads.size()) < count) threads.emplace_back(work);
  } catch (const std::exception&) {
    // No thread, or no memory for one: the existing threads do all the work.
  }
  return threads;
}

int obtainable_threads(int wanted) {
  std::latch all_there(1);
  const auto threads = start_threads(wanted - 1, [&] { all_there.wait(); });
  all_there.count_down();
  return int(threads.size()) + 1;
}

}  // namespace harness
