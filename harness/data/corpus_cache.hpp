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
  /// Of the (label, text) pairs in order.
  std::string rows_sha256;
};

/// Of a corpus's labels, lengths and ids, as little-endian integers.
std::string corpus_sha256(const libnorm::Corpus& corpus);

/// Where the cache keeps what `key` stands for: a name made of the key alone.
std::filesystem::path cached_file(const std::filesystem::path& folder, std::string_view key);

/// What was stored under a key, or nothing: if nothing was, or if what is there is damaged, of
/// another key or cannot be read. A cache only saves time, so that is no error.
std::optional<TokenizedRows> read_cached(const std::filesystem::path& folder, std::string_view key);

/// Stores, sealed by a checksum and in one step; makes the folder if need be. A disk that is full
/// or cannot be written to is no error either.
void write_cached(const std::filesystem::path& folder, std::string_view key,
                  const TokenizedRows& rows);

}  // namespace harness
