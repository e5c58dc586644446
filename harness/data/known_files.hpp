#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "libnorm/core/error.hpp"

namespace harness {

/// What a data file is, told by the checksum of all its bytes.
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

/// A data file as it is on disk.
struct FileIdentity {
  std::filesystem::path path;
  KnownFile known = KnownFile::unknown;
  std::uintmax_t bytes = 0;
  /// Line feeds, and one for a last line without. One for each row, where no row has any inside.
  libnorm::Index lines = 0;
  std::string sha256;

  /// What the file is, for results: a name, or for an unknown file its size, lines and sum.
  std::string description() const;
};

/// Reads a file once, in pieces.
/// Throws: DataError when it cannot be read to its end.
FileIdentity identify_file(const std::filesystem::path& path);

/// The checksum of a known file. Throws: ValueError for `unknown`, which has none.
const std::string& sha256_of(KnownFile file);

}  // namespace harness
