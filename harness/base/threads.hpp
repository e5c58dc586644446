#pragma once

#include <functional>
#include <thread>
#include <vector>

namespace harness {

/// Starts `count` threads that call `work`, or fewer if the system refuses (a limit on processes or
/// memory). Destroying the list joins them. `work` must not throw.
std::vector<std::jthread> start_threads(int count, const std::function<void()>& work);

/// The number of `wanted` threads, including the calling one, that the system allows now: starts
/// and joins them. For libraries that end the process if a thread is refused, such as TBB.
int obtainable_threads(int wanted);

}  // namespace harness
