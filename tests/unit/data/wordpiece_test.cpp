#include "libnorm/data/wordpiece.hpp"

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <fstream>
#include <limits>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace libnorm::test {
namespace {

using Ids = std::vector<std::int32_t>;
using Tokens = std::vector<std::string>;
constexpr Index kUncut = std::numeric_limits<Index>::max();

Ids ids_of(const WordPiece& pieces, std::string_view text, Index max_length = kUncut) {
  Ids ids;
  pieces.encode(text, max_length, ids);
  return ids;
}

/// The tokens between [CLS] and [SEP], with blanks between them.
std::string tokens_of(const WordPiece& pieces, std::string_view text) {
  const Ids ids = ids_of(pieces, text);
  EXPECT_GE(ids.size(), 2u);
  EXPECT_EQ(ids.front(), pieces.cls());
  EXPECT_EQ(ids.back(), pieces.sep());
  std::string tokens;
  for (std::size_t i = 1; i + 1 < ids.size(); ++i) {
    tokens += (tokens.empty() ? "" : " ") + pieces.token(ids[i]);
  }
  return tokens;
}

Tokens with_specials(const Tokens& more) {
  Tokens tokens = {"[PAD]", "[UNK]", "[CLS]", "[SEP]"};
  tokens.insert(tokens.end(), more.begin(), more.end());
  return tokens;
}

/// Letters, so that every step of a text is seen in its pieces, and some longer tokens.
const WordPiece& letters() {
  static const WordPiece pieces = [] {
    Tokens more = {"un", "##want", "##wanted", "##ed", "want", "ss",  "中", "国",
                   "か", "##か",   "ß",        "##ß",  "σ",    "##σ", "ı",  "##ı",
                   "ø",  "##ø",    "😀",        "##😀",  "€",    "##€", "。", "、",
                   "¿",  "ᄀ",     "##ᅡ",     "##ᆨ", "ः",    "##ः", "〮", "##〮"};
    for (char c = 'a'; c <= 'z'; ++c) {
      more.push_back({c});
      more.push_back("##" + std::string{c});
    }
    for (char c = '0'; c <= '9'; ++c) more.push_back({c});
    for (char c = 33; c < 127; ++c) {
      if (std::isalnum(static_cast<unsigned char>(c)) == 0) more.push_back({c});
    }
    return WordPiece(with_specials(more));
  }();
  return pieces;
}

struct Case {
  std::string_view text;
  const char* tokens;
  const char* why;
};
void PrintTo(const Case& c, std::ostream* out) { *out << c.why; }

std::string name_of(const testing::TestParamInfo<Case>& c) {
  std::string name = c.param.why;
  std::replace_if(
      name.begin(), name.end(), [](unsigned char byte) { return std::isalnum(byte) == 0; }, '_');
  return name;
}

using namespace std::string_view_literals;

class WordPieceCase : public testing::TestWithParam<Case> {};

TEST_P(WordPieceCase, GivesTheseTokens) {
  EXPECT_EQ(tokens_of(letters(), GetParam().text), GetParam().tokens) << GetParam().why;
}

INSTANTIATE_TEST_SUITE_P(
    Words, WordPieceCase,
    testing::Values(
        Case{"", "", "nothing"}, Case{" \t\r\n ", "", "white space alone"},
        Case{"a b\tc\nd\re", "a b c d e", "white space of ASCII"},
        Case{"aB Z", "a ##b z", "lower case"},
        Case{"unwanted", "un ##wanted", "the longest token, though ##want ends earlier"},
        Case{"unwanting", "un ##want ##i ##n ##g", "a shorter token where the longest goes on"},
        Case{"wanted", "want ##ed", "## tokens do not start a word"},
        Case{"##want", "# # want", "nor where ## stands in the text"},
        Case{"a1 1", "[UNK] 1", "no token for a rest: the whole word is unknown"},
        Case{"un1 b", "[UNK] b", "the pieces before that rest go too"},
        Case{"[SEP][UNK]", "[ s ##e ##p ] [ un ##k ]", "special tokens are words like others"},
        Case{"don't stop.", "d ##o ##n ' t s ##t ##o ##p .", "punctuation is cut off"},
        Case{"a--b!?", "a - - b ! ?", "each of its characters alone"},
        Case{"$+<=>^`|~_@", "$ + < = > ^ ` | ~ _ @", "symbols of ASCII are punctuation"},
        Case{"a\0b\x07"
             "c\x7f"
             "d"sv,
             "a ##b ##c ##d", "control characters leave no gap"},
        Case{"a \x01 b"sv, "a b", "a word of control characters alone is none"}),
    name_of);

INSTANTIATE_TEST_SUITE_P(
    BeyondAscii, WordPieceCase,
    testing::Values(
        Case{"\u00e9", "e", "an accent, composed"},
        Case{"e\u0301t\u00c9", "e ##t ##e", "an accent of its own; a capital with one"},
        Case{"a\u0301\u0323\u0308z", "a ##z", "several accents"},
        Case{"\u0301", "", "an accent alone is no word"},
        Case{".\u0301a", ". a", "nor after punctuation"},
        Case{"a \u0301 b", "a b", "nor between words"},
        Case{"\u01d6", "u", "two accents in one character"},
        Case{"STRA\u00dfE", "s ##t ##r ##a ##ß ##e", "sharp s is lower case already"},
        Case{"\u1e9e", "ß", "its capital is not written ss"},
        Case{"\u0130I", "i ##i", "a dotted capital I loses its dot"},
        Case{"\u0131", "ı", "the dotless i stays one"},
        Case{"\u00d8", "ø", "a stroke is no accent"},
        Case{"\u03a3\u03a3", "σ ##σ", "each capital sigma alone, whether the last or not"},
        Case{"\u212a\u212b", "k ##a", "Kelvin and Angstrom are letters"},
        Case{"a\u3000b\u00a0c\u2003d", "a b c d", "spaces of category Zs"},
        Case{"a\u2028b\u2029c", "a b c", "separators of lines and paragraphs"},
        Case{"a\u0085b\u200bc", "a ##b ##c", "categories Cc and Cf are dropped: no gap"},
        Case{"a\u00adb\u200dc\ufeffd", "a ##b ##c ##d", "soft hyphen, joiner, byte order mark"},
        Case{"a\ufffdb", "a ##b", "the replacement character"},
        Case{"a\U000e0041b", "a ##b", "tags"},
        Case{"ah\u4e2d\u56fdzz", "a ##h 中 国 z ##z", "ideographs stand alone"},
        Case{"\u4e2d\u0301\u56fd", "中 国", "with an accent too"},
        Case{"\u304b\u304b", "か ##か", "kana do not"},
        Case{"\u304c", "か", "the mark of voiced kana is an accent"},
        Case{"\uac01", "ᄀ ##ᅡ ##ᆨ", "Hangul is taken apart"},
        Case{"a\u3002b\u3001\u00bfc", "a 。 b 、 ¿ c", "punctuation of category P"},
        Case{"a\u2014b", "a [UNK] b", "also if there is no token for it"},
        Case{"\u1fefa\u037e", "` a ;", "what is punctuation once it is decomposed"},
        Case{"\u20ac\u20ac", "€ ##€", "symbols beyond ASCII are not"},
        Case{"\U0001f600\U0001f600", "😀 ##😀", "nor emoji"},
        Case{"\U0001f600\u200d\U0001f600\ufe0f", "😀 ##😀", "joiner and variation are dropped"},
        Case{"\U0001f600\U0001f3fd a", "[UNK] a", "a skin tone is a character"},
        Case{"\u0903\u302e", "ः ##〮", "marks that take space are letters"}),
    name_of);

INSTANTIATE_TEST_SUITE_P(Damaged, WordPieceCase,
                         testing::Values(Case{"a\xff"
                                              "b"sv,
                                              "a ##b", "no first byte"},
                                         Case{"a\x80\xbf"
                                              "b"sv,
                                              "a ##b", "continuations without a start"},
                                         Case{"a\xe2\x82"
                                              "b"sv,
                                              "a ##b", "a character cut short by a letter"},
                                         Case{"a\xe2\x82 b"sv, "a b", "by a space"},
                                         Case{"a\xe2\x82\xc3\xa9"sv, "a ##e",
                                              "by another character"},
                                         Case{"a\xe2\x82"sv, "a", "by the end"},
                                         Case{"a\xf0\x9f\x98"sv, "a", "at any of its bytes"},
                                         Case{"\xf0"sv, "", "alone"},
                                         Case{"a\xc0\x80"
                                              "b\xc1\xa1"
                                              "c"sv,
                                              "a ##b ##c", "too long forms of two bytes"},
                                         Case{"a\xe0\x81\xa1"
                                              "b"sv,
                                              "a ##b", "of three"},
                                         Case{"a\xf0\x80\x81\xa1"
                                              "b"sv,
                                              "a ##b", "of four"},
                                         Case{"a\xed\xa0\x80\xed\xb0\x80"
                                              "b"sv,
                                              "a ##b", "surrogates"},
                                         Case{"a\xf4\x90\x80\x80"
                                              "b"sv,
                                              "a ##b", "beyond U+10FFFF"},
                                         Case{"a\xf5\x80\x80\x80"
                                              "b"sv,
                                              "a ##b", "farther beyond"}),
                         name_of);

TEST(WordPiece, MarksStandInCanonicalOrder) {
  // U+1D165 has class 216, U+1D16D 226 and U+302E 224, and all three are kept (category Mc).
  const WordPiece pieces(with_specials({"a\U0001d165\u302e\U0001d16d"}));
  for (const char* text : {"a\U0001d165\u302e\U0001d16d", "a\U0001d16d\u302e\U0001d165",
                           "A\u302e\u0301\U0001d16d\U0001d165"}) {
    EXPECT_EQ(ids_of(pieces, text), (Ids{2, 4, 3})) << text;
  }
  // A character of class 0 keeps them apart, though U+034F itself is dropped.
  EXPECT_EQ(ids_of(pieces, "a\U0001d16d\u034f\u302e\U0001d165"), (Ids{2, 1, 3}));
}

TEST(WordPiece, IdeographsAreTheReferencesBlocks) {
  // The blocks' first and last, and what stands beside them. All are unknown; a and b show whether
  // they were cut off.
  for (const char* c : {"\u3400", "\u4dbf", "\u4e00", "\u9fff", "\uf900", "\ufaff", "\U00020000",
                        "\U0002a6df", "\U0002a700", "\U0002b73f", "\U0002b740", "\U0002b81f",
                        "\U0002b820", "\U0002ceaf", "\U0002f800", "\U0002fa1f"}) {
    EXPECT_EQ(tokens_of(letters(), std::string("a") + c + "b"), "a [UNK] b") << c;
  }
  for (const char* c : {"\u33ff", "\u4dc0", "\ua000", "\uf8ff", "\ufb00", "\U0001ffff",
                        "\U0002a6e0", "\U0002a6ff", "\U0002ceb0", "\U0002f7ff", "\U0002fa20"}) {
    EXPECT_EQ(tokens_of(letters(), std::string("a") + c + "b"), "[UNK]") << c;
  }
}

TEST(WordPiece, AWordOfMoreThan100CharactersIsUnknown) {
  Tokens pieces(100, "##x");
  pieces[0] = "x";
  std::string hundred;
  for (const std::string& piece : pieces) hundred += (hundred.empty() ? "" : " ") + piece;
  const std::string word(100, 'x');
  EXPECT_EQ(tokens_of(letters(), word), hundred);
  EXPECT_EQ(tokens_of(letters(), word + "x a"), "[UNK] a");
  EXPECT_EQ(tokens_of(letters(), word + "-x"), hundred + " - x") << "a word ends at punctuation";
  EXPECT_EQ(tokens_of(letters(), word + "\u0301\u200d"), hundred)
      << "what is dropped is not counted";
  EXPECT_EQ(tokens_of(letters(), std::string(1000000, 'x')), "[UNK]");
  // Characters are counted, not bytes, and after they were taken apart.
  std::string strokes, syllables;
  for (int i = 0; i < 100; ++i) strokes += "\u00f8";
  EXPECT_EQ(ids_of(letters(), strokes).size(), 102u);
  EXPECT_EQ(tokens_of(letters(), strokes + "\u00f8"), "[UNK]");
  const WordPiece hangul(with_specials({"ᄀ", "##ᄀ", "##ᅡ", "##ᆨ"}));
  for (int i = 0; i < 33; ++i) syllables += "\uac01";
  EXPECT_EQ(ids_of(hangul, syllables).size(), 101u);
  EXPECT_EQ(ids_of(hangul, syllables + "\uac01").size(), 3u);
}

TEST(WordPiece, WhatIsTooMuchIsCutBeforeSep) {
  const WordPiece& p = letters();
  const Ids whole = ids_of(p, "a bc, d");  // [CLS] a b ##c , d [SEP]
  ASSERT_EQ(whole.size(), 7u);
  for (Index length = 2; length <= 9; ++length) {
    Ids expected(whole.begin(), whole.begin() + std::min<Index>(length, 7) - 1);
    expected.push_back(p.sep());
    EXPECT_EQ(ids_of(p, "a bc, d", length), expected) << length;
  }
  EXPECT_EQ(ids_of(p, "un1", 3), (Ids{p.cls(), p.unk(), p.sep()})) << "unknown as a whole";
  for (const Index length : {Index(1), Index(0), Index(-5)}) {
    EXPECT_THROW(ids_of(p, "a", length), ValueError) << length;
  }
}

TEST(WordPiece, IdsAreAppended) {
  Ids ids = {7};
  letters().encode("a", 2, ids);
  letters().encode("", 5, ids);
  EXPECT_EQ(ids, (Ids{7, 2, 3, 2, 3}));
}

TEST(WordPiece, DroppedCharactersChangeNothing) {
  // With U+FFFD in front, a word of ASCII goes the way of all characters.
  for (int a = 1; a < 128; ++a) {
    for (int b = 1; b < 128; ++b) {
      const std::string text = {char(a), char(b), 'x'};
      const std::string marked = "\ufffd" + text.substr(0, 1) + "\u00ad" + text.substr(1);
      ASSERT_EQ(ids_of(letters(), text), ids_of(letters(), marked)) << a << " " << b;
    }
  }
}

TEST(WordPiece, ThreadsShareOne) {
  const std::string text = "Unwanted caf\u00e9s, \u4e2d\u56fd and a\u302e\u0903";
  const Ids expected = ids_of(letters(), text);
  std::vector<std::thread> threads;
  std::vector<int> differ(4, 0);
  for (int& count : differ) {
    threads.emplace_back([&] {
      for (int i = 0; i < 1000; ++i) count += ids_of(letters(), text) != expected ? 1 : 0;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(differ, std::vector<int>(4, 0));
}

TEST(WordPiece, TokensHaveTheIdsOfTheirLines) {
  const WordPiece p({"a", "[SEP]", "[UNK]", "##[UNK]", "[CLS]", "[PAD]", "\ufffd"});
  EXPECT_EQ(p.size(), 7);
  EXPECT_EQ((Ids{p.sep(), p.unk(), p.cls(), p.pad()}), (Ids{1, 2, 4, 5}));
  for (std::int32_t id = 0; id < 7; ++id) EXPECT_FALSE(p.token(id).empty());
  EXPECT_EQ(p.token(3), "##[UNK]");
  EXPECT_THROW(p.token(-1), ValueError);
  EXPECT_THROW(p.token(7), ValueError);
}

TEST(WordPiece, ALargeVocabularyIsFoundAgain) {
  // Each token is a word of its own: pieces of the trie are looked up through all of its growth.
  Tokens words;
  for (int i = 0; i < 20000; ++i) words.push_back("w" + std::to_string(i * 7919 % 100003));
  const WordPiece p(with_specials(words));
  for (std::size_t i = 0; i < words.size(); ++i) {
    ASSERT_EQ(ids_of(p, words[i]), (Ids{2, std::int32_t(i) + 4, 3})) << words[i];
  }
}

std::string failure(const Tokens& tokens) {
  try {
    const WordPiece pieces(tokens);
  } catch (const DataError& error) {
    return error.what();
  }
  return "no error";
}

TEST(WordPiece, AListThatIsNoVocabularyIsRefused) {
  using testing::HasSubstr;
  EXPECT_THAT(failure({}), HasSubstr("there are no tokens (an empty list)"));
  EXPECT_THAT(failure(with_specials({"a", "b", "a"})),
              HasSubstr("duplicate token ('a': token 7, and 5)"));
  EXPECT_THAT(failure(with_specials({"a", ""})), HasSubstr("a token is empty (token 6)"));
  EXPECT_THAT(failure(with_specials({"\xc3"})), HasSubstr("a token is not UTF-8 (token 5)"));
  for (const char* special : {"[PAD]", "[UNK]", "[CLS]", "[SEP]"}) {
    Tokens tokens = with_specials({"a"});
    std::erase(tokens, special);
    EXPECT_THAT(failure(tokens), HasSubstr("a token is missing (" + std::string(special) + ")"));
  }
}

class WordPieceFile : public testing::Test {
 protected:
  WordPieceFile() {
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directory(folder_);
  }
  ~WordPieceFile() override { std::filesystem::remove_all(folder_); }

  void write(const std::string& bytes) { std::ofstream(file_, std::ios::binary) << bytes; }
  std::string failure(Index expected_size = 0) {
    try {
      WordPiece::read(file_, expected_size);
    } catch (const DataError& error) {
      return error.what();
    }
    return "no error";
  }

  std::filesystem::path folder_ =
      std::filesystem::path(testing::TempDir()) /
      (std::string("wordpiece_") + testing::UnitTest::GetInstance()->current_test_info()->name());
  std::filesystem::path file_ = folder_ / "vocab.txt";
};

TEST_F(WordPieceFile, IsReadWithEitherLineEndAndAMark) {
  for (const char* bytes :
       {"[PAD]\n[UNK]\n[CLS]\n[SEP]\na\n", "[PAD]\n[UNK]\n[CLS]\n[SEP]\na",
        "[PAD]\r\n[UNK]\r\n[CLS]\r\n[SEP]\r\na\r\n", "\xef\xbb\xbf[PAD]\n[UNK]\n[CLS]\n[SEP]\na\n",
        "\xef\xbb\xbf[PAD]\r\n[UNK]\r\n[CLS]\r\n[SEP]\r\na"}) {
    write(bytes);
    const WordPiece p = WordPiece::read(file_, 5);
    EXPECT_EQ(p.size(), 5);
    EXPECT_EQ(ids_of(p, "A b"), (Ids{2, 4, 1, 3}));
  }
}

TEST_F(WordPieceFile, ThatIsDamagedIsRefused) {
  using testing::HasSubstr;
  const std::string name = file_.string();
  EXPECT_THAT(failure(), HasSubstr("vocabulary: cannot open " + name));
  std::filesystem::create_directory(file_);
  EXPECT_THAT(failure(), HasSubstr("vocabulary: cannot open " + name));
  std::filesystem::remove(file_);
  write("");
  EXPECT_THAT(failure(30522), HasSubstr("there are no tokens (" + name + ")"));
  write("[PAD]\n[UNK]\n[CLS]\n[SEP]\nthe\n\nof\n");
  EXPECT_THAT(failure(), HasSubstr("empty (" + name + ", line 6)"));
  write("[PAD]\n[UNK]\n[CLS]\n[SEP]\nthe\n\xe2\x82\n");
  EXPECT_THAT(failure(), HasSubstr("not UTF-8 (" + name + ", line 6)"));
  write("[PAD]\n[UNK]\n[CLS]\n[SEP]\nthe\nof\nthe\n");
  EXPECT_THAT(failure(), HasSubstr("duplicate token ('the': " + name + ", line 7, and 5)"));
  write("[PAD]\n[CLS]\n[SEP]\nthe\n");
  EXPECT_THAT(failure(), HasSubstr("missing ([UNK] in " + name + ")"));
  write("[PAD]\n[UNK]\n[CLS]\n[SEP]\n");
  EXPECT_THAT(failure(30522), HasSubstr("wrong number of lines (" + name + " has 4); need 30522"));
  EXPECT_EQ(failure(4), "no error");
}

}  // namespace
}  // namespace libnorm::test
