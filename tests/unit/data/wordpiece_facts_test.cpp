#include "libnorm/data/wordpiece.hpp"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <limits>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace libnorm::test {
namespace {

using Ids = std::vector<std::int32_t>;
using Tokens = std::vector<std::string>;

/// Without [CLS] and [SEP].
Ids ids_within(const WordPiece& pieces, const std::string& text) {
  Ids ids;
  pieces.encode(text, std::numeric_limits<Index>::max(), ids);
  EXPECT_GE(ids.size(), 2u);
  return {ids.begin() + 1, ids.end() - 1};
}

Tokens tokens_within(const WordPiece& pieces, const std::string& text) {
  Tokens tokens;
  for (const std::int32_t id : ids_within(pieces, text)) tokens.push_back(pieces.token(id));
  return tokens;
}

/// The tokens, and behind them the special ones that they lack: the facts keep their ids.
WordPiece vocabulary_of(Tokens tokens) {
  for (const char* special : {"[PAD]", "[UNK]", "[CLS]", "[SEP]"}) {
    if (std::find(tokens.begin(), tokens.end(), special) == tokens.end()) tokens.push_back(special);
  }
  return WordPiece(std::move(tokens));
}

/// Facts about the tokenizer of uncased BERT, from public tests of other implementations. They and
/// the vocabulary are not part of the project; LIBNORM_DATA names the folder that has them.
class WordPieceFacts : public testing::Test {
 protected:
  void SetUp() override {
    const char* data = std::getenv("LIBNORM_DATA");
    if (data == nullptr) {
      GTEST_SKIP() << "not checked: LIBNORM_DATA is not set; it names the folder that has "
                      "wordpiece/facts.json and wordpiece/vocab.txt";
    }
    folder_ = std::filesystem::path(data) / "wordpiece";
    for (const char* name : {"facts.json", "vocab.txt"}) {
      if (!std::filesystem::exists(folder_ / name)) {
        GTEST_SKIP() << "not checked: there is no " << (folder_ / name).string();
      }
    }
    facts_ = nlohmann::json::parse(std::ifstream(folder_ / "facts.json"));
  }

  std::filesystem::path folder_;
  nlohmann::json facts_;
};

TEST_F(WordPieceFacts, OfTheWholeVocabulary) {
  const WordPiece pieces = WordPiece::read(folder_ / "vocab.txt", 30522);
  const auto& special = facts_.at("special_ids");
  EXPECT_EQ(
      (Ids{pieces.pad(), pieces.unk(), pieces.cls(), pieces.sep()}),
      (Ids{special.at("[PAD]"), special.at("[UNK]"), special.at("[CLS]"), special.at("[SEP]")}));
  for (const char* list : {"full_vocab_fixtures", "derived"}) {
    ASSERT_FALSE(facts_.at(list).empty());
    for (const auto& fact : facts_.at(list)) {
      const std::string text = fact.at("input");
      Ids ids;
      pieces.encode(text, std::numeric_limits<Index>::max(), ids);
      EXPECT_EQ(ids, fact.at("ids").get<Ids>()) << list << ": " << text;
    }
  }
}

TEST_F(WordPieceFacts, OfSmallVocabularies) {
  ASSERT_FALSE(facts_.at("small_vocab_fixtures").empty());
  for (const auto& fact : facts_.at("small_vocab_fixtures")) {
    const WordPiece pieces = vocabulary_of(fact.at("vocab"));
    const std::string text = fact.at("input");
    EXPECT_EQ(ids_within(pieces, text), fact.at("expected_ids").get<Ids>()) << text;
  }
}

TEST_F(WordPieceFacts, OfWords) {
  ASSERT_FALSE(facts_.at("basic_tokenizer_fixtures").empty());
  for (const auto& fact : facts_.at("basic_tokenizer_fixtures")) {
    Tokens words = fact.at("expected");
    // Some keep the text's case; all other steps are the same.
    for (std::string& word : words) {
      for (char& c : word) c = char(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
    }
    const std::set<std::string> known(words.begin(), words.end());
    const std::string text = fact.at("input");
    EXPECT_EQ(tokens_within(vocabulary_of({known.begin(), known.end()}), text), words) << text;
  }
}

TEST_F(WordPieceFacts, OfCharacters) {
  const auto& classes = facts_.at("character_class_fixtures");
  const auto expect = [&](const char* name, auto tokens_for) {
    ASSERT_FALSE(classes.at(name).empty());
    for (const auto& [character, value] : classes.at(name).items()) {
      const bool is = value;
      std::set<std::string> known = {"a", "b", "##b", "##ab", character};
      known.erase("A");
      const Tokens tokens =
          tokens_within(vocabulary_of({known.begin(), known.end()}), "a" + character + "b");
      EXPECT_EQ(tokens == tokens_for(character), is) << name << ": '" << character << "'";
    }
  };
  expect("is_whitespace", [](const std::string&) { return Tokens{"a", "b"}; });
  expect("is_control", [](const std::string&) { return Tokens{"a", "##b"}; });
  expect("is_punctuation", [](const std::string& c) { return Tokens{"a", c, "b"}; });
}

}  // namespace
}  // namespace libnorm::test
