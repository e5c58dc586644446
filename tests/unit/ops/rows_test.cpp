#include "libnorm/ops/rows.hpp"

#include <algorithm>
#include <numeric>

#include <gtest/gtest.h>

#include "tests/support/arrays.hpp"
#include "tests/support/compare.hpp"
#include "tests/support/everywhere.hpp"
#include "tests/tolerances.hpp"

namespace libnorm::test {
namespace {

template <class T>
class Rows : public testing::Test {};
using Numbers = testing::Types<float, double>;
TYPED_TEST_SUITE(Rows, Numbers);

constexpr Index kWidths[] = {1, 31, 32, 43, 64};

TYPED_TEST(Rows, GatherCopiesRows) {
  using T = TypeParam;
  const std::vector<std::int32_t> index = {6, 0, 3, 3, 6, 1};
  for (Index cols : kWidths) {
    const Padded<T> table = draw<T>(7, cols, 1);
    for_each_isa([&] {
      Padded<T> out(6, cols, 5);
      gather_rows<T>(table.view(), index.data(), out.view());
      for (Index r = 0; r < 6; ++r) {
        EXPECT_TRUE(same_bits("row", values_of(table.view().row_range(index[std::size_t(r)], 1)),
                              values_of(out.view().row_range(r, 1))));
      }
      EXPECT_TRUE(out.padding_is_untouched());
    });
  }
}

TYPED_TEST(Rows, ScaleMultipliesEachNumberOnce) {
  using T = TypeParam;
  for (Index cols : kWidths) {
    const Padded<T> rows = draw<T>(5, cols, 4);
    for_each_isa([&] {
      Padded<T> out(5, cols, 7), same = rows;
      scale_rows<T>(rows.view(), T(0.3), out.view());
      scale_rows<T>(same.view(), T(0.3), same.view());
      std::vector<T> expected = values_of(rows.view());
      for (T& x : expected) x *= T(0.3);
      EXPECT_TRUE(same_bits("out", expected, values_of(out.view())));
      EXPECT_TRUE(same_bits("in place", expected, values_of(same.view())));
      EXPECT_TRUE(out.padding_is_untouched());
    });
  }
  const Padded<T> rows = draw<T>(5, 3, 1);
  Padded<T> wide(5, 4);
  EXPECT_THROW(scale_rows<T>(rows.view(), T(1), wide.view()), ShapeError);
}

TYPED_TEST(Rows, ScatterWritesOrAdds) {
  using T = TypeParam;
  const std::vector<std::int32_t> index = {4, 0, 2};
  for (Index cols : kWidths) {
    const Padded<T> rows = draw<T>(3, cols, 2), before = draw<T>(6, cols, 3);
    for (Output output : {Output::overwrite, Output::add}) {
      Padded<T> expected = before;
      for (Index r = 0; r < 3; ++r) {
        for (Index c = 0; c < cols; ++c) {
          T& to = expected.view()(index[std::size_t(r)], c);
          to = output == Output::add ? to + rows.view()(r, c) : rows.view()(r, c);
        }
      }
      for_each_isa([&] {
        Padded<T> out = before;
        scatter_rows<T>(rows.view(), index.data(), out.view(), output);
        EXPECT_TRUE(same_bits("out", values_of(expected.view()), values_of(out.view())));
        EXPECT_TRUE(out.padding_is_untouched());
      });
    }
  }
}

/// 0.7 for all: floats add up roundings of one sign.
TEST(Rows, LongSumsAreExact) {
  constexpr Index kCount = 1 << 20;
  std::vector<float> x(kCount, 0.7f);
  const double exact = double(0.7f) * kCount;
  const Index first[] = {0, kCount};
  std::vector<std::int32_t> members(kCount);
  std::iota(members.begin(), members.end(), 0);
  for_each_isa([&] {
    float columns = 0, group = 0;
    sum_columns<float>({x.data(), kCount, 1}, &columns);
    EXPECT_NEAR(columns, exact, 1e-7 * exact);
    sum_groups<float>({x.data(), kCount, 1}, {1, first, members.data()}, {}, {&group, 1, 1});
    EXPECT_NEAR(group, exact, 1e-7 * exact);
  });
}

/// The last count whose floats are added as floats, and the next.
TEST(Rows, ManyRowsAreAddedInDouble) {
  for (const Index count : {kManyRows, kManyRows + 1}) {
    const Padded<float> rows = draw<float>(count, 3, 8);
    std::vector<float> expected;
    const auto add = [&](auto zero) {
      for (Index c = 0; c < 3; ++c) {
        auto total = zero;
        for (Index first = 0; first < count; first += kShard) {
          auto shard = zero;
          for (Index r = first; r < std::min(count, first + kShard); ++r) {
            shard = r == first ? rows.view()(r, c) : shard + rows.view()(r, c);
          }
          total = first == 0 ? shard : total + shard;
        }
        expected.push_back(float(total));
      }
    };
    count > kManyRows ? add(0.0) : add(0.0f);
    for_each_isa([&] {
      std::vector<float> out(3);
      sum_columns<float>(rows.view(), out.data());
      EXPECT_TRUE(same_bits("sums", expected, out));
    });
  }
}

/// Groups of 3, 0, 1 and 3 rows.
const std::vector<Index> kFirst = {0, 3, 3, 4, 7};
const std::vector<std::int32_t> kMembers = {0, 2, 5, 4, 1, 3, 6};

/// start, then the members one after the other.
template <class T>
Padded<T> plain_group_sums(const Padded<T>& rows, const Padded<T>* start) {
  const Index cols = rows.view().cols;
  Padded<T> sums(4, cols);
  for (Index g = 0; g < 4; ++g) {
    for (Index c = 0; c < cols; ++c) {
      T total = start == nullptr ? T(0) : start->view()(g, c);
      for (Index i = kFirst[std::size_t(g)]; i < kFirst[std::size_t(g) + 1]; ++i) {
        total = total + rows.view()(kMembers[std::size_t(i)], c);
      }
      sums.view()(g, c) = total;
    }
  }
  return sums;
}

TYPED_TEST(Rows, GroupSumsHaveTheDocumentedOrder) {
  using T = TypeParam;
  const Groups groups{4, kFirst.data(), kMembers.data()};
  for (Index cols : kWidths) {
    const Padded<T> rows = draw<T>(7, cols, 4), start = draw<T>(4, cols, 5);
    const auto without = values_of(plain_group_sums<T>(rows, nullptr).view());
    const auto with = values_of(plain_group_sums<T>(rows, &start).view());
    for_each_isa([&] {
      Padded<T> out(4, cols, 1), in_place = start;
      sum_groups<T>(rows.view(), groups, {}, out.view());
      EXPECT_TRUE(same_bits("without start", without, values_of(out.view())));
      sum_groups<T>(rows.view(), groups, start.view(), out.view());
      EXPECT_TRUE(same_bits("with start", with, values_of(out.view())));
      sum_groups<T>(rows.view(), groups, in_place.view(), in_place.view());
      EXPECT_TRUE(same_bits("in place", with, values_of(in_place.view())));
      EXPECT_TRUE(out.padding_is_untouched());
    });
  }
}

TYPED_TEST(Rows, NullGroupsAreOneRowEach) {
  using T = TypeParam;
  const Padded<T> rows = draw<T>(5, 43, 6);
  Padded<T> out(5, 43);
  sum_groups<T>(rows.view(), {5}, {}, out.view());
  // 0 + -0 is 0, so numbers are compared, not bits.
  EXPECT_EQ(values_of(rows.view()), values_of(out.view()));
}

TYPED_TEST(Rows, ColumnSumsHaveTheDocumentedOrder) {
  using T = TypeParam;
  for (Index count : {1, 2, 127, 128, 129, 257, 597}) {
    const Padded<T> rows = draw<T>(count, 43, 7);
    std::vector<T> expected;
    for (Index c = 0; c < 43; ++c) {
      T total = 0;
      for (Index first = 0; first < count; first += kShard) {
        T shard = rows.view()(first, c);
        for (Index r = first + 1; r < std::min(count, first + kShard); ++r) {
          shard = shard + rows.view()(r, c);
        }
        total = first == 0 ? shard : total + shard;
      }
      expected.push_back(total);
    }
    for_each_isa([&] {
      Padded<T> out(1, 43);
      sum_columns<T>(rows.view(), out.view().data);
      EXPECT_TRUE(same_bits("sums", expected, values_of(out.view())));
      EXPECT_TRUE(out.padding_is_untouched());
    });
    // The sizes of normal numbers sum to less than their count.
    EXPECT_TRUE(within("oracle", oracle::column_sums(matrix_of(rows.view())), expected,
                       tolerance<T>(sum_of(kShard + 4)), double(count)));
  }
}

}  // namespace
}  // namespace libnorm::test
