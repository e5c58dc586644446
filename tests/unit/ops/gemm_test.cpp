#include "libnorm/ops/gemm.hpp"

#include <cmath>

#include <gtest/gtest.h>

#include "tests/support/arrays.hpp"
#include "tests/support/compare.hpp"
#include "tests/support/everywhere.hpp"
#include "tests/tolerances.hpp"

namespace libnorm::test {
namespace {

template <class T>
class Gemm : public testing::Test {};
using Numbers = testing::Types<float, double>;
TYPED_TEST_SUITE(Gemm, Numbers);

struct Shape {
  Index m, n, k;
};
/// Around every edge: one row, one column, no terms, a segment and one more or less, several row
/// and column blocks, whole and torn register tiles; and so many terms that a block is its
/// outputs'.
constexpr Shape kShapes[] = {{597, 43, 129}, {1, 43, 257},  {1, 1, 128},     {43, 1, 127},
                             {5, 31, 1},     {13, 129, 0},  {150, 260, 128}, {12, 32, 257},
                             {300, 33, 130}, {24, 64, 256}, {2, 7, 3},       {7, 128, 129},
                             {61, 37, 2100}, {7, 70, 2048}};

/// A factor [rows, cols] whose memory is as it is, turned, or every second number of that.
enum class Memory { plain, turned, scattered };
const char* name_of(Memory memory) {
  if (memory == Memory::plain) return "plain";
  return memory == Memory::turned ? "transposed" : "scattered";
}
constexpr Memory kMemories[] = {Memory::plain, Memory::turned, Memory::scattered};

template <class T>
struct Stored {
  Stored(Index rows, Index cols, Memory m, std::uint64_t seed)
      : memory(m),
        numbers(m == Memory::turned ? draw<T>(cols, rows, seed)
                                    : draw<T>(rows, m == Memory::plain ? cols : 2 * cols, seed)) {}

  Factor<T> factor() const {
    const auto view = numbers.view();
    if (memory == Memory::turned) return transposed(view);
    if (memory == Memory::plain) return plain(view);
    return {view.data, view.rows, view.cols / 2, view.stride, 2};
  }

  Memory memory;
  Padded<T> numbers;
};

template <class T>
T element(const Factor<T>& f, Index i, Index j) {
  return f.data[i * f.row_stride + j * f.col_stride];
}

/// The documented order, one number at a time.
template <class T>
T chained(const Factor<T>& a, const Factor<T>& b, Index i, Index j, const T* start, const T* bias) {
  T total = start == nullptr ? T(0) : *start;
  Index first = 0;
  do {
    T segment = 0;
    for (Index k = first; k < std::min(first + kSegment, a.cols); ++k) {
      segment = std::fma(element(a, i, k), element(b, k, j), segment);
    }
    total = first == 0 && start == nullptr ? segment : total + segment;
    first += kSegment;
  } while (first < a.cols);
  return bias == nullptr ? total : total + bias[j];
}

template <class T>
void expect_documented_order(const Shape& s, Memory a_memory, Memory b_memory, Output output) {
  const Stored<T> a(s.m, s.k, a_memory, 1), b(s.k, s.n, b_memory, 2);
  const std::vector<T> bias = draw_vector<T>(s.n, 3);
  const Padded<T> start = draw<T>(s.m, s.n, 4);
  const bool add = output == Output::add;
  std::vector<T> expected;
  for (Index i = 0; i < s.m; ++i) {
    for (Index j = 0; j < s.n; ++j) {
      expected.push_back(
          chained(a.factor(), b.factor(), i, j, add ? &start.view()(i, j) : nullptr, bias.data()));
    }
  }
  for_each_isa([&] {
    Padded<T> c = add ? start : Padded<T>(s.m, s.n);
    gemm<T>(a.factor(), b.factor(), c.view(), bias.data(), output);
    EXPECT_TRUE(same_bits("C", expected, values_of(c.view())));
    EXPECT_TRUE(c.padding_is_untouched());
  });
}

TYPED_TEST(Gemm, HasTheBitsOfTheDocumentedOrder) {
  for (const Shape& s : kShapes) {
    for (Memory a : kMemories) {
      for (Memory b : kMemories) {
        for (Output output : {Output::overwrite, Output::add}) {
          SCOPED_TRACE(testing::Message()
                       << "C [" << s.m << ", " << s.n << "], K " << s.k << ", A " << name_of(a)
                       << ", B " << name_of(b) << (output == Output::add ? ", added to" : ""));
          expect_documented_order<TypeParam>(s, a, b, output);
        }
      }
    }
  }
}

template <class T>
oracle::Matrix sizes_of(const MatrixView<T>& view) {
  oracle::Matrix m = matrix_of(view);
  for (double& x : m.data) x = std::abs(x);
  return m;
}

TYPED_TEST(Gemm, IsTheOraclesProduct) {
  using T = TypeParam;
  for (const Shape& s : kShapes) {
    if (s.k == 0) continue;
    SCOPED_TRACE(testing::Message() << "C [" << s.m << ", " << s.n << "], K " << s.k);
    const Padded<T> a = draw<T>(s.m, s.k, 5), b = draw<T>(s.k, s.n, 6);
    const oracle::Matrix expected = oracle::product(matrix_of(a.view()), matrix_of(b.view()));
    Padded<T> c(s.m, s.n);
    gemm<T>(plain(a.view()), plain(b.view()), c.view());
    const oracle::Matrix sizes = oracle::product(sizes_of(a.view()), sizes_of(b.view()));
    EXPECT_TRUE(within("C", expected.data, values_of(c.view()),
                       tolerance<T>(sum_of(double(std::min(s.k, kSegment) + s.k / kSegment))),
                       largest_size(sizes.data)));
  }
}

/// Whole numbers up to 8: every partial sum is exact, so any order gives the very product.
TYPED_TEST(Gemm, IsExactForWholeNumbers) {
  using T = TypeParam;
  const Random random(7, Purpose::test);
  for (const Shape& s : kShapes) {
    Padded<T> a(s.m, s.k), b(s.k, s.n), c(s.m, s.n);
    const auto fill = [&](const MatrixView<T>& v, std::uint64_t at) {
      for (Index i = 0; i < v.size(); ++i) {
        v(i / v.cols, i % v.cols) = T(random.below(at + std::uint64_t(i), 17) - 8);
      }
    };
    fill(a.view(), 0);
    fill(b.view(), 1u << 30);
    const oracle::Matrix expected = oracle::product(matrix_of(a.view()), matrix_of(b.view()));
    gemm<T>(plain(a.view()), plain(b.view()), c.view());
    EXPECT_TRUE(within("C", expected.data, values_of(c.view()), 0, 1));
  }
}

TYPED_TEST(Gemm, RowsAreTheSameAlone) {
  using T = TypeParam;
  const Padded<T> a = draw<T>(597, 129, 8), b = draw<T>(129, 43, 9);
  for_each_isa([&] {
    Padded<T> c(597, 43), row(1, 43);
    gemm<T>(plain(a.view()), plain(b.view()), c.view());
    for (Index i : {0, 11, 12, 143, 144, 596}) {
      gemm<T>(plain(a.view().row_range(i, 1)), plain(b.view()), row.view());
      EXPECT_TRUE(same_bits("row", values_of(c.view().row_range(i, 1)), values_of(row.view())));
    }
  });
}

TEST(ChainFmas, CountsMoreForMoreRounds) {
  EXPECT_GT(chain_fmas(1), 0.0);
  EXPECT_EQ(chain_fmas(7), 7 * chain_fmas(1));
}

}  // namespace
}  // namespace libnorm::test
