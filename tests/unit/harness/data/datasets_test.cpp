#include "harness/data/datasets.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <algorithm>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "harness/base/sha256.hpp"
#include "libnorm/core/error.hpp"
#include "tests/support/stand_in_data.hpp"
#include "tests/unit/harness/results/result_samples.hpp"

namespace harness {
namespace {

namespace fs = std::filesystem;
using libnorm::DataError;
using libnorm::Index;
using libnorm::ValueError;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

/// What the environment says about data, for as long as this lives.
class NamedData {
 public:
  explicit NamedData(const std::string& folder) {
    const char* before = getenv("LIBNORM_DATA");
    if (before != nullptr) before_ = before;
    setenv("LIBNORM_DATA", folder.c_str(), 1);
  }
  ~NamedData() {
    if (before_) {
      setenv("LIBNORM_DATA", before_->c_str(), 1);
    } else {
      unsetenv("LIBNORM_DATA");
    }
  }

 private:
  std::optional<std::string> before_;
};

TEST(DataFolder, IsTheOneThatWasNamedOptionFirst) {
  const Data option, environment;
  const NamedData named(environment.folder.path.string());
  EXPECT_EQ(find_data(option.folder.path.string())->path, option.folder.path);
  EXPECT_EQ(find_data("")->path, environment.folder.path);
}

TEST(DataFolder, ThatWasNamedMustBeComplete) {
  const ScratchFolder empty;
  const std::string folder = empty.path().string();
  EXPECT_THAT(message_of<DataError>([&] { find_data(folder); }),
              AllOf(HasSubstr(folder + ", which --data names,"), HasSubstr("no ag_news/train.csv"),
                    HasSubstr("no wordpiece/vocab.txt"), HasSubstr("scripts/fetch_data")));
  const NamedData named(folder);
  EXPECT_THAT(message_of<DataError>([] { find_data(""); }), HasSubstr("which LIBNORM_DATA names"));
}

TEST(DataFolder, OfTheCheckoutMayBeEmptyButNotHalfFull) {
  const ScratchFolder empty;
  EXPECT_EQ(open_data(empty.path(), Origin::checkout), std::nullopt);
  EXPECT_EQ(open_data(empty.path() / "none", Origin::checkout), std::nullopt);
  const Data data;
  EXPECT_TRUE(open_data(data.folder.path, Origin::checkout).has_value());
  for (const fs::path& file : {data.folder.train(), data.folder.test(), data.folder.vocabulary()}) {
    fs::rename(file, data.list());
    const std::string lacking =
        "has no " + file.lexically_relative(data.folder.path).string() + ")";
    EXPECT_THAT(message_of<DataError>([&] { open_data(data.folder.path, Origin::checkout); }),
                AllOf(HasSubstr(lacking), Not(HasSubstr("names"))));
    fs::rename(data.list(), file);
  }
}

TEST(Identity, OfAnUnknownFileIsSizeLinesAndSum) {
  const ScratchFolder scratch;
  const fs::path path = scratch.path() / "train.csv";
  for (const auto& [content, lines] : {std::pair<std::string, int>{"", 0},
                                       {"a\nb", 2},
                                       {"a\n", 1},
                                       {std::string(1000000, '\n') + "b", 1000001}}) {
    scribble(path, content);
    const FileIdentity identity = identify_file(path);
    EXPECT_EQ(identity.known, KnownFile::unknown);
    EXPECT_EQ(identity.bytes, content.size());
    EXPECT_EQ(identity.lines, lines);
    EXPECT_EQ(identity.sha256, sha256_hex(content));
    EXPECT_EQ(identity.description(),
              "an unknown file train.csv (" + std::to_string(content.size()) + " bytes, " +
                  std::to_string(lines) + " lines, sha256 " + sha256_hex(content) + ")");
  }
  EXPECT_THROW(identify_file(scratch.path()), DataError);
  EXPECT_THROW(identify_file(scratch.path() / "none"), DataError);
  EXPECT_THROW(sha256_of(KnownFile::unknown), ValueError);
}

TEST(Identity, MustBeKnownWhereThatIsAskedFor) {
  const Data data;
  LoadOptions options = data.options();
  options.trust = Trust::known;
  EXPECT_THAT(
      data.failure(options),
      AllOf(HasSubstr(data.folder.train().string() + " is not the file it should be"),
            HasSubstr(sha256_hex(csv(samples(40)))), HasSubstr("40 lines"),
            HasSubstr(sha256_of(KnownFile::ag_news_train)),
            HasSubstr(sha256_of(KnownFile::ag_news_subset)), HasSubstr("scripts/fetch_data")));
  EXPECT_THAT(message_of<DataError>([&] { load_dataset(data.folder, Split::test, options); }),
              AllOf(HasSubstr("test.csv"), HasSubstr(sha256_of(KnownFile::ag_news_test))));
}

TEST(Load, TokenizesRowsInTheFilesOrder) {
  const Data data;
  const Dataset loaded = data.load(data.options());
  ASSERT_EQ(loaded.corpus.size(), 40);
  EXPECT_THAT(loaded.corpus.sequence(0), ElementsAre(2, 5, 3));
  EXPECT_THAT(loaded.corpus.sequence(4), ElementsAre(2, 5, 5, 3));
  EXPECT_EQ(loaded.corpus.labels[6], 2);
  EXPECT_THAT(loaded.description, AllOf(StartsWith("an unknown file train.csv ("),
                                        HasSubstr("tokenized with an unknown file vocab.txt")));
  const Dataset test = load_dataset(data.folder, Split::test, data.options());
  EXPECT_EQ(test.corpus.size(), 5);
}

TEST(Load, CutsToTheLengthAndTheRowsAskedFor) {
  const Data data;
  LoadOptions options = data.options();
  options.max_length = 3;
  options.rows = 7;
  const Dataset loaded = data.load(options);
  EXPECT_EQ(loaded.corpus.size(), 7);
  EXPECT_THAT(loaded.corpus.sequence(4), ElementsAre(2, 5, 3));
  EXPECT_THAT(loaded.description, StartsWith("the first 7 rows of "));
  options.rows = 41;
  EXPECT_THAT(data.failure(options), AllOf(HasSubstr("too few rows"), HasSubstr("(40); need 41")));
}

TEST(Load, DoesNotDependOnTheThreads) {
  const Data data;
  scribble(data.folder.train(), csv(samples(5000)));
  LoadOptions options = data.options();
  options.threads = 1;
  const Dataset alone = data.load(options);
  ASSERT_EQ(alone.corpus.size(), 5000);
  for (Index i = 0; i < 5000; ++i) {
    std::vector<std::int32_t> ids = {2};
    for (Index rest = i + 1; rest > 0; rest /= 4) ids.push_back(std::int32_t(4 + rest % 4));
    ids.push_back(3);
    ASSERT_THAT(alone.corpus.sequence(i), testing::ElementsAreArray(ids)) << i;
    ASSERT_EQ(alone.corpus.labels[std::size_t(i)], i % 4);
  }
  for (const int threads : {2, 3, 16}) {
    options.threads = threads;
    EXPECT_EQ(data.load(options).corpus_sha256, alone.corpus_sha256);
  }
}

TEST(Load, NamesWhatIsWrongInAFile) {
  const Data data;
  scribble(data.folder.train(), csv(samples(3)) + "\"5\",\"a\",\"b\"\n");
  EXPECT_THAT(data.failure(data.options()), HasSubstr("train.csv, line 4: no such class"));
  scribble(data.folder.train(), "");
  EXPECT_THAT(data.failure(data.options()), HasSubstr("no rows"));
  const std::string whole = csv(samples(40));
  scribble(data.folder.train(), whole.substr(0, whole.size() - 5));
  EXPECT_THAT(data.failure(data.options()), HasSubstr("line 40: a quote that nothing closes"));
  scribble(data.folder.vocabulary(), "[PAD]\n[UNK]\n[CLS]\n[SEP]\none\n");
  EXPECT_THAT(data.failure(data.options()), AllOf(HasSubstr("vocab.txt"), HasSubstr("5")));
}

TEST(Load, RefusesImpossibleOptions) {
  const Data data;
  const auto refused = [&](auto change) {
    LoadOptions options = data.options();
    change(options);
    EXPECT_THROW(data.load(options), ValueError);
  };
  refused([](LoadOptions& options) { options.rows = -1; });
  refused([](LoadOptions& options) { options.max_length = 1; });
  refused([](LoadOptions& options) { options.threads = 0; });
  EXPECT_THROW(load_dataset(data.folder, Split::test, data.options(Selection::subset)), ValueError);
}

TEST(Subset, IsTheSameFromALargerShuffledFile) {
  const Data data;
  const Dataset alone = data.load(data.options(Selection::subset));
  EXPECT_EQ(alone.corpus.size(), 40);
  EXPECT_EQ(alone.corpus_sha256, data.load(data.options()).corpus_sha256);
  EXPECT_THAT(alone.description, StartsWith("the subset of AG News's train split (40 rows)"));

  std::vector<Sample> more = samples(300);
  std::reverse(more.begin(), more.end());
  std::rotate(more.begin(), more.begin() + 70, more.end());
  // Twice there, and there with another class.
  more.push_back(more[299]);
  more.insert(more.begin(), {3, samples(1)[0].text});
  scribble(data.folder.train(), csv(more));
  const Dataset among = data.load(data.options(Selection::subset));
  EXPECT_EQ(among.rows_sha256, alone.rows_sha256);
  EXPECT_EQ(among.corpus_sha256, alone.corpus_sha256);
  EXPECT_EQ(among.description, alone.description);
  EXPECT_NE(data.load(data.options()).rows_sha256, alone.rows_sha256);
}

TEST(Subset, MayBeCutToItsFirstRows) {
  const Data data;
  LoadOptions options = data.options(Selection::subset);
  options.rows = 10;
  std::vector<Sample> reversed = samples(40);
  std::reverse(reversed.begin(), reversed.end());
  scribble(data.folder.train(), csv(reversed));
  const Dataset cut = data.load(options);
  EXPECT_EQ(cut.corpus.size(), 10);
  EXPECT_THAT(cut.corpus.sequence(0), ElementsAre(2, 5, 3));
  EXPECT_THAT(cut.description, StartsWith("the first 10 rows of the subset"));
  options.rows = 41;
  EXPECT_THROW(data.load(options), ValueError);
}

TEST(Subset, SaysHowManyRowsAreMissing) {
  const Data data;
  // A row that is there twice stands for no other.
  scribble(data.folder.train(), csv(samples(33)) + csv(samples(1)));
  EXPECT_THAT(data.failure(data.options(Selection::subset)),
              HasSubstr("lacks 7 of the subset's 40"));
}

TEST(Subset, IsRefusedWhenItsRowsAreNotWhatTheListPromises) {
  const Data data;
  std::string list = subset_list(samples(40));
  const std::size_t end = list.find('\n');
  list.replace(end - 64, 64, std::string(64, 'a'));
  scribble(data.list(), list);
  EXPECT_THAT(data.failure(data.options(Selection::subset)),
              HasSubstr("need " + std::string(64, 'a')));
}

TEST(Subset, IsRefusedWhenItsListIsDamaged) {
  const Data data;
  const std::string whole = subset_list(samples(40));
  std::string fewer = whole;
  fewer.replace(fewer.find(" 40 "), 4, " 39 ");
  std::vector<std::string> damaged = {"", "\n", whole.substr(0, whole.size() - 8),
                                      whole + "12345678", fewer};
  for (std::size_t i = 0; i < whole.size(); ++i) {
    damaged.push_back(whole);
    damaged.back()[i] ^= 0x11;
  }
  for (const std::string& content : damaged) {
    scribble(data.list(), content);
    EXPECT_THROW(SubsetList::read(data.list()), DataError) << content;
  }
  fs::remove(data.list());
  EXPECT_THROW(data.load(data.options(Selection::subset)), DataError);
}

TEST(PublishedData, IsWhatItWasWhenGoldenWasMade) {
  const auto folder = find_data("");
  if (!folder) GTEST_SKIP() << "not checked: there are no data here; scripts/fetch_data gets them";
  LoadOptions options;
  options.selection = Selection::subset;
  const Dataset subset = load_dataset(*folder, Split::train, options);
  EXPECT_EQ(subset.corpus.size(), 47598);
  EXPECT_EQ(subset.rows_sha256, "a3e3867fd7125381e8a2522f77ee50930229d2454eb005f7f41f6c92b3913bd8");
  EXPECT_EQ(subset.corpus_sha256,
            "b45e0834457ef68bc92886484284c2ec2d49ae6381c2cb2b9e5b54aafb5b3a40");
  const Dataset test = load_dataset(*folder, Split::test, {});
  EXPECT_EQ(test.corpus.size(), 7600);
  EXPECT_EQ(test.text.known, KnownFile::ag_news_test);
}

}  // namespace
}  // namespace harness
