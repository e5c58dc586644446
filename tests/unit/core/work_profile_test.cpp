#include "libnorm/core/work_profile.hpp"

#include <chrono>

#include <gtest/gtest.h>

#include "libnorm/core/error.hpp"
#include "libnorm/core/launch.hpp"
#include "libnorm/ops/gemm.hpp"
#include "tests/support/training.hpp"

namespace libnorm::test {
namespace {

TEST(WorkProfile, TellsKindsOfWorkApart) {
  with_threads(1, [] {
    const auto start = std::chrono::steady_clock::now();
    const WorkProfile profile;
    train<float>("layernorm", {2, 2}, Path::dense);
    const std::chrono::duration<double> all = std::chrono::steady_clock::now() - start;
    double sum = 0;
    for (const auto& [kind, seconds] : profile.seconds()) {
      EXPECT_GT(seconds, 0) << kind;
      sum += seconds;
    }
    EXPECT_LT(sum, all.count());
    for (const char* kind : {"products", "packing", "norms", "attention", "GELU", "Adam", "loss"}) {
      EXPECT_EQ(profile.seconds().count(kind), 1u) << kind;
    }
  });
}

TEST(WorkProfile, MeasuresFromItsStartToItsEnd) {
  {
    const WorkProfile profile;
    EXPECT_TRUE(profile.seconds().empty());
    chain_fmas(1);
    EXPECT_EQ(profile.seconds().size(), 1u);
    EXPECT_THROW(WorkProfile(), ValueError);
  }
  chain_fmas(1);
  const WorkProfile next;
  EXPECT_TRUE(next.seconds().empty());
}

}  // namespace
}  // namespace libnorm::test
