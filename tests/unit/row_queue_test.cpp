#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "libnorm/core/launch.hpp"
#include "libnorm/core/rng.hpp"
#include "libnorm/ops/gemm.hpp"
#include "libnorm/ops/rows.hpp"
#include "tests/support/everywhere.hpp"
#include "tests/support/training.hpp"

/// in_row_blocks and after_rows: what they may change is when, not what.
namespace libnorm::test {
namespace {

using View = MatrixView<float>;
using ConstView = MatrixView<const float>;

std::vector<float> drawn(Index count, std::uint64_t stream) {
  const Random random(stream, Purpose::test);
  std::vector<float> numbers(std::size_t(count), 0);
  for (Index i = 0; i < count; ++i)
    numbers[std::size_t(i)] = float(random.normal(std::uint64_t(i)));
  return numbers;
}

/// Products, sums of rows, sums of columns and rows of another number, one after the other, each of
/// what the last ones wrote. Returns all that they leave.
std::vector<float> mixed(Index rows, bool fails = false) {
  constexpr Index kCols = 24, kHidden = 40;
  const std::vector<float> x = drawn(rows * kCols, 1), w = drawn(kHidden * kCols, 2),
                           bias = drawn(kHidden, 3);
  const auto zeros = [](Index count) { return std::vector<float>(std::size_t(count), 0.0f); };
  std::vector<float> hidden = zeros(rows * kHidden), back = zeros(rows * kCols),
                     gradient = zeros(kHidden * kCols), sums = zeros(kHidden),
                     few = zeros(2 * kCols);
  const ConstView vx(x.data(), rows, kCols), vw(w.data(), kHidden, kCols);
  const View vh(hidden.data(), rows, kHidden), vb(back.data(), rows, kCols);
  const auto all = [&] {
    gemm<float>(plain(vx), transposed(vw), vh, bias.data());
    add_rows<float>(vh, vh, vh);
    after_rows([&] {
      gemm<float>(transposed(ConstView(vh)), plain(vx), View(gradient.data(), kHidden, kCols));
      sum_columns<float>(vh, sums.data());
    });
    gemm<float>(plain(ConstView(vh)), plain(vw), vb);
    add_rows<float>(vb, vx, vb);
    if (fails) throw DataError("from within");
    // Rows of another number, which read what the others wrote.
    const View vf(few.data(), 2, kCols);
    add_rows<float>(ConstView(back.data(), 2, kCols), ConstView(gradient.data(), 2, kCols), vf);
    gemm<float>(plain(vx), transposed(vw), vh, nullptr, Output::add);
  };
  in_row_blocks(all);
  std::vector<float> result;
  for (const auto* part : {&hidden, &back, &gradient, &sums, &few}) {
    result.insert(result.end(), part->begin(), part->end());
  }
  return result;
}

TEST(RowQueue, HasTheBitsOfLaunchesOneByOne) {
  for (Index rows : {3, 5, 127, 128, 129, 250, 256, 1000, 2500}) {
    SCOPED_TRACE(rows);
    std::vector<float> expected;
    {
      const detail::QueuePause pause;
      expected = mixed(rows);
    }
    expect_same_everywhere("queued", [&] {
      const auto actual = mixed(rows);
      EXPECT_TRUE(same_bits("queued or not", expected, actual));
      return actual;
    });
  }
}

/// Rows enough for their sums to be taken by shards, and too few.
TEST(RowQueue, SumsOfRowsAreThereAtOnceWithoutAfterRows) {
  for (Index rows : {100, 256, 1000}) {
    const std::vector<float> x = drawn(rows * 3, 6);
    const ConstView view(x.data(), rows, 3);
    std::vector<float> twice(x.size(), 0), expected(3, 0), sums(3, 0);
    add_rows<float>(view, view, View(twice.data(), rows, 3));
    sum_columns<float>(ConstView(twice.data(), rows, 3), expected.data());
    in_row_blocks([&] {
      std::fill(twice.begin(), twice.end(), 0.0f);
      add_rows<float>(view, view, View(twice.data(), rows, 3));
      sum_columns<float>(ConstView(twice.data(), rows, 3), sums.data());
      EXPECT_TRUE(same_bits("sums", expected, sums));
    });
  }
}

TEST(RowQueue, DropsWhatIsQueuedWhereAnErrorEndsIt) {
  const std::vector<float> expected = mixed(200);
  EXPECT_THROW(mixed(200, true), DataError);
  EXPECT_TRUE(same_bits("afterwards", expected, mixed(200)));
}

TEST(RowQueue, GrowingMemoryWaitsForWhatUsesIt) {
  Buffer<float> memory;
  std::vector<float> out(8, 0);
  in_row_blocks([&] {
    const View small = memory.view(4, 2);
    const std::vector<float> numbers = drawn(8, 4);
    std::copy(numbers.begin(), numbers.end(), small.data);
    add_rows<float>(ConstView(small), ConstView(small), View(out.data(), 4, 2));
    // The old memory is freed now.
    memory.view(4000, 300);
  });
  const std::vector<float> numbers = drawn(8, 4);
  for (std::size_t i = 0; i < out.size(); ++i) EXPECT_EQ(out[i], numbers[i] + numbers[i]);
}

TEST(RowQueue, ScopesWithinEachOtherEndWithTheOutermost) {
  std::vector<float> numbers = drawn(12, 5);
  const float before = numbers[0];
  const View view(numbers.data(), 6, 2);
  in_row_blocks([&] {
    in_row_blocks([&] { add_rows<float>(view, view, view); });
    EXPECT_EQ(numbers[0], before) << "it waits for the outer scope";
    run_queued_rows();
    EXPECT_EQ(numbers[0], before + before);
    add_rows<float>(view, view, view);
  });
  EXPECT_EQ(numbers[0], 4 * before);
}

class QueuedModel : public testing::TestWithParam<std::string> {};

TEST_P(QueuedModel, TrainsToTheBitsOfLaunchesOneByOne) {
  for (Path path : {Path::shortcut, Path::dense}) {
    std::vector<float> expected;
    {
      const detail::QueuePause pause;
      expected = train<float>(GetParam(), {2, 2}, path);
    }
    EXPECT_TRUE(same_bits("queued or not", expected, train<float>(GetParam(), {2, 2}, path)));
  }
}

INSTANTIATE_TEST_SUITE_P(Catalogue, QueuedModel, testing::ValuesIn(model_texts()),
                         [](const auto& text) { return word_of(text.param); });

}  // namespace
}  // namespace libnorm::test
