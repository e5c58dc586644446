#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "libnorm/data/corpus.hpp"

namespace harness {

/// A tokenized corpus, and the identity of the texts it came from.
struct TokenizedRows {
  libnorm::Corpus corpus;
  /// Hash of the (label, text) pairs in order.
  std::string rows_sha256;
};

/// Hash of a corpus's labels, lengths and ids, as little-endian integers.
std::string corpus_sha256(const libnorm::Corpus& corpus);

/// The cache's file for `key`; its name depends on the key alone.
std::filesystem::path cached_file(const std::filesystem::path& folder, std::string_view key);

/// The rows stored under a key, or nothing if there are none or they are damaged, of another key or
/// unreadable. That is no error, since a cache only saves time.
std::optional<TokenizedRows> read_cached(const std::filesystem::path& folder, std::string_view key);

/// Stores rows with a checksum, atomically; makes the folder if needed. A full or read-only disk is
/// no error either.
void write_cached(const std::filesystem::path& folder, std::string_view key,
                  const TokenizedRows& rows);

}  // namespace harness
