#include "libnorm/data/associative_recall.hpp"

#include <algorithm>
#include <cmath>
#include <set>

#include <gtest/gtest.h>

namespace libnorm::test {
namespace {

Batch draw(std::uint64_t seed, Purpose purpose, std::uint32_t index, Path path = Path::dense) {
  Batch batch;
  AssociativeRecall{}.draw(seed, purpose, index, path, batch);
  return batch;
}

TEST(AssociativeRecall, HasThePublishedSizes) {
  const AssociativeRecall task;
  task.check();
  EXPECT_EQ(task.keys(), 400);
  EXPECT_EQ(task.vocabulary(), 402);
  EXPECT_EQ(task.length(), 41);
  EXPECT_EQ(task.batch, 128);
}

TEST(AssociativeRecall, SequencesAreAsPublished) {
  const Batch batch = draw(1, Purpose::training_batch, 0);
  ASSERT_EQ(batch.rows(), 128 * 41);
  for (Index b = 0; b < 128; ++b) {
    const std::int32_t* ids = batch.ids.data() + b * 41;
    std::set<std::int32_t> keys(ids, ids + 39);
    keys.insert(ids[40]);
    EXPECT_EQ(keys.size(), 40u) << "40 distinct keys";
    EXPECT_LT(*keys.rbegin(), 400) << "PAD and MASK are never used";
    EXPECT_EQ(ids[39], 0) << "the position that is never written";
    EXPECT_EQ(batch.targets[std::size_t(b)], ids[40]) << "solved by copying the last token";
    EXPECT_EQ(batch.prediction_row[std::size_t(b)], b * 41 + 40);
  }
}

/// Each key is drawn equally often, as the query and elsewhere.
TEST(AssociativeRecall, KeysAreDrawnEvenly) {
  std::vector<int> query(400, 0), any(400, 0);
  constexpr int kBatches = 50;
  for (std::uint32_t i = 0; i < kBatches; ++i) {
    const Batch batch = draw(2, Purpose::training_batch, i);
    for (Index b = 0; b < 128; ++b) {
      const std::int32_t* ids = batch.ids.data() + b * 41;
      ++query[std::size_t(ids[40])];
      for (Index p = 0; p < 39; ++p) ++any[std::size_t(ids[p])];
    }
  }
  // Chi-square over 400 keys, 399 degrees of freedom, deviation sqrt(798) = 28.2; five of them.
  // Draws without replacement vary less than independent ones.
  const auto chi = [](const std::vector<int>& counts, double mean) {
    double total = 0;
    for (int n : counts) total += (n - mean) * (n - mean) / mean;
    return total;
  };
  EXPECT_LT(chi(query, kBatches * 128 / 400.0), 399 + 5 * 28.2);
  EXPECT_GT(chi(query, kBatches * 128 / 400.0), 399 - 5 * 28.2);
  EXPECT_LT(chi(any, kBatches * 128 * 39 / 400.0), 399 + 5 * 28.2);
}

/// The order within a sequence is drawn too: the first key is as often above the second as below.
TEST(AssociativeRecall, OrderIsDrawn) {
  const Batch batch = draw(3, Purpose::training_batch, 0);
  int ascending = 0;
  for (Index b = 0; b < 128; ++b) {
    const std::int32_t* ids = batch.ids.data() + b * 41;
    for (Index p = 0; p + 1 < 39; p += 2) ascending += ids[p] < ids[p + 1];
  }
  // Five deviations of 128 x 19 fair coins.
  EXPECT_NEAR(ascending, 1216, 5 * std::sqrt(608.0));
}

TEST(AssociativeRecall, IsAFunctionOfSeedPurposeAndIndex) {
  const Batch batch = draw(1, Purpose::training_batch, 7);
  EXPECT_EQ(batch.ids, draw(1, Purpose::training_batch, 7).ids);
  EXPECT_NE(batch.ids, draw(2, Purpose::training_batch, 7).ids);
  EXPECT_NE(batch.ids, draw(1, Purpose::training_batch, 8).ids);
  EXPECT_NE(batch.ids, draw(1, Purpose::probe_batch, 7).ids);
}

TEST(AssociativeRecall, PathsHaveTheSameTokens) {
  const Batch dense = draw(1, Purpose::probe_batch, 0);
  const Batch few = draw(1, Purpose::probe_batch, 0, Path::shortcut);
  EXPECT_EQ(few.targets, dense.targets);
  EXPECT_EQ(few.tokens, dense.tokens);
  for (Index b = 0; b < 128; ++b) {
    std::set<std::int32_t> tokens(dense.ids.begin() + b * 41, dense.ids.begin() + (b + 1) * 41);
    EXPECT_TRUE(std::equal(tokens.begin(), tokens.end(),
                           few.ids.begin() + few.first[std::size_t(b)],
                           few.ids.begin() + few.first[std::size_t(b) + 1]));
  }
}

/// As many keys as a sequence takes: the last draw has one key left.
TEST(AssociativeRecall, TakesEveryKeyIfItMust) {
  const AssociativeRecall task{2, 3, 6, 20};
  task.check();
  Batch batch;
  task.draw(1, Purpose::test, 0, Path::dense, batch);
  for (Index b = 0; b < 20; ++b) {
    const std::int32_t* ids = batch.ids.data() + b * 7;
    std::set<std::int32_t> keys(ids, ids + 5);
    keys.insert(ids[6]);
    EXPECT_EQ(keys.size(), 6u);
  }
}

}  // namespace
}  // namespace libnorm::test
