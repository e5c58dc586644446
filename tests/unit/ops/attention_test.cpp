#include "libnorm/ops/attention.hpp"

#include <cmath>
#include <numeric>

#include <gtest/gtest.h>

#include "tests/support/arrays.hpp"
#include "tests/support/compare.hpp"
#include "tests/support/everywhere.hpp"
#include "tests/support/sequences.hpp"
#include "tests/tolerances.hpp"

namespace libnorm::test {
namespace {

template <class T>
class Attention : public testing::Test {};
using Numbers = testing::Types<float, double>;
TYPED_TEST_SUITE(Attention, Numbers);

struct Sizes {
  Index channels, heads;
};
constexpr Sizes kSizes[] = {{43, 1}, {86, 2}, {6, 3}, {64, 1}, {1, 1}};

TYPED_TEST(Attention, IsTheOracles) {
  using T = TypeParam;
  const SequenceSet set({1, 7, 43, 130, 2});
  for (const Sizes& size : kSizes) {
    SCOPED_TRACE(testing::Message() << "channels " << size.channels << ", heads " << size.heads);
    const Padded<T> qkv = draw<T>(set.rows(), 3 * size.channels, 1);
    const oracle::Matrix expected = oracle::attention(matrix_of(qkv.view()), set.lengths(),
                                                      set.counts(), std::size_t(size.heads));
    for_each_isa([&] {
      Padded<T> out(set.rows(), size.channels), p(1, set.squares() * size.heads);
      attention<T>(qkv.view(), set.view(), size.heads, p.view().data, out.view());
      EXPECT_TRUE(close("out", expected.data, values_of(out.view()), tolerance<T>(kAttention)));
      EXPECT_TRUE(out.padding_is_untouched());
      EXPECT_TRUE(p.padding_is_untouched());
    });
  }
}

TYPED_TEST(Attention, SharesSumToOne) {
  using T = TypeParam;
  const SequenceSet set({5, 1, 40});
  const Padded<T> qkv = draw<T>(set.rows(), 3 * 8, 2);
  std::vector<T> p(std::size_t(set.squares() * 2), T(NAN));
  Padded<T> out(set.rows(), 8);
  attention<T>(qkv.view(), set.view(), 2, p.data(), out.view());
  std::size_t at = 0;
  for (std::size_t length : set.lengths()) {
    for (std::size_t row = 0; row < 2 * length; ++row) {
      double total = 0;
      for (std::size_t j = 0; j < length; ++j) total += double(p.at(at++));
      EXPECT_NEAR(total, 1.0, tolerance<T>(sum_of(40)));
    }
  }
  EXPECT_EQ(at, p.size());
}

/// Rows 1, 3 and 4 of a sequence are equal: one of them with a count of 3 does.
TYPED_TEST(Attention, CountsStandForRepetitions) {
  using T = TypeParam;
  const Padded<T> few = draw<T>(4, 3 * 43, 3);
  Padded<T> all(6, 3 * 43);
  const Index source[] = {0, 1, 2, 1, 1, 3};
  for (Index r = 0; r < 6; ++r) {
    std::copy_n(few.view().row(source[r]), 3 * 43, all.view().row(r));
  }
  const SequenceSet counted({4}, {1, 3, 1, 1}), repeated({6}, {1, 1, 1, 1, 1, 1});
  Padded<T> short_out(4, 43), long_out(6, 43), p(1, 36);
  attention<T>(few.view(), counted.view(), 1, p.view().data, short_out.view());
  attention<T>(all.view(), repeated.view(), 1, p.view().data, long_out.view());
  for (Index r = 0; r < 6; ++r) {
    EXPECT_TRUE(close("row", widened(values_of(long_out.view().row_range(r, 1))),
                      values_of(short_out.view().row_range(source[r], 1)),
                      tolerance<T>(kAttention)));
  }
}

/// Scores of +-1e4, whose exponentials neither double nor float holds.
TYPED_TEST(Attention, LargeScoresStayFinite) {
  using T = TypeParam;
  const SequenceSet set({3}, {1, 1, 1});
  Padded<T> qkv(3, 3), out(3, 1), p(1, 9);
  const T q[] = {100, -100, 0};
  for (Index r = 0; r < 3; ++r) {
    qkv.view()(r, 0) = q[r];
    qkv.view()(r, 1) = q[r];
    qkv.view()(r, 2) = T(r + 1);
  }
  attention<T>(qkv.view(), set.view(), 1, p.view().data, out.view());
  EXPECT_EQ(out.view()(0, 0), T(1));
  EXPECT_EQ(out.view()(1, 0), T(2));
  EXPECT_NEAR(double(out.view()(2, 0)), 2.0, tolerance<T>(kAttention));
}

/// The prediction position's attention; several rows share unique keys and values.
TYPED_TEST(Attention, PredictionIsTheOracles) {
  using T = TypeParam;
  const SequenceSet set({1, 7, 43, 130, 2});
  const Index unique_count = 50;
  for (const Sizes& size : kSizes) {
    SCOPED_TRACE(testing::Message() << "channels " << size.channels << ", heads " << size.heads);
    const Index c = size.channels;
    const Padded<T> kv = draw<T>(unique_count, 2 * c, 4);
    const Padded<T> query = draw<T>(set.view().count, c, 5);
    const std::vector<std::int32_t> gather = set.gather_map(unique_count);
    // Every row of a sequence asks what its prediction position asks.
    oracle::Matrix qkv(std::size_t(set.rows()), std::size_t(3 * c));
    for (Index r = 0; r < set.rows(); ++r) {
      const Index b = set.view().of_row[r];
      for (Index i = 0; i < 3 * c; ++i) {
        qkv(std::size_t(r), std::size_t(i)) =
            double(i < c ? query.view()(b, i) : kv.view()(gather[std::size_t(r)], i - c));
      }
    }
    const oracle::Matrix all =
        oracle::attention(qkv, set.lengths(), set.counts(), std::size_t(size.heads));
    std::vector<double> expected;
    for (Index b = 0; b < set.view().count; ++b) {
      const auto row = all.data.begin() + set.view().first[b] * c;
      expected.insert(expected.end(), row, row + c);
    }
    for_each_isa([&] {
      Padded<T> out(set.view().count, c), p(size.heads, set.rows(), 0);
      prediction_attention<T>(query.view(), kv.view(), gather.data(), set.view(), size.heads,
                              p.view().data, out.view());
      EXPECT_TRUE(close("out", expected, values_of(out.view()), tolerance<T>(kAttention)));
      EXPECT_TRUE(out.padding_is_untouched());
      EXPECT_TRUE(p.padding_is_untouched());
    });
  }
}

/// 70,000 keys of one sequence, whose scores are 0 and values .70 and .71 by turns of 32; their
/// gradients, from d_out = 1, are 1 / n each, and the query's is 0 along keys of 1.
TEST(PredictionAttention, OfManyRowsIsExact) {
  constexpr Index n = 70000;
  const SequenceSet set({n}, std::vector<double>(n, 1.0));
  const std::vector<float> query = {0.0f}, d_out = {1.0f};
  std::vector<float> kv(2 * n), p(n), d_score(n), d_kv(2);
  double mean = 0, along = 0;
  for (Index r = 0; r < n; ++r) {
    kv[std::size_t(2 * r)] = 1.0f + float(r % 2);
    kv[std::size_t(2 * r + 1)] = r / 32 % 2 == 0 ? 0.71f : 0.7f;
    mean += double(kv[std::size_t(2 * r + 1)]) / double(n);
  }
  for (Index r = 0; r < n; ++r) {
    along += (double(kv[std::size_t(2 * r + 1)]) - mean) * double(kv[std::size_t(2 * r)]) / n;
  }
  // All rows gather one unique row.
  std::vector<std::int32_t> members(n);
  std::iota(members.begin(), members.end(), 0);
  const Index first[] = {0, n};
  const Groups one{1, first, members.data()};
  for_each_isa([&] {
    float out = 0, d_query = 0;
    prediction_attention<float>({query.data(), 1, 1}, {kv.data(), n, 2}, nullptr, set.view(), 1,
                                p.data(), {&out, 1, 1});
    EXPECT_NEAR(p[0], 1.0 / n, 1e-6 / n);
    EXPECT_NEAR(out, mean, 1e-7);
    prediction_attention_backward<float>({query.data(), 1, 1}, {kv.data(), n, 2}, nullptr, one,
                                         set.view(), 1, p.data(), {d_out.data(), 1, 1},
                                         d_score.data(), {&d_query, 1, 1}, {d_kv.data(), 1, 2});
    EXPECT_NEAR(d_query, along, 1e-7);
    EXPECT_NEAR(d_kv[1], 1, 1e-6) << "shares times d_out";
  });
}

TYPED_TEST(Attention, PredictionWithoutAGatherMapUsesTheRowsThemselves) {
  using T = TypeParam;
  const SequenceSet set({3, 5});
  const Padded<T> kv = draw<T>(8, 20, 6), query = draw<T>(2, 10, 7);
  const std::vector<std::int32_t> same = {0, 1, 2, 3, 4, 5, 6, 7};
  std::vector<T> p(16);
  Padded<T> with(2, 10), without(2, 10);
  prediction_attention<T>(query.view(), kv.view(), same.data(), set.view(), 2, p.data(),
                          with.view());
  prediction_attention<T>(query.view(), kv.view(), nullptr, set.view(), 2, p.data(),
                          without.view());
  EXPECT_TRUE(same_bits("out", values_of(with.view()), values_of(without.view())));
}

}  // namespace
}  // namespace libnorm::test
