#include "libnorm/data/wordpiece.hpp"

#include <algorithm>
#include <array>
#include <span>
#include <sstream>
#include <unordered_map>
#include <utility>

#include <utf8proc.h>

#include "libnorm/data/stored_rows.hpp"

namespace libnorm {
namespace {

/// Characters of the longest word that is looked up.
constexpr std::size_t kLongestWord = 100;
/// Where walks for the start and for the rest of a word begin. Neither is anyone's child, so a
/// child 0 is none.
constexpr std::uint32_t kStart = 0, kRest = 1;
/// As many bytes of tokens: the trie has at most a node for each, and an edge 24 bits for it.
constexpr std::size_t kMostBytes = 16000000;
constexpr char32_t kDropped = 0xFFFD;

enum class Kind : unsigned char { letter, space, punctuation, dropped, beyond_ascii };

struct Ascii {
  Kind kind;
  char lower;
};

constexpr Ascii ascii(int c) {
  if (c >= 0x80) return {Kind::beyond_ascii, 0};
  if (c == ' ' || c == '\t' || c == '\n' || c == '\r') return {Kind::space, 0};
  if (c < ' ' || c == 0x7F) return {Kind::dropped, 0};
  if (c >= 'A' && c <= 'Z') return {Kind::letter, char(c - 'A' + 'a')};
  if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')) return {Kind::letter, char(c)};
  return {Kind::punctuation, char(c)};
}

constexpr std::array<Ascii, 256> kAscii = [] {
  std::array<Ascii, 256> table{};
  for (int c = 0; c < 256; ++c) table[std::size_t(c)] = ascii(c);
  return table;
}();

/// The character at `at`, which is moved behind it. Bytes that are none give U+FFFD, which is
/// dropped like them: the longest start of a character, or one byte, as Unicode has it
/// (section 3.9), so that the character after them is read.
char32_t read_character(std::string_view text, std::size_t& at) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned first = byte(at++);
  if (first < 0x80) return first;
  if (first < 0xC2 || first > 0xF4) return kDropped;
  const int more = first < 0xE0 ? 1 : first < 0xF0 ? 2 : 3;
  // The second byte's limits leave out what has a shorter form, surrogates, and all above U+10FFFF.
  unsigned low = first == 0xE0 ? 0xA0 : first == 0xF0 ? 0x90 : 0x80;
  unsigned high = first == 0xED ? 0x9F : first == 0xF4 ? 0x8F : 0xBF;
  char32_t c = first & (0x3Fu >> more);
  for (int i = 0; i < more; ++i) {
    if (at == text.size() || byte(at) < low || byte(at) > high) return kDropped;
    c = c << 6 | (byte(at++) & 0x3Fu);
    low = 0x80;
    high = 0xBF;
  }
  return c;
}

bool is_utf8(std::string_view text) {
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t from = at;
    if (read_character(text, at) == kDropped && text.substr(from, at - from) != "\xEF\xBF\xBD") {
      return false;
    }
  }
  return true;
}

utf8proc_category_t category(char32_t c) { return utf8proc_category(utf8proc_int32_t(c)); }

bool is_dropped(char32_t c) {
  if (c == kDropped) return true;
  if (c == '\t' || c == '\n' || c == '\r') return false;
  const utf8proc_category_t k = category(c);
  return k == UTF8PROC_CATEGORY_CC || k == UTF8PROC_CATEGORY_CF;
}

bool is_space(char32_t c) {
  if (c < 0x80) return kAscii[c].kind == Kind::space;
  const utf8proc_category_t k = category(c);
  return k == UTF8PROC_CATEGORY_ZS || k == UTF8PROC_CATEGORY_ZL || k == UTF8PROC_CATEGORY_ZP;
}

bool is_punctuation(char32_t c) {
  if (c < 0x80) return kAscii[c].kind == Kind::punctuation;
  const utf8proc_category_t k = category(c);
  return k >= UTF8PROC_CATEGORY_PC && k <= UTF8PROC_CATEGORY_PO;
}

/// In a block of the CJK ideographs that the reference names. Kana and Hangul are written with
/// spaces or not at all, and are words like others.
bool is_ideograph(char32_t c) {
  constexpr char32_t kBlocks[][2] = {{0x3400, 0x4DBF},   {0x4E00, 0x9FFF},   {0xF900, 0xFAFF},
                                     {0x20000, 0x2A6DF}, {0x2A700, 0x2B73F}, {0x2B740, 0x2B81F},
                                     {0x2B820, 0x2CEAF}, {0x2F800, 0x2FA1F}};
  return std::any_of(std::begin(kBlocks), std::end(kBlocks),
                     [c](const auto& block) { return block[0] <= c && c <= block[1]; });
}

std::string place_of(const std::string& file, std::size_t line) {
  return (file.empty() ? "token " : file + ", line ") + std::to_string(line + 1);
}

}  // namespace

/// A word on its way, in UTF-8. One that is too long keeps what fits, and its length.
class WordPiece::Word {
 public:
  bool too_long() const { return characters_ > kLongestWord; }
  std::string_view text() const { return {bytes_.data(), size_}; }
  void clear() { size_ = characters_ = 0; }

  void add_ascii(char c) {
    if (++characters_ <= kLongestWord) bytes_[size_++] = c;
  }
  void add(char32_t c) {
    if (++characters_ > kLongestWord) return;
    size_ += std::size_t(
        utf8proc_encode_char(utf8proc_int32_t(c), reinterpret_cast<std::uint8_t*>(&bytes_[size_])));
  }

 private:
  std::array<char, 4 * kLongestWord> bytes_;
  std::size_t size_ = 0, characters_ = 0;
};

/// The steps from characters to words and on to ids.
class WordPiece::Words {
 public:
  Words(const WordPiece& pieces, std::vector<std::int32_t>& out) : pieces_(pieces), out_(out) {}

  /// A letter or digit of ASCII, in lower case.
  void add_letter(char c) {
    place_marks();
    word_.add_ascii(c);
  }
  void add_punctuation(char c) {
    end();
    word_.add_ascii(c);
    end_word();
  }
  void add(char32_t c) {
    if (is_dropped(c)) return;
    const bool alone = is_ideograph(c), space = is_space(c);
    if (alone || space) end();
    if (!space) decompose(c);
    if (alone) end();
  }

  /// White space, or the end of the text.
  void end() {
    place_marks();
    end_word();
  }

 private:
  void decompose(char32_t c) {
    // The longest canonical decomposition has four characters.
    std::array<utf8proc_int32_t, 8> parts;
    int boundary = 0;
    const auto count =
        utf8proc_decompose_char(utf8proc_tolower(utf8proc_int32_t(c)), parts.data(),
                                utf8proc_ssize_t(parts.size()), UTF8PROC_DECOMPOSE, &boundary);
    for (std::size_t i = 0; i < std::size_t(count); ++i) {
      const auto* property = utf8proc_get_property(parts[i]);
      const int order = property->combining_class;
      if (order == 0) place_marks();
      if (property->category == UTF8PROC_CATEGORY_MN) continue;
      if (order == 0) {
        place(char32_t(parts[i]));
      } else {
        marks_.push_back({order, char32_t(parts[i])});
      }
    }
  }

  /// Marks that are kept, which is few, stand in the order of their classes, whatever order they
  /// were written in.
  void place_marks() {
    if (marks_.empty()) return;
    std::stable_sort(marks_.begin(), marks_.end(),
                     [](const Mark& a, const Mark& b) { return a.order < b.order; });
    for (const Mark& mark : marks_) place(mark.character);
    marks_.clear();
  }

  void place(char32_t c) {
    const bool alone = is_punctuation(c);
    if (alone) end_word();
    word_.add(c);
    if (alone) end_word();
  }

  void end_word() {
    pieces_.add_word(word_, out_);
    word_.clear();
  }

  struct Mark {
    int order;
    char32_t character;
  };

  const WordPiece& pieces_;
  std::vector<std::int32_t>& out_;
  Word word_;
  std::vector<Mark> marks_;
};

WordPiece::WordPiece(std::vector<std::string> tokens) : WordPiece(std::move(tokens), "") {}

WordPiece::WordPiece(std::vector<std::string> tokens, const std::string& file)
    : tokens_(std::move(tokens)), edges_(1024), id_of_node_{-1, -1} {
  check(file);
  pad_ = find_special("[PAD]", file);
  unk_ = find_special("[UNK]", file);
  cls_ = find_special("[CLS]", file);
  sep_ = find_special("[SEP]", file);
  for (std::size_t i = 0; i < tokens_.size(); ++i) {
    const std::string_view token = tokens_[i];
    const bool rest = token.size() > 2 && token.substr(0, 2) == "##";
    // No word starts with ##: its first # is a word of its own.
    insert(rest ? kRest : kStart, rest ? token.substr(2) : token, std::int32_t(i));
  }
}

WordPiece WordPiece::read(const std::filesystem::path& file, Index expected_size) {
  const OpenFile stored(file, "vocabulary");
  const std::string& name = stored.name();
  // Tokens of one byte, each with the line end of Windows, are the most of a file for their bytes.
  constexpr Index kMost = 3 * Index(kMostBytes);
  if (stored.size() > kMost) {
    stored.fail("is too large (" + std::to_string(stored.size()) + " bytes)",
                "at most " + std::to_string(kMost));
  }
  std::string bytes(std::size_t(stored.size()), '\0');
  stored.read(0, std::as_writable_bytes(std::span(bytes)));
  std::vector<std::string> tokens;
  std::istringstream lines(std::move(bytes));
  constexpr std::string_view kMark = "\xEF\xBB\xBF";
  for (std::string line; std::getline(lines, line);) {
    if (!line.empty() && line.back() == '\r') line.pop_back();
    // A byte order mark is no part of the first token.
    if (tokens.empty() && line.starts_with(kMark)) line.erase(0, kMark.size());
    tokens.push_back(line);
  }
  if (expected_size > 0 && !tokens.empty() && Index(tokens.size()) != expected_size) {
    throw DataError("vocabulary: wrong number of lines (" + name + " has " +
                    std::to_string(tokens.size()) + "); need " + std::to_string(expected_size));
  }
  return WordPiece(std::move(tokens), name);
}

void WordPiece::check(const std::string& file) const {
  if (tokens_.empty()) {
    throw DataError("vocabulary: there are no tokens (" + (file.empty() ? "an empty list" : file) +
                    "); need one a line");
  }
  std::unordered_map<std::string_view, std::size_t> line_of_token;
  std::size_t bytes = 0;
  for (std::size_t i = 0; i < tokens_.size(); ++i) {
    const std::string& token = tokens_[i];
    if (token.empty() || !is_utf8(token)) {
      throw DataError("vocabulary: a token is " +
                      std::string(token.empty() ? "empty" : "not UTF-8") + " (" +
                      place_of(file, i) + "); need one a line, in UTF-8");
    }
    const auto [earlier, is_new] = line_of_token.emplace(token, i);
    if (!is_new) {
      throw DataError("vocabulary: duplicate token (" + shown(token) + ": " + place_of(file, i) +
                      ", and " + std::to_string(earlier->second + 1) + "); need each once");
    }
    bytes += token.size();
  }
  if (bytes > kMostBytes) {
    throw DataError("vocabulary: too many tokens (" + std::to_string(bytes) + " bytes" +
                    (file.empty() ? "" : " in " + file) + "); need at most " +
                    std::to_string(kMostBytes));
  }
}

std::int32_t WordPiece::find_special(const char* token, const std::string& file) const {
  const auto found = std::find(tokens_.begin(), tokens_.end(), token);
  if (found == tokens_.end()) {
    throw DataError("vocabulary: a token is missing (" + std::string(token) +
                    (file.empty() ? "" : " in " + file) + "); need [PAD], [UNK], [CLS] and [SEP]");
  }
  return std::int32_t(found - tokens_.begin());
}

const std::string& WordPiece::token(std::int32_t id) const {
  if (id < 0 || id >= size()) {
    throw ValueError("token: no such id (" + std::to_string(id) + "); need 0 .. " +
                     std::to_string(size() - 1));
  }
  return tokens_[std::size_t(id)];
}

std::size_t WordPiece::place(std::uint32_t node, unsigned char byte) const {
  const std::size_t mask = edges_.size() - 1;
  std::size_t i = ((std::uint64_t(node) << 8 | byte) * 0x9E3779B97F4A7C15u) >> 32 & mask;
  while (edges_[i].child != 0 && (edges_[i].node != node || edges_[i].byte != byte)) {
    i = (i + 1) & mask;
  }
  return i;
}

void WordPiece::insert(std::uint32_t root, std::string_view bytes, std::int32_t id) {
  std::uint32_t node = root;
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    if (edges_[place(node, byte)].child == 0) {
      // At least half of the places stay free, so that searches are short.
      if (2 * id_of_node_.size() >= edges_.size()) grow();
      edges_[place(node, byte)] = {node, byte, std::uint32_t(id_of_node_.size())};
      id_of_node_.push_back(-1);
    }
    node = edges_[place(node, byte)].child;
  }
  id_of_node_[node] = id;
}

void WordPiece::grow() {
  const std::vector<Edge> before = std::exchange(edges_, std::vector<Edge>(2 * edges_.size()));
  for (const Edge& edge : before) {
    if (edge.child != 0) edges_[place(edge.node, static_cast<unsigned char>(edge.byte))] = edge;
  }
}

void WordPiece::add_word(const Word& word, std::vector<std::int32_t>& out) const {
  const std::size_t first = out.size();
  const std::string_view text = word.text();
  for (std::size_t at = 0; at < text.size();) {
    std::uint32_t node = at == 0 ? kStart : kRest;
    std::int32_t longest = -1;
    std::size_t end = at;
    for (std::size_t i = at; i < text.size(); ++i) {
      node = edges_[place(node, static_cast<unsigned char>(text[i]))].child;
      if (node == 0) break;
      if (id_of_node_[node] >= 0) {
        longest = id_of_node_[node];
        end = i + 1;
      }
    }
    if (longest < 0 || word.too_long()) {
      out.resize(first);
      out.push_back(unk_);
      return;
    }
    out.push_back(longest);
    at = end;
  }
}

void WordPiece::encode(std::string_view text, Index max_length,
                       std::vector<std::int32_t>& out) const {
  if (max_length < 2) {
    throw ValueError("encode: too short (" + std::to_string(max_length) +
                     "); need at least 2, for [CLS] and [SEP]");
  }
  const std::size_t first = out.size(), most = std::size_t(max_length) - 1;
  out.push_back(cls_);
  Words words(*this, out);
  for (std::size_t at = 0; at < text.size() && out.size() - first < most;) {
    const Ascii c = kAscii[static_cast<unsigned char>(text[at])];
    switch (c.kind) {
      case Kind::letter: words.add_letter(c.lower); break;
      case Kind::space: words.end(); break;
      case Kind::punctuation: words.add_punctuation(c.lower); break;
      case Kind::dropped: break;
      case Kind::beyond_ascii: words.add(read_character(text, at)); continue;
    }
    ++at;
  }
  words.end();
  // A word's pieces are cut off where they are too many.
  out.resize(first + std::min(out.size() - first, most));
  out.push_back(sep_);
}

}  // namespace libnorm
