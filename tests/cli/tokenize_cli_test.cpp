#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/cli/process.hpp"

/// `norm-harness tokenize`: its lines, and where its vocabulary comes from.
namespace {

using cli::Outcome;
using cli::run;
using testing::HasSubstr;
namespace fs = std::filesystem;

/// Ids are line numbers from 0: red is 4.
constexpr const char* kSmall = "[PAD]\n[UNK]\n[CLS]\n[SEP]\nred\nblue\n##s\ncafe\n!\n";
constexpr int kBertLines = 30522;

/// As many lines as bert-base-uncased's, of which the last is `last`.
std::string vocabulary(int lines) {
  std::string text = kSmall;
  for (auto line = std::count(text.begin(), text.end(), '\n') + 1; line < lines; ++line) {
    text += "word" + std::to_string(line) + "\n";
  }
  return text + "last\n";
}

void write_vocabulary(const fs::path& folder, const std::string& text) {
  fs::create_directories(folder / "wordpiece");
  cli::write(folder / "wordpiece/vocab.txt", text);
}

/// What the small vocabulary makes of a text that comes in.
Outcome tokenize(const std::string& text, const std::string& options = "") {
  const cli::Scratch scratch;
  cli::write(scratch / "v", kSmall);
  cli::write(scratch / "in", text);
  return run(scratch.path(), "tokenize --vocab v " + options + " <in");
}

std::string ids(const std::string& text, const std::string& options = "") {
  const Outcome outcome = tokenize(text, options);
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_EQ(outcome.err, "");
  return outcome.out;
}

void expect_failure(const Outcome& outcome, int code, const std::string& sentence) {
  EXPECT_EQ(outcome.code, code) << outcome.err;
  EXPECT_THAT(outcome.err, HasSubstr(sentence));
  EXPECT_EQ(std::count(outcome.err.begin(), outcome.err.end(), '\n'), 1) << outcome.err;
  EXPECT_EQ(outcome.out, "");
}

TEST(TokenizeCli, PrintsTheIdsOfEachLine) {
  EXPECT_EQ(ids("Red blues!\nblue\n"), "2 4 5 6 8 3\n2 5 3\n");
  EXPECT_EQ(ids("caf\xC3\xA9 green\n"), "2 7 1 3\n") << "without accents; unknown words are [UNK]";
  EXPECT_EQ(ids("[SEP]\n"), "2 1 1 1 3\n") << "special tokens are not known in a text";
}

TEST(TokenizeCli, PrintsTheTokensOfEachLine) {
  EXPECT_EQ(ids("Red blues!\ngreen\n", "--tokens"),
            "[CLS] red blue ##s ! [SEP]\n[CLS] [UNK] [SEP]\n");
}

TEST(TokenizeCli, AnEmptyLineIsALine) {
  EXPECT_EQ(ids("\nred\n\n \t\n"), "2 3\n2 4 3\n2 3\n2 3\n");
  EXPECT_EQ(ids("\n", "--tokens"), "[CLS] [SEP]\n");
  EXPECT_EQ(ids(""), "") << "no line at all";
}

TEST(TokenizeCli, LinesMayEndAsUnderWindowsOrNotAtAll) {
  EXPECT_EQ(ids("red\r\nblue\r\n"), "2 4 3\n2 5 3\n");
  EXPECT_EQ(ids("red\nblue"), "2 4 3\n2 5 3\n");
}

TEST(TokenizeCli, BytesThatAreNoUtf8AreDropped) {
  EXPECT_EQ(ids("re\xFF"
                "d\n"),
            "2 4 3\n");
  EXPECT_EQ(ids("bl\xE4\xB8ue\n"), "2 5 3\n") << "the start of a character";
  EXPECT_EQ(ids("red\xE4\n\xB8\xAD"
                "blue\n"),
            "2 4 3\n2 5 3\n")
      << "a character does not reach over a line's end";
  EXPECT_EQ(ids("\xC0\x80\xED\xA0\x80\n"), "2 3\n");
  EXPECT_EQ(ids(std::string("re\0d\n", 5)), "2 4 3\n") << "nor is a zero";
}

TEST(TokenizeCli, ALengthCutsBeforeTheEnd) {
  EXPECT_EQ(ids("red blue red\nred\n", "--length 4"), "2 4 5 3\n2 4 3\n");
  EXPECT_EQ(ids("red\n", "--length 2"), "2 3\n");
  expect_failure(tokenize("red\n", "--length 1"), 2, "--length: too short (1); need at least 2");
}

TEST(TokenizeCli, ReadsAFileThatIsNamed) {
  const cli::Scratch scratch;
  cli::write(scratch / "v", kSmall);
  cli::write(scratch / "text", "red\n");
  EXPECT_EQ(run(scratch.path(), "tokenize --vocab v text").out, "2 4 3\n");
  expect_failure(run(scratch.path(), "tokenize --vocab v none"), 3,
                 "cannot read none (No such file or directory)");
  expect_failure(run(scratch.path(), "tokenize --vocab v ."), 3, "cannot read . (it is a folder)");
  expect_failure(run(scratch.path(), "tokenize --vocab v <."), 3,
                 "cannot read the text (what comes in: Is a directory)");
}

TEST(TokenizeCli, AVocabularyThatIsMissingOrDamagedIsNamed) {
  const cli::Scratch scratch;
  const auto with = [&](const std::string& vocabulary) {
    cli::write(scratch / "v", vocabulary);
    return run(scratch.path(), "tokenize --vocab v </dev/null");
  };
  expect_failure(run(scratch.path(), "tokenize --vocab gone </dev/null"), 3,
                 "vocabulary: cannot open gone (No such file or directory)");
  expect_failure(run(scratch.path(), "tokenize --vocab . </dev/null"), 3,
                 "cannot open . (no regular file)");
  expect_failure(with(""), 3, "there are no tokens (v)");
  expect_failure(with("[PAD]\n[UNK]\n[CLS]\nred\n"), 3, "a token is missing ([SEP] in v)");
  expect_failure(with("[PAD]\n[UNK]\n[CLS]\n[SEP]\nred\nred\n"), 3, "v, line 6");
  expect_failure(with("[PAD]\n[UNK]\n[CLS]\n[SEP]\n\xFF\n"), 3, "not UTF-8 (v, line 5)");
}

TEST(TokenizeCli, TheVocabularyIsThatOfTheFolderOfData) {
  const cli::Scratch scratch;
  cli::write(scratch / "in", "red last\n");
  write_vocabulary(scratch / "d", vocabulary(kBertLines));
  const std::string expected = "2 4 " + std::to_string(kBertLines - 1) + " 3\n";
  const auto named = run(scratch.path(), "tokenize --data d <in", "unset LIBNORM_DATA; ");
  EXPECT_EQ(named.out, expected) << named.err;
  const auto around = run(scratch.path(), "tokenize <in", "export LIBNORM_DATA=d; ");
  EXPECT_EQ(around.out, expected) << around.err;
  const auto both = run(scratch.path(), "tokenize --data d <in", "export LIBNORM_DATA=gone; ");
  EXPECT_EQ(both.out, expected) << "--data goes before LIBNORM_DATA: " << both.err;
  // A checkout is told by its golden manifest.
  fs::create_directories(scratch / "golden");
  cli::write(scratch / "golden/manifest.json", "{}");
  write_vocabulary(scratch / "data", vocabulary(kBertLines));
  const auto checkout = run(scratch.path(), "tokenize <in", "unset LIBNORM_DATA; ");
  EXPECT_EQ(checkout.out, expected) << checkout.err;
  cli::write(scratch / "v", kSmall);
  EXPECT_EQ(run(scratch.path(), "tokenize --vocab v --data d <in").out, "2 4 1 3\n");
}

TEST(TokenizeCli, AFolderWithoutAVocabularyIsNamed) {
  const cli::Scratch scratch;
  fs::create_directories(scratch / "golden");
  cli::write(scratch / "golden/manifest.json", "{}");
  expect_failure(run(scratch.path(), "tokenize --data d </dev/null"), 3,
                 "vocabulary: not found (the folder d, which --data names, has no "
                 "wordpiece/vocab.txt); need --vocab FILE");
  expect_failure(run(scratch.path(), "tokenize </dev/null", "export LIBNORM_DATA=e; "), 3,
                 "(the folder e, which LIBNORM_DATA names, has no wordpiece/vocab.txt)");
  expect_failure(run(scratch.path(), "tokenize </dev/null", "unset LIBNORM_DATA; "), 3,
                 "(the folder data has no wordpiece/vocab.txt)");
}

TEST(TokenizeCli, AVocabularyOfDataWithAWrongNumberOfLinesIsRefused) {
  for (const int lines : {kBertLines - 1, kBertLines + 1}) {
    const cli::Scratch scratch;
    write_vocabulary(scratch / "d", vocabulary(lines));
    expect_failure(run(scratch.path(), "tokenize --data d </dev/null"), 3,
                   "wrong number of lines (d/wordpiece/vocab.txt has " + std::to_string(lines) +
                       "); need 30522");
  }
}

TEST(TokenizeCli, HelpTellsWhereTheVocabularyComesFrom) {
  const cli::Scratch scratch;
  const auto help = run(scratch.path(), "tokenize --help", "export LIBNORM_DATA=gone; ");
  EXPECT_EQ(help.code, 0);
  EXPECT_EQ(help.err, "");
  for (const char* part : {"Usage: norm-harness tokenize", "--vocab FILE", "--data DIR",
                           "LIBNORM_DATA", "--tokens", "--length N", "[CLS] and [SEP]"}) {
    EXPECT_THAT(help.out, HasSubstr(part));
  }
}

TEST(TokenizeCli, AMistakeEndsWithTwo) {
  expect_failure(tokenize("red\n", "--token"), 2, "unrecognised option '--token'");
  expect_failure(tokenize("red\n", "one two"), 2, "more arguments than it has");
  expect_failure(tokenize("red\n", "--length x"), 2, "--length");
}

}  // namespace
