#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "libnorm/core/error.hpp"

namespace libnorm {

/// The tokenizer of uncased BERT, whose vocabulary has one token a line; a token's id is the number
/// of its line, from 0.
///
/// A text is read as UTF-8; other bytes are dropped. Then
///   1. U+0000, U+FFFD and characters of the categories Cc and Cf are dropped, but for tab, line
///      feed and carriage return; an ideograph of Chinese stands as a word of its own;
///   2. words are separated by white space: those three and the categories Z*;
///   3. words are lower-cased and decomposed (NFD), and the category Mn (accents) is dropped;
///   4. every punctuation character is a word of its own: the categories P*, and all of ASCII that
///      is neither letter nor digit;
///   5. a word is cut, from its start, into the longest tokens of the vocabulary; those after the
///      first are written with ## before them. A word of more than 100 characters, or with a rest
///      that begins with no token, is [UNK].
/// Special tokens are not recognised in the text: "[SEP]" there is three words.
///
/// The reference's lower case looks at one character's neighbours: a capital sigma that ends a word
/// becomes a final one. Here each character is mapped alone, as in Hugging Face's fast tokenizers.
/// Categories and mappings are those of the Unicode version of utf8proc; they do not change for
/// characters that were assigned before.
///
/// Source: Devlin et al. 2019, `tokenization.py` of google-research/bert with `do_lower_case`; the
/// limit of 100 is that of Hugging Face's BertTokenizer, Google's is 200.
///
/// Immutable: threads can share one.
class WordPiece {
 public:
  /// Throws: DataError for no tokens; for one that is empty, not UTF-8 or duplicate; and if [PAD],
  /// [UNK], [CLS] or [SEP] is missing.
  explicit WordPiece(std::vector<std::string> tokens);

  /// Reads a vocabulary; lines end in LF or CRLF, and a byte order mark may come first.
  /// expected_size: the number of tokens it must have; 0 for any number.
  /// Throws: DataError, naming file and line, for a file that cannot be read, and as above.
  static WordPiece read(const std::filesystem::path& file, Index expected_size = 0);

  /// Appends the ids of [CLS], the text and [SEP], without padding: at most max_length ids. A
  /// longer text is cut before [SEP]. Throws: ValueError if max_length < 2.
  void encode(std::string_view text, Index max_length, std::vector<std::int32_t>& out) const;

  /// V, the number of tokens.
  Index size() const { return Index(tokens_.size()); }
  /// Throws: ValueError unless 0 <= id < size().
  const std::string& token(std::int32_t id) const;

  /// Ids of [PAD], [UNK], [CLS] and [SEP].
  /// @{
  std::int32_t pad() const { return pad_; }
  std::int32_t unk() const { return unk_; }
  std::int32_t cls() const { return cls_; }
  std::int32_t sep() const { return sep_; }
  /// @}

 private:
  /// A step from a node of the trie to the next: an entry of a hash table, whose free entries have
  /// child 0.
  struct Edge {
    std::uint32_t node = 0;
    std::uint32_t byte : 8 = 0;
    std::uint32_t child : 24 = 0;
  };
  class Word;
  class Words;

  WordPiece(std::vector<std::string> tokens, const std::string& file);
  void check(const std::string& file) const;
  std::int32_t find_special(const char* token, const std::string& file) const;

  std::size_t place(std::uint32_t node, unsigned char byte) const;
  void insert(std::uint32_t root, std::string_view bytes, std::int32_t id);
  void grow();
  void add_word(const Word& word, std::vector<std::int32_t>& out) const;

  std::vector<std::string> tokens_;
  std::int32_t pad_ = 0, unk_ = 0, cls_ = 0, sep_ = 0;
  std::vector<Edge> edges_;
  /// For each node of the trie the token that ends there, or -1.
  std::vector<std::int32_t> id_of_node_;
};

}  // namespace libnorm
