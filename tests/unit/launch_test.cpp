#include "libnorm/core/launch.hpp"

#include <cstdlib>
#include <string>

#include <gtest/gtest.h>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "libnorm/ops/rows.hpp"
#include "tests/support/everywhere.hpp"

namespace libnorm::test {
namespace {

TEST(Launch, InstructionSetsAreListedNarrowestFirst) {
  const auto isas = available_isas();
  ASSERT_FALSE(isas.empty());
  EXPECT_EQ(isas.front(), Isa::scalar);
  for (std::size_t i = 1; i < isas.size(); ++i) EXPECT_LT(int(isas[i - 1]), int(isas[i]));
  EXPECT_EQ(isa_name(Isa::scalar), "scalar");
  EXPECT_EQ(isa_name(Isa::avx2), "avx2");
  EXPECT_EQ(isa_name(Isa::avx512), "avx512");
}

TEST(Launch, ActiveInstructionSetCanBeChosen) {
  const IsaGuard guard;
  for (Isa isa : available_isas()) {
    set_active_isa(isa);
    EXPECT_EQ(active_isa(), isa);
  }
}

TEST(Launch, ThreadsMustBePositive) {
  bool called = false;
  try {
    with_threads(0, [&] { called = true; });
    ADD_FAILURE() << "nothing was thrown";
  } catch (const ValueError& e) {
    EXPECT_STREQ(e.what(), "with_threads: threads must be positive (0); need at least 1");
  }
  EXPECT_FALSE(called);
  with_threads(1, [&] { called = true; });
  EXPECT_TRUE(called);
}

TEST(Launch, ErrorsLeaveThreadsAsTheyAre) {
  EXPECT_THROW(with_threads(2, [] { throw DataError("from within"); }), DataError);
}

/// The variable is read once, at the first use: each case is a process of its own.
class Environment : public testing::Test {
 protected:
  void SetUp() override { testing::GTEST_FLAG(death_test_style) = "threadsafe"; }

  static void report(const char* value) {
    setenv("LIBNORM_ISA", value, 1);
    try {
      std::fprintf(stderr, "active %s", std::string(isa_name(active_isa())).c_str());
      std::exit(0);
    } catch (const ValueError& e) {
      std::fprintf(stderr, "%s", e.what());
      std::exit(1);
    }
  }
};

TEST_F(Environment, NamesTheInstructionSet) {
  EXPECT_EXIT(report("scalar"), testing::ExitedWithCode(0), "active scalar");
  const std::string widest(isa_name(available_isas().back()));
  EXPECT_EXIT(report(""), testing::ExitedWithCode(0), "active " + widest);
}

TEST_F(Environment, UnknownNameIsAnError) {
  EXPECT_EXIT(report("sse9"), testing::ExitedWithCode(1),
              "LIBNORM_ISA: unknown instruction set \\(sse9\\); use scalar, avx2 or avx512");
}

#if defined(__x86_64__)
/// A flag that another library's start-up code may have set changes results, and so is refused.
TEST(Launch, RefusesAFloatingPointModeThatIsNotIeee) {
  float rows[4] = {1, 2, 3, 4}, sums[2];
  const unsigned before = _mm_getcsr();
  for (unsigned flag : {1u << 15, 1u << 6, 1u << 13}) {
    std::string text;
    _mm_setcsr(before | flag);
    try {
      sum_columns<float>({rows, 2, 2}, sums);
    } catch (const BackendError& e) {
      text = e.what();
    }
    _mm_setcsr(before);
    EXPECT_EQ(text.rfind("launch: a thread's floating-point mode is not IEEE's default (MXCSR ", 0),
              0u)
        << "flag " << flag << ": " << text;
  }
  EXPECT_NO_THROW(sum_columns<float>({rows, 2, 2}, sums));
}
#endif

}  // namespace
}  // namespace libnorm::test
