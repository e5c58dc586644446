#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "libnorm/core/error.hpp"

namespace harness {

/// The identity of a data file, by the checksum of its bytes.
enum class KnownFile {
  unknown,
  /// AG News's train split as published: 120000 rows.
  ag_news_train,
  /// The part of it that golden's smaller runs use: 47598 rows, in their order.
  ag_news_subset,
  /// AG News's test split as published: 7600 rows.
  ag_news_test,
  /// WordPiece vocabulary of bert-base-uncased and distilbert-base-uncased: 30522 lines.
  bert_vocabulary,
};

/// Lines of KnownFile::bert_vocabulary.
inline constexpr libnorm::Index kBertVocabulary = 30522;

/// Size and checksum of a data file.
struct FileIdentity {
  std::filesystem::path path;
  KnownFile known = KnownFile::unknown;
  std::uintmax_t bytes = 0;
  /// Line feeds, plus one for a last line without. Equals the rows if no row contains a line feed.
  libnorm::Index lines = 0;
  std::string sha256;

  /// Description for results: a name, or for an unknown file its size, lines and checksum.
  std::string description() const;
};

/// Reads a file once, in pieces.
/// Throws: DataError when it cannot be read to its end.
FileIdentity identify_file(const std::filesystem::path& path);

/// The checksum of a known file. Throws: ValueError for `unknown`, which has none.
const std::string& sha256_of(KnownFile file);

}  // namespace harness
