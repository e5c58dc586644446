#include "libnorm/core/work_profile.hpp"

#include <algorithm>
#include <chrono>
#include <vector>

#include <gtest/gtest.h>

#include "libnorm/core/error.hpp"
#include "libnorm/core/launch.hpp"
#include "libnorm/ops/gemm.hpp"
#include "tests/support/training.hpp"

namespace libnorm::test {
namespace {

double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

TEST(WorkProfile, TellsKindsOfWorkApart) {
  with_threads(1, [] {
    const double start = now();
    const WorkProfile profile(now);
    train<float>("layernorm", {2, 2}, Path::dense);
    const double all = now() - start;
    double sum = 0;
    for (const auto& [kind, seconds] : profile.seconds()) {
      EXPECT_GT(seconds, 0) << kind;
      sum += seconds;
    }
    EXPECT_LT(sum, all);
    for (const char* kind : {"products", "packing", "norms", "attention", "GELU", "Adam", "loss"}) {
      EXPECT_EQ(profile.seconds().count(kind), 1u) << kind;
    }
  });
}

TEST(WorkProfile, TellsHowTheWorkIsSplit) {
  for (const int threads : {1, 2, 4}) {
    with_threads(threads, [&] {
      const WorkProfile profile(now);
      train<float>("layernorm", {2, 2}, Path::dense);
      const std::vector<double> each = profile.thread_seconds();
      ASSERT_FALSE(each.empty());
      EXPECT_LE(each.size(), std::size_t(threads));
      EXPECT_TRUE(std::is_sorted(each.rbegin(), each.rend()));
      double by_kind = 0, by_thread = 0;
      for (const auto& [kind, seconds] : profile.seconds()) by_kind += seconds;
      for (const double seconds : each) by_thread += seconds;
      EXPECT_NEAR(by_thread, by_kind, 1e-9 * by_kind);
    });
  }
}

TEST(WorkProfile, MeasuresFromItsStartToItsEnd) {
  {
    const WorkProfile profile(now);
    EXPECT_TRUE(profile.seconds().empty());
    chain_fmas(1);
    EXPECT_EQ(profile.seconds().size(), 1u);
    EXPECT_THROW(WorkProfile another(now), ValueError);
  }
  chain_fmas(1);
  EXPECT_THROW(WorkProfile none(nullptr), ValueError);
  const WorkProfile next(now);
  EXPECT_TRUE(next.seconds().empty());
}

}  // namespace
}  // namespace libnorm::test
