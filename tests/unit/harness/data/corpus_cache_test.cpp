#include "harness/data/corpus_cache.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "harness/base/files.hpp"
#include "tests/support/stand_in_data.hpp"
#include "tests/unit/harness/results/result_samples.hpp"

namespace harness {
namespace {

namespace fs = std::filesystem;
using libnorm::Index;

TEST(CorpusSha256, IsOfLabelsCutsAndIds) {
  const libnorm::Corpus corpus{{2, 3, 2, 4, 3}, {0, 2, 5}, {1, 0}};
  const std::string hash = corpus_sha256(corpus);
  libnorm::Corpus other = corpus;
  other.labels = {0, 1};
  EXPECT_NE(corpus_sha256(other), hash);
  other = corpus;
  other.first = {0, 3, 5};
  EXPECT_NE(corpus_sha256(other), hash);
  other = corpus;
  other.ids[3] = 5;
  EXPECT_NE(corpus_sha256(other), hash);
}

TEST(Cache, GivesTheSameWithoutTokenizing) {
  const Data data;
  LoadOptions options = data.options();
  const Dataset computed = data.load(options);
  options.cache = data.cache();
  EXPECT_EQ(data.load(options).corpus_sha256, computed.corpus_sha256);
  ASSERT_EQ(names_in(data.cache()).size(), 1u);
  const Dataset cached = data.load(options);
  EXPECT_EQ(cached.corpus_sha256, computed.corpus_sha256);
  EXPECT_EQ(cached.rows_sha256, computed.rows_sha256);
  EXPECT_EQ(cached.description, computed.description);
}

TEST(Cache, IsOfItsFilesAndOptions) {
  const Data data;
  LoadOptions options = data.options();
  options.cache = data.cache();
  std::size_t files = 0;
  const auto is_another = [&] {
    LoadOptions without = options;
    without.cache.clear();
    EXPECT_EQ(data.load(options).corpus_sha256, data.load(without).corpus_sha256);
    EXPECT_EQ(names_in(data.cache()).size(), ++files);
  };
  is_another();
  options.rows = 5;
  is_another();
  options.max_length = 3;
  is_another();
  options.selection = Selection::subset;
  is_another();
  scribble(data.folder.vocabulary(), "[PAD]\n[UNK]\n[CLS]\n[SEP]\ntwo\none\nthree\nfour\n##s\n");
  is_another();
  scribble(data.folder.train(), csv(samples(60)));
  is_another();
}

TEST(Cache, ThatIsDamagedIsComputedAgain) {
  const Data data;
  LoadOptions options = data.options();
  options.cache = data.cache();
  const Dataset whole = data.load(options);
  const fs::path file = data.cache() / names_in(data.cache()).at(0);
  const std::string content = read_file(file);
  std::vector<std::string> damaged = {"", content + "x", std::string(content.size(), '\0')};
  for (std::size_t i = 0; i < content.size(); i += 101) {
    damaged.push_back(content.substr(0, i));
    damaged.push_back(content);
    damaged.back()[i] ^= 0x20;
  }
  for (const std::string& other : damaged) {
    scribble(file, other);
    EXPECT_EQ(data.load(options).corpus_sha256, whole.corpus_sha256);
    ASSERT_EQ(read_file(file), content) << "not mended";
  }
}

TEST(Cache, OfAnotherKeyOrWithImpossibleSizesIsNotUsed) {
  const ScratchFolder scratch;
  const TokenizedRows rows{{{2, 3, 2, 4, 3}, {0, 2, 5}, {1, 0}}, sha256_hex("rows")};
  write_cached(scratch.path(), "a", rows);
  ASSERT_TRUE(read_cached(scratch.path(), "a").has_value());
  EXPECT_EQ(read_cached(scratch.path(), "a")->corpus.ids, rows.corpus.ids);
  fs::copy(cached_file(scratch.path(), "a"), cached_file(scratch.path(), "b"));
  EXPECT_FALSE(read_cached(scratch.path(), "b").has_value());

  // Sealed as it should be, and yet no corpus.
  for (const std::vector<Index>& first :
       std::vector<std::vector<Index>>{{}, {0, 5}, {0, 2, 6}, {0, 6, 5}, {1, 2, 5}}) {
    TokenizedRows wrong = rows;
    wrong.corpus.first = first;
    write_cached(scratch.path(), "c", wrong);
    EXPECT_FALSE(read_cached(scratch.path(), "c").has_value());
  }
}

TEST(Cache, ThatCannotBeWrittenOrReadIsNoError) {
  const Data data;
  LoadOptions options = data.options();
  scribble(data.list(), "a file, not a folder");
  options.cache = data.list() / "cache";
  EXPECT_EQ(data.load(options).corpus.size(), 40);
}

}  // namespace
}  // namespace harness
