#pragma once

#include <functional>
#include <thread>
#include <vector>

namespace harness {

/// Starts `count` threads that call `work`, or fewer where the system gives no more (a limit on
/// processes or on memory). They are waited for when the list goes. `work` throws nothing.
std::vector<std::jthread> start_threads(int count, const std::function<void()>& work);

/// How many of `wanted` threads the system gives now, the calling one counted: starts them, and
/// lets them end. For who cannot cope with a refusal, as TBB, which then ends the process.
int obtainable_threads(int wanted);

}  // namespace harness
