#include "libnorm/norms/norm.hpp"

#include <cmath>
#include <filesystem>
#include <fstream>
#include <set>
#include <string>

#include <gtest/gtest.h>

#include "tests/support/compare.hpp"
#include "tests/support/everywhere.hpp"
#include "tests/support/norm_run.hpp"
#include "tests/tolerances.hpp"

namespace libnorm::test {
namespace {

template <class T>
class Norms : public testing::Test {};
using Numbers = testing::Types<float, double>;
TYPED_TEST_SUITE(Norms, Numbers);

struct Shape {
  Index rows, cols;
};
constexpr Shape kShapes[] = {{597, 43}, {2, 1}, {7, 32}, {128, 33}, {129, 5}, {40, 96}};

/// The oracle on the rows written out `counts` times; its first copy of each row.
template <class T>
oracle::Matrix oracle_forward(const NormCase& c, const NormRun<T>& run, oracle::Phase phase,
                              oracle::Running& running) {
  const oracle::Matrix sums =
      oracle::sum(matrix_of(run.input.view()), matrix_of(run.branch.view()));
  oracle::Matrix long_x;
  long_x.cols = sums.cols;
  std::vector<std::size_t> copy_of;
  for (std::size_t r = 0; r < sums.rows; ++r) {
    copy_of.push_back(long_x.rows);
    for (int i = 0; i < int(run.counts[r]); ++i, ++long_x.rows) {
      for (std::size_t k = 0; k < sums.cols; ++k) long_x.data.push_back(sums(r, k));
    }
  }
  oracle::NormNumbers numbers;
  if (has_gain(c.norm.affine)) numbers.gain = widened(run.gain);
  if (has_bias(c.norm.affine)) numbers.bias = widened(run.bias);
  numbers.shape = widened(run.shape);
  const std::size_t half =
      run.first[1] < Index(sums.rows) ? copy_of[std::size_t(run.first[1])] : long_x.rows;
  numbers.lengths = {half, long_x.rows - half};
  numbers.groups = std::size_t(c.norm.checked_groups(Index(sums.cols)));
  numbers.running = &running;
  const oracle::Matrix y = oracle::norm(c.name, long_x, numbers, phase);
  oracle::Matrix out(sums.rows, sums.cols);
  for (std::size_t r = 0; r < sums.rows; ++r) {
    for (std::size_t k = 0; k < sums.cols; ++k) out(r, k) = y(copy_of[r], k);
  }
  return out;
}

template <class T>
void expect_oracles(const NormCase& c, const Shape& s, Phase phase) {
  NormRun<T> drawn(c.norm, s.rows, s.cols);
  drawn.draw_counts();
  oracle::Running running{widened(drawn.running_mean), widened(drawn.running_variance)};
  const oracle::Matrix expected = oracle_forward(
      c, drawn, phase == Phase::training ? oracle::Phase::training : oracle::Phase::evaluation,
      running);
  const double few = tolerance<T>(kNorm);
  for_each_isa([&] {
    NormRun<T> run = drawn;
    run.forward(phase);
    EXPECT_TRUE(close("output", expected.data, values_of(run.output.view()), few));
    EXPECT_TRUE(run.output.padding_is_untouched() && run.stabilized.padding_is_untouched());
    if (!c.norm.has_running()) return;
    if (c.norm.has_running_mean()) {
      EXPECT_TRUE(close("running_mean", running.mean, run.running_mean, few));
    }
    EXPECT_TRUE(close("running_variance", running.variance, run.running_variance, few));
  });
}

TYPED_TEST(Norms, AreTheOracles) {
  for (const Shape& s : kShapes) {
    for (const NormCase& c : norm_cases(s.cols)) {
      for (Phase phase : {Phase::training, Phase::evaluation}) {
        SCOPED_TRACE(testing::Message() << trace_of(c) << " [" << s.rows << ", " << s.cols << "] "
                                        << (phase == Phase::training ? "training" : "evaluation"));
        expect_oracles<TypeParam>(c, s, phase);
      }
    }
  }
}

/// Without a branch and without counts, the null pointers' meaning.
TYPED_TEST(Norms, NullBranchIsZeroAndNullCountIsOne) {
  using T = TypeParam;
  for (const NormCase& c : norm_cases(43)) {
    SCOPED_TRACE(trace_of(c));
    NormRun<T> with(c.norm, 7, 43), without(c.norm, 7, 43);
    for (Index r = 0; r < 7; ++r) std::fill_n(with.branch.view().row(r), 43, T(0));
    with.forward();
    NormArrays<T> a = without.arrays();
    a.branch = {};
    a.count = nullptr;
    norm_forward(c.norm, Phase::training, a);
    EXPECT_EQ(values_of(with.output.view()), values_of(without.output.view()));
  }
}

TYPED_TEST(Norms, LayernormKeepsItsDigitsBesideALargeMean) {
  using T = TypeParam;
  NormRun<T> run({StandardizeRows{}, Affine::none}, 4, 64);
  for (Index i = 0; i < 4 * 64; ++i) {
    // Whole numbers near 2^20: the mean is exact, and only the deviations count.
    run.input.view()(i / 64, i % 64) = T((1 << 20) + (i % 2 == 0 ? 1 : -1));
    run.branch.view()(i / 64, i % 64) = T(0);
  }
  run.forward();
  for (Index i = 0; i < 4 * 64; ++i) {
    EXPECT_NEAR(double(run.output.view()(i / 64, i % 64)),
                (i % 2 == 0 ? 1 : -1) / std::sqrt(1 + 1e-5), tolerance<T>(kPointwise));
  }
}

/// 1 / ||x|| as the documented order gives it: element i to lane i mod 32, each lane a chain of
/// fused multiply-adds, lanes folded in halves; in double where there are more than kLongSum.
template <class T, class Sum>
T inverse_length(const MatrixView<const T>& x, const MatrixView<const T>& branch, Index row) {
  Sum lanes[32] = {};
  for (Index c = 0; c < x.cols; ++c) {
    const Sum v = Sum(x(row, c) + branch(row, c));
    lanes[c % 32] = std::fma(v, v, lanes[c % 32]);
  }
  for (int half = 16; half > 0; half /= 2) {
    for (int l = 0; l < half; ++l) lanes[l] = lanes[l] + lanes[l + half];
  }
  return T(1) / std::sqrt(T(lanes[0]));
}

TYPED_TEST(Norms, SumsAlongARowHaveTheDocumentedOrder) {
  using T = TypeParam;
  for (Index cols : {2, 31, 33, 64, 128, 597, 1024, 1025, 3000}) {
    NormRun<T> run({Sphere{}, Affine::none}, 9, cols);
    std::vector<T> expected;
    for (Index r = 0; r < 9; ++r) {
      const auto length = cols > kLongSum ? &inverse_length<T, double> : &inverse_length<T, T>;
      expected.push_back(length(run.input.view(), run.branch.view(), r));
    }
    for_each_isa([&] {
      run.forward();
      EXPECT_TRUE(same_bits("scale", expected, {run.scale.begin(), run.scale.begin() + 9}));
    });
  }
}

/// Of each three numbers of a channel two are m and one is m + 1, m so large that the mean, m +
/// 1/3, has no nearer number than m + 3/8.
TYPED_TEST(Norms, RunningStatisticsOfCloseNumbersAreTheBatchs) {
  using T = TypeParam;
  const T m = std::is_same_v<T, float> ? T(0x1p20) : T(0x1p49);
  NormRun<T> run(parse_norm("batchnorm"), 48, 1);
  std::get<StandardizeColumns>(run.norm.stabilizer).momentum = 1;
  for (Index r = 0; r < 48; ++r) {
    run.input.view()(r, 0) = r % 3 == 2 ? m + 1 : m;
    run.branch.view()(r, 0) = T(0);
  }
  run.gain[0] = T(1);
  run.bias[0] = T(0);
  const double few = 4 * tolerance<T>(kPointwise);
  run.forward();
  EXPECT_NEAR(double(run.output.view()(0, 0)), -1 / 3.0 / std::sqrt(2 / 9.0 + 1e-5), few);
  EXPECT_NEAR(double(run.output.view()(2, 0)), 2 / 3.0 / std::sqrt(2 / 9.0 + 1e-5), few);
  EXPECT_EQ(run.running_mean[0], m + T(0.375));
  EXPECT_NEAR(double(run.running_variance[0]), 96 / 9.0 / 47, few);
  // What is stored is what evaluation takes off.
  run.forward(Phase::evaluation);
  EXPECT_NEAR(double(run.output.view()(2, 0)), 0.625 / std::sqrt(96 / 9.0 / 47 + 1e-5), few);
}

/// A float counts to 2^24. 1 and 3 by turns, in place; the gradient of z along z is almost 0.
TEST(InstanceNorm, CountsBeyondWhatAFloatCounts) {
  const Index n = (Index(1) << 24) + (Index(1) << 22);
  const Norm norm = parse_norm("instancenorm");
  std::vector<float> x(static_cast<std::size_t>(n)), d(x.size());
  for (Index i = 0; i < n; ++i) x[std::size_t(i)] = i % 2 == 0 ? 3.0f : 1.0f;
  std::vector<float> scale(std::size_t(norm_scale_size(norm, n, 1, 1)));
  const Index first[] = {0, n};
  NormArrays<float> a;
  a.input = a.output = a.stabilized = {x.data(), n, 1};
  a.first = first;
  a.instances = 1;
  a.positions = n;
  a.scale = scale.data();
  norm_forward(norm, Phase::training, a);
  EXPECT_NEAR(x[0], 1, 1e-5);
  EXPECT_NEAR(x[1], -1, 1e-5);
  norm_backward<float>(norm, a, {x.data(), n, 1}, {d.data(), n, 1}, {});
  EXPECT_NEAR(d[0], 0, 3e-5);
  EXPECT_NEAR(d[1], 0, 3e-5);
}

/// A group of 3000 channels by 40 positions, .70 and .71 by turns of 32.
TEST(GroupNorm, WideGroupsAreExact) {
  const Norm norm{StandardizeInstances{}, Affine::none, 1};
  NormRun<float> run(norm, 40, 3000);
  run.first = {0, 40, 40};
  double mean = 0, variance = 0;
  for (Index i = 0; i < 40 * 3000; ++i) {
    run.input.view()(i / 3000, i % 3000) = i / 32 % 2 == 0 ? 0.71f : 0.7f;
    run.branch.view()(i / 3000, i % 3000) = 0;
    mean += double(run.input.view()(i / 3000, i % 3000)) / (40 * 3000);
  }
  for (Index i = 0; i < 40 * 3000; ++i) {
    variance += std::pow(double(run.input.view()(i / 3000, i % 3000)) - mean, 2) / (40 * 3000);
  }
  for_each_isa([&] {
    run.forward();
    for (Index r = 0; r < 40; ++r) {
      const double x = double(run.input.view()(r, r));
      EXPECT_NEAR(double(run.output.view()(r, r)), (x - mean) / std::sqrt(variance + 1e-5), 1e-6);
    }
  });
}

/// Every norm of the catalogue, on no rows: nothing is written, and sums of nothing are 0.
TYPED_TEST(Norms, MakeNothingOfNoRows) {
  using T = TypeParam;
  for (const NormCase& c : norm_cases(6)) {
    SCOPED_TRACE(trace_of(c));
    NormRun<T> run(c.norm, 0, 6);
    run.first = {0, 0, 0};
    const auto mean = run.running_mean;
    run.forward();
    run.forward(Phase::evaluation);
    run.backward();
    EXPECT_EQ(run.running_mean, mean);
    if (has_gain(c.norm.affine)) {
      EXPECT_EQ(run.d_gain[0], T(0));
    }
    if (has_bias(c.norm.affine)) {
      EXPECT_EQ(run.d_bias[5], T(0));
    }
  }
}

/// A sequence of no rows among others.
TEST(InstanceNorm, LeavesOutSequencesWithoutRows) {
  NormRun<float> with(parse_norm("instancenorm"), 8, 3), without = with;
  with.first = {0, 0, 8};
  without.first = {0, 8, 8};
  with.forward();
  without.forward();
  EXPECT_EQ(values_of(with.output.view()), values_of(without.output.view()));
}

/// Made outside of templates: there GCC 14 uses a function of <variant> before its definition.
const Stabilizer kWithoutEpsilon[] = {StandardizeColumns{0}, PowerColumns{0}};

/// A channel without running variance is 0 where there is no epsilon, not 0 / 0.
TYPED_TEST(Norms, WithoutVarianceAndEpsilonChannelsAre0) {
  using T = TypeParam;
  for (const Stabilizer& stabilizer : kWithoutEpsilon) {
    NormRun<T> run({stabilizer}, 3, 2);
    run.running_variance = {T(0), T(4)};
    run.input.view()(1, 0) = run.running_mean[0];
    run.branch.view()(1, 0) = T(0);
    run.forward(Phase::evaluation);
    for (Index r = 0; r < 3; ++r) {
      EXPECT_EQ(run.output.view()(r, 0), T(0));
      const T x = run.input.view()(r, 1) + run.branch.view()(r, 1);
      const T mean = std::holds_alternative<PowerColumns>(stabilizer) ? T(0) : run.running_mean[1];
      EXPECT_EQ(run.output.view()(r, 1), (x - mean) / 2);
    }
  }
}

TYPED_TEST(Norms, RowsBelowTheFloorAreScaledByTheFloor) {
  using T = TypeParam;
  NormRun<T> run({Sphere{}, Affine::none}, 2, 4);
  for (Index i = 0; i < 8; ++i) {
    run.input.view()(i / 4, i % 4) = i < 4 ? T(0) : T(1e-12);
    run.branch.view()(i / 4, i % 4) = T(0);
  }
  run.forward();
  run.backward();
  for (Index k = 0; k < 4; ++k) {
    EXPECT_EQ(run.output.view()(0, k), T(0));
    EXPECT_NEAR(double(run.output.view()(1, k)), 1e-3, 1e-3 * tolerance<T>(kPointwise));
    for (Index r = 0; r < 2; ++r) {
      const double d = 1e9 * double(run.d_output.view()(r, k));
      EXPECT_NEAR(double(run.d_input.view()(r, k)), d, std::abs(d) * tolerance<T>(kPointwise));
    }
  }
}

TEST(NormCatalogue, HasEachNameOnce) {
  std::set<std::string_view> names;
  for (const NamedNorm& n : named_norms()) {
    EXPECT_TRUE(names.insert(n.name).second) << n.name;
    EXPECT_FALSE(n.equation.empty()) << n.name;
    EXPECT_EQ(&find_norm(n.name), &n);
  }
  for (const NamedStabilizer& s : named_stabilizers()) {
    EXPECT_TRUE(names.insert(s.name).second) << s.name;
    EXPECT_FALSE(s.formula.empty()) << s.name;
    EXPECT_EQ(parse_norm(s.name).stabilizer.index(), s.stabilizer.index()) << s.name;
  }
}

/// What the oracle throws says what is missing, and where to write it.
TEST(NormCatalogue, HasAFormulaInTheOracleForEveryName) {
  const oracle::Matrix one(1, 1);
  for (const NormCase& c : norm_cases(1)) {
    oracle::Running running{{0}, {1}};
    oracle::NormNumbers numbers;
    numbers.shape = {1, 1};
    numbers.lengths = {1};
    numbers.running = &running;
    EXPECT_NO_THROW(oracle::norm(c.name, one, numbers, oracle::Phase::training));
  }
  for (const auto& [name, stabilizer] : oracle::published_norms()) {
    EXPECT_NO_THROW(find_norm(name)) << "the oracle has a norm that the library lacks";
  }
}

/// The lines of the documents' tables that begin with a heading.
std::string table_lines(const std::string& heading) {
  std::string found;
  for (const std::string folder : {"", "libnorm", "harness"}) {
    for (const auto& file :
         std::filesystem::directory_iterator(std::filesystem::path(LIBNORM_SOURCE_DIR) / folder)) {
      if (file.path().extension() != ".md") continue;
      std::ifstream stream(file.path());
      for (std::string line; std::getline(stream, line);) {
        if (line.starts_with("| " + heading + " |")) found += line;
      }
    }
  }
  return found;
}

TEST(NormCatalogue, IsInTheDocumentsTable) {
  const std::string stabilizers = table_lines("stabilizer"),
                    names = table_lines("names") + table_lines("published names");
  const auto expect_in = [](const std::string& lines, std::string_view name) {
    EXPECT_NE(lines.find("`" + std::string(name) + "`"), std::string::npos)
        << "no table of mechanisms in the documents has `" << name
        << "`; need it on the line of stabilizers or of published names";
  };
  for (const NamedStabilizer& s : named_stabilizers()) expect_in(stabilizers, s.name);
  for (const NamedNorm& n : named_norms()) expect_in(names, n.name);
}

TEST(NormCatalogue, AliasesAreTheSameNorms) {
  Index aliases = 0;
  for (const NamedStabilizer& s : named_stabilizers()) {
    for (const NamedStabilizer& other : named_stabilizers()) EXPECT_NE(s.alias, other.name);
    if (s.alias.empty()) continue;
    ++aliases;
    EXPECT_EQ(parse_norm(s.alias).stabilizer.index(), s.stabilizer.index()) << s.alias;
    EXPECT_EQ(canonical_norm(s.alias), s.name);
  }
  EXPECT_EQ(aliases, 3);
  EXPECT_EQ(std::get<Sphere>(parse_norm("l2_sqrt+gain").stabilizer).radius,
            Sphere::Radius::sqrt_channels);
  EXPECT_EQ(canonical_norm("mean_center+bias+groups=2"), "centre+bias+groups=2");
  for (const char* text : {"layernorm", "rms+gain", "l2x", "x+l2", ""}) {
    EXPECT_EQ(canonical_norm(text), text);
  }
}

}  // namespace
}  // namespace libnorm::test
