#include <atomic>
#include <climits>
#include <cstdio>
#include <memory>
#include <string_view>
#include <vector>

#include "libnorm/core/launch.hpp"

// Faults on purpose, for a build with a sanitizer, which must report them; and a run without any,
// about which it must be silent.
//   planted none|race|overflow|undefined

namespace {

std::atomic<int> threads_seen;

/// Counts how often it is called, in a place for each output or in one for all.
struct CountingBody {
  std::vector<int>* counts;
  bool is_racing;

  void operator()(libnorm::Index output) const {
    thread_local const int self = ++threads_seen;
    (*counts)[is_racing ? 0 : std::size_t(output)] += self > 0;
  }
};

}  // namespace

template <class IsaTag>
struct libnorm::KernelEntry<IsaTag, CountingBody> {
  static void run(const CountingBody& body, Index begin, Index end) {
    for (Index output = begin; output < end; ++output) body(output);
  }
};

namespace {

/// Launches in a row, each of which reads what the last one wrote, until two threads took part. On
/// a busy machine a short launch ends before the second thread wakes: long ones follow.
int launch_counting(bool is_racing) {
  libnorm::set_active_isa(libnorm::Isa::scalar);
  constexpr libnorm::Index kShort = 10'000, kLong = 4'000'000;
  std::vector<int> counts(kLong);
  long expected = 0, sum = 0;
  for (int launch = 0; launch < 20 || (launch < 100 && threads_seen < 2); ++launch) {
    const libnorm::Index outputs = launch < 20 ? kShort : kLong;
    libnorm::with_threads(2, [&] {
      libnorm::launch(outputs, 1, CountingBody{&counts, is_racing});
    });
    expected += outputs;
  }
  for (int count : counts) sum += count;
  std::printf("%ld of %ld calls counted, by %d threads\n", sum, expected, threads_seen.load());
  return threads_seen < 2 || (!is_racing && sum != expected) ? 1 : 0;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string_view fault = argc > 1 ? argv[1] : "";
  volatile int past = 4, most = INT_MAX;
  if (fault == "none") return launch_counting(false);
  if (fault == "race") return launch_counting(true);
  if (fault == "overflow") {
    const auto numbers = std::make_unique<int[]>(4);
    return numbers[std::size_t(past)];
  }
  if (fault == "undefined") return most + past;
  std::fprintf(stderr, "planted: needs none, race, overflow or undefined\n");
  return 2;
}
