#include "libnorm/data/associative_recall.hpp"

#include <algorithm>
#include <cmath>
#include <map>
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

Batch draw_lookup(const AssociativeRecall& task, std::uint64_t seed, std::uint32_t index = 0,
                  Path path = Path::dense) {
  Batch batch;
  task.draw(seed, Purpose::training_batch, index, path, batch);
  return batch;
}

const AssociativeRecall kLookup{20, 20, 20, 128, RecallKind::lookup};

TEST(Lookup, HasItsSizes) {
  kLookup.check();
  EXPECT_EQ(kLookup.vocabulary(), 420);
  EXPECT_EQ(kLookup.outputs(), 20);
  EXPECT_EQ(kLookup.length(), 21);
  EXPECT_EQ(AssociativeRecall{}.outputs(), 402);
}

/// Read anew from the ids alone: each pair by division, the answer by searching for the entity.
TEST(Lookup, EachSequenceHoldsItsAnswerOnce) {
  for (const AssociativeRecall& task : {kLookup, AssociativeRecall{7, 3, 5, 60, RecallKind::lookup},
                                        AssociativeRecall{1, 1, 1, 2, RecallKind::lookup}}) {
    const Batch batch = draw_lookup(task, 5);
    for (Index b = 0; b < task.batch; ++b) {
      const std::int32_t* ids = batch.ids.data() + b * task.length();
      EXPECT_EQ(batch.prediction_row[std::size_t(b)], b * task.length() + task.rank);
      ASSERT_GE(ids[task.rank], task.entities * task.attributes);
      const Index asked = ids[task.rank] - task.entities * task.attributes;
      ASSERT_LT(asked, task.entities);
      std::set<Index> entities;
      std::vector<Index> answers;
      for (Index p = 0; p < task.rank; ++p) {
        ASSERT_LT(ids[p], task.entities * task.attributes);
        entities.insert(ids[p] / task.attributes);
        if (ids[p] / task.attributes == asked) answers.push_back(ids[p] % task.attributes);
      }
      EXPECT_EQ(Index(entities.size()), task.rank) << "distinct entities";
      EXPECT_EQ(answers, std::vector<Index>{batch.targets[std::size_t(b)]});
    }
  }
}

/// What is drawn of a task so small that all its sequences can be counted: 4 x 3 ordered pairs of
/// entities, 2 x 2 attributes, 2 questions.
std::map<std::vector<std::int32_t>, int> counted_sequences() {
  const AssociativeRecall task{4, 2, 2, 960, RecallKind::lookup};
  std::map<std::vector<std::int32_t>, int> counts;
  for (std::uint32_t i = 0; i < 20; ++i) {
    const Batch batch = draw_lookup(task, 7, i);
    for (Index b = 0; b < task.batch; ++b) {
      ++counts[{batch.ids.begin() + b * 3, batch.ids.begin() + (b + 1) * 3}];
    }
  }
  return counts;
}

TEST(Lookup, SequencesAreDrawnEvenly) {
  const auto counts = counted_sequences();
  ASSERT_EQ(counts.size(), 96u);
  double chi = 0;
  for (const auto& [sequence, n] : counts) chi += (n - 200.0) * (n - 200.0) / 200.0;
  // 95 degrees of freedom, deviation sqrt(190); five of them.
  EXPECT_NEAR(chi, 95, 5 * std::sqrt(190.0));
}

/// Counted over these sequences, each of which is as likely: to a query, and to a query with the
/// token of the other entity, both attributes are the answer equally often. So whatever a model
/// says that does not attend to the pair that holds the answer, it is right by chance.
TEST(Lookup, WithoutThePairThatIsAskedForThereIsChance) {
  std::map<std::vector<std::int32_t>, std::map<std::int32_t, int>> by_query, by_query_and_other;
  for (const auto& [ids, n] : counted_sequences()) {
    const int place = ids[0] / 2 == ids[2] - 8 ? 0 : 1;
    const std::int32_t answer = ids[std::size_t(place)] % 2;
    ++by_query[{ids[2]}][answer];
    ++by_query_and_other[{ids[2], place, ids[std::size_t(1 - place)]}][answer];
  }
  EXPECT_EQ(by_query.size(), 4u);
  EXPECT_EQ(by_query_and_other.size(), 48u);
  for (const auto* known : {&by_query, &by_query_and_other}) {
    for (const auto& [what, answers] : *known) EXPECT_EQ(answers.at(0), answers.at(1));
  }
}

TEST(Lookup, IsAFunctionOfSeedAndIndexAndOfNoPath) {
  const Batch batch = draw_lookup(kLookup, 1);
  EXPECT_EQ(batch.ids, draw_lookup(kLookup, 1).ids);
  EXPECT_NE(batch.ids, draw_lookup(kLookup, 2).ids);
  EXPECT_NE(batch.ids, draw_lookup(kLookup, 1, 1).ids);
  EXPECT_EQ(batch.targets, draw_lookup(kLookup, 1, 0, Path::shortcut).targets);
  EXPECT_EQ(batch.tokens, draw_lookup(kLookup, 1, 0, Path::shortcut).tokens);
}

}  // namespace
}  // namespace libnorm::test
