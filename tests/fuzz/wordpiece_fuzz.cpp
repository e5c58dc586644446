#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "libnorm/data/wordpiece.hpp"

namespace {

using libnorm::Index;
using libnorm::WordPiece;
using Ids = std::vector<std::int32_t>;

/// Letters twice, as starts and as rests, but for some: so that words are cut, and some unknown.
WordPiece small_vocabulary() {
  std::vector<std::string> tokens = {
      "[PAD]",  "[UNK]",    "[CLS]",  "[SEP]",  "un",       "##want", "##wanted", "want",
      "##ed",   "##ing",    "#",      "'",      "-",        ".",      "\u3002",   "\u4e2d",
      "\u00f8", "##\u00f8", "\u03c3", "\u1100", "##\u1161", "\u0903", "##\u0903", "##\u302e"};
  for (char c = 'a'; c < 'x'; ++c) {
    tokens.push_back({c});
    tokens.push_back("##" + std::string{c});
  }
  return WordPiece(tokens);
}

void require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "wordpiece_fuzz: does not hold: %s\n", what);
  std::abort();
}

/// Memory is kept from one input to the next: to get it anew takes longer than the rest.
const Ids& encode(const WordPiece& pieces, std::string_view text, Index max_length, Ids& ids) {
  ids.clear();
  pieces.encode(text, max_length, ids);
  return ids;
}

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

/// Adds characters that are dropped, so that a word of ASCII goes the way of all characters: after
/// white space, and U+034F, which keeps marks from changing places, before letters, which do so
/// too. No character is taken apart, as none has ASCII within.
void mark(std::string_view text, std::string& marked) {
  marked = "\ufffd";
  for (const char c : text) {
    if (c >= '0' && c <= 'z') marked += "\u034f";
    marked += c;
    if (is_space(c)) marked += "\u00ad\u0301";
  }
}

}  // namespace

/// The first byte says how long the encoding may be; the rest is the text.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const WordPiece pieces = small_vocabulary();
  static Ids whole, again, expected;
  static std::string other;
  if (size == 0) return 0;
  constexpr Index kUncut = std::numeric_limits<Index>::max();
  const Index max_length = 2 + data[0] % 64;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);

  encode(pieces, text, kUncut, whole);
  require(whole.size() >= 2 && whole.front() == pieces.cls() && whole.back() == pieces.sep(),
          "[CLS] stands first and [SEP] last");
  for (const std::int32_t id : whole) {
    require(id >= 0 && id < pieces.size(), "every id is one of the vocabulary");
  }
  require(encode(pieces, text, kUncut, again) == whole, "a text has one encoding");

  mark(text, other);
  require(encode(pieces, other, kUncut, again) == whole, "dropped characters change nothing");

  expected = whole;
  if (Index(expected.size()) > max_length) {
    expected.resize(std::size_t(max_length));
    expected.back() = pieces.sep();
  }
  require(encode(pieces, text, max_length, again) == expected,
          "what is cut is the end before [SEP]");

  // White space keeps words apart, so texts can be encoded one by one.
  expected.assign(whole.begin(), whole.end() - 1);
  expected.insert(expected.end(), whole.begin() + 1, whole.end());
  other.assign(text).append(" ").append(text);
  require(encode(pieces, other, kUncut, again) == expected, "two texts apart have two encodings");
  return 0;
}
