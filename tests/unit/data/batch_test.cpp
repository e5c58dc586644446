#include "libnorm/data/batch.hpp"

#include <cmath>

#include <gtest/gtest.h>

#include "tests/support/models.hpp"

namespace libnorm::test {
namespace {

using Ids = std::vector<std::int32_t>;

TEST(Batch, ShortcutKeepsEachTokenOfASequenceOnce) {
  Batch b;
  b.assign({3, 1, 3, 3, 5, 0, 0, 0, 0, 0, 5, 4, 3, 2, 1}, 3, 5, 2, {9, 8, 7}, 6, Path::shortcut);
  EXPECT_EQ(b.path, Path::shortcut);
  EXPECT_EQ(b.sequences, 3);
  EXPECT_EQ(b.positions, 15);
  EXPECT_EQ(b.rows(), 9);
  EXPECT_EQ(b.ids, (Ids{1, 3, 5, 0, 1, 2, 3, 4, 5}));
  EXPECT_EQ(b.counts, (std::vector<float>{1, 3, 1, 5, 1, 1, 1, 1, 1}));
  EXPECT_EQ(b.first, (std::vector<Index>{0, 3, 4, 9}));
  EXPECT_EQ(b.square_first, (std::vector<Index>{0, 9, 10, 35}));
  EXPECT_EQ(b.sequence_of_row, (Ids{0, 0, 0, 1, 2, 2, 2, 2, 2}));
  EXPECT_EQ(b.prediction_row, (Ids{1, 3, 6}));
  EXPECT_EQ(b.prediction_id, (Ids{3, 0, 3}));
  EXPECT_EQ(b.targets, (Ids{9, 8, 7}));
  for (std::size_t r = 0; r < b.counts.size(); ++r) {
    // One last place of log(5).
    EXPECT_NEAR(b.log_counts[r], std::log(double(b.counts[r])), 0x1p-52);
    EXPECT_EQ(b.log_counts[r] == 0.0, b.counts[r] == 1);
  }
}

TEST(Batch, DenseKeepsEveryPosition) {
  Batch b;
  b.assign({3, 1, 3, 0, 0, 0}, 2, 3, 2, {}, 6, Path::dense);
  EXPECT_EQ(b.ids, (Ids{3, 1, 3, 0, 0, 0}));
  EXPECT_EQ(b.counts, (std::vector<float>(6, 1.0f)));
  EXPECT_EQ(b.log_counts, (std::vector<double>(6, 0.0)));
  EXPECT_EQ(b.first, (std::vector<Index>{0, 3, 6}));
  EXPECT_EQ(b.square_first, (std::vector<Index>{0, 9, 18}));
  EXPECT_EQ(b.prediction_row, (Ids{2, 5}));
  EXPECT_TRUE(b.targets.empty());
}

/// Three texts of 4, 1 and 6 tokens over a vocabulary of 9, padding being 0.
Corpus texts() {
  Corpus c;
  c.ids = {7, 3, 3, 8, 7, 7, 2, 5, 2, 2, 8};
  c.first = {0, 4, 5, 11};
  c.labels = {2, 0, 1};
  return c;
}

void expect_same_layout(const Batch& a, const Batch& b) {
  EXPECT_EQ(a.positions, b.positions);
  EXPECT_EQ(a.ids, b.ids);
  EXPECT_EQ(a.counts, b.counts);
  EXPECT_EQ(a.log_counts, b.log_counts);
  EXPECT_EQ(a.first, b.first);
  EXPECT_EQ(a.square_first, b.square_first);
  EXPECT_EQ(a.sequence_of_row, b.sequence_of_row);
  EXPECT_EQ(a.prediction_row, b.prediction_row);
  EXPECT_EQ(a.prediction_id, b.prediction_id);
  EXPECT_EQ(a.targets, b.targets);
  EXPECT_EQ(a.tokens, b.tokens);
  EXPECT_EQ(a.token_of_row, b.token_of_row);
}

TEST(Batch, OfACorpusIsThatOfItsPaddedTexts) {
  for (const Path path : {Path::shortcut, Path::dense}) {
    Batch padded, written_out;
    const Ids which = {2, 0, 1};
    padded.assign(texts(), which, {0, 6}, 0, 9, path);
    written_out.assign({7, 2, 5, 2, 2, 8, 7, 3, 3, 8, 0, 0, 7, 0, 0, 0, 0, 0}, 3, 6, 0, {1, 2, 0},
                       9, path);
    expect_same_layout(padded, written_out);
  }
}

TEST(Batch, WithoutPaddingHasTheTextsAlone) {
  Batch b;
  b.assign(texts(), Ids{0, 1}, {}, 0, 9, Path::shortcut);
  EXPECT_EQ(b.positions, 5);
  EXPECT_EQ(b.ids, (Ids{3, 7, 8, 7}));
  EXPECT_EQ(b.counts, (std::vector<float>{2, 1, 1, 1}));
  EXPECT_EQ(b.first, (std::vector<Index>{0, 3, 4}));
  EXPECT_EQ(b.prediction_row, (Ids{1, 3}));
  b.assign(texts(), Ids{0, 1}, {}, 0, 9, Path::dense);
  EXPECT_EQ(b.ids, (Ids{7, 3, 3, 8, 7}));
}

TEST(Batch, RefusesTextsThatDoNotFit) {
  Batch b;
  const auto assign = [&](const Ids& which, Index length, Index prediction_position,
                          Index vocabulary) {
    b.assign(texts(), which, {0, length}, prediction_position, vocabulary, Path::shortcut);
  };
  EXPECT_THROW(assign({}, 6, 0, 9), ShapeError);
  EXPECT_THROW(assign({0, 2}, 5, 0, 9), ShapeError);
  EXPECT_THROW(assign({1}, 6, 1, 9), ShapeError) << "padding is no prediction position";
  EXPECT_THROW(assign({0}, 6, 0, 8), ValueError);
  EXPECT_NO_THROW(assign({0, 2}, 6, 0, 9));
}

Ids members_of(const Groups& groups, Index g) {
  Ids members;
  for (Index i = groups.begin(g); i < groups.end(g); ++i) {
    members.push_back(std::int32_t(groups.member(i)));
  }
  return members;
}

/// Every row stands once in the group of its token, in ascending order; so do prediction positions.
void expect_groups(const Batch& b) {
  for (std::size_t t = 1; t < b.tokens.size(); ++t) EXPECT_LT(b.tokens[t - 1], b.tokens[t]);
  ASSERT_EQ(b.rows_of_token().count, Index(b.tokens.size()));
  ASSERT_EQ(b.predictions_of_token().count, Index(b.tokens.size()));
  for (std::size_t t = 0; t < b.tokens.size(); ++t) {
    Ids rows, predictions;
    for (std::size_t r = 0; r < b.ids.size(); ++r) {
      if (b.ids[r] == b.tokens[t]) rows.push_back(std::int32_t(r));
      EXPECT_EQ(b.ids[r], b.tokens[std::size_t(b.token_of_row[r])]);
    }
    for (std::size_t s = 0; s < b.prediction_id.size(); ++s) {
      if (b.prediction_id[s] == b.tokens[t]) predictions.push_back(std::int32_t(s));
    }
    EXPECT_FALSE(rows.empty());
    EXPECT_EQ(members_of(b.rows_of_token(), Index(t)), rows);
    EXPECT_EQ(members_of(b.predictions_of_token(), Index(t)), predictions);
  }
}

TEST(Batch, GroupsRowsByToken) {
  for (const Sample& sample : samples()) {
    for (Path path : {Path::shortcut, Path::dense}) {
      SCOPED_TRACE(sample.name + (path == Path::dense ? ", dense" : ", shortcut"));
      expect_groups(sample.batch(path));
    }
  }
}

TEST(Batch, CountsAndLayoutsAgree) {
  for (const Sample& sample : samples()) {
    const Batch few = sample.batch(Path::shortcut), dense = sample.batch(Path::dense);
    EXPECT_EQ(few.positions, Index(sample.ids.size()));
    EXPECT_EQ(dense.positions, few.positions);
    EXPECT_EQ(dense.prediction_id, few.prediction_id);
    EXPECT_EQ(dense.tokens, few.tokens);
    for (Index b = 0; b < few.sequences; ++b) {
      float total = 0;
      for (Index r = few.first[std::size_t(b)]; r < few.first[std::size_t(b) + 1]; ++r) {
        total += few.counts[std::size_t(r)];
        EXPECT_EQ(few.sequence_of_row[std::size_t(r)], b);
      }
      EXPECT_EQ(Index(total), sample.length);
      EXPECT_EQ(few.ids[std::size_t(few.prediction_row[std::size_t(b)])],
                few.prediction_id[std::size_t(b)]);
    }
  }
}

TEST(Batch, ForgetsWhatStoodInItBefore) {
  Batch used = samples()[0].batch(Path::dense);
  const Batch fresh = samples()[1].batch(Path::shortcut);
  const Sample sample = samples()[1];
  used.assign(sample.ids, sample.sequences(), sample.length, sample.prediction_position,
              sample.targets, 13, Path::shortcut);
  EXPECT_EQ(used.ids, fresh.ids);
  EXPECT_EQ(used.counts, fresh.counts);
  EXPECT_EQ(used.first, fresh.first);
  EXPECT_EQ(used.square_first, fresh.square_first);
  EXPECT_EQ(used.prediction_row, fresh.prediction_row);
  EXPECT_EQ(used.tokens, fresh.tokens);
  EXPECT_EQ(used.sequence_of_row, fresh.sequence_of_row);
  expect_groups(used);
}

}  // namespace
}  // namespace libnorm::test
