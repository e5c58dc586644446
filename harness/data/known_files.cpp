#include "harness/data/known_files.hpp"

#include <algorithm>
#include <array>
#include <span>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "harness/base/sha256.hpp"
#include "libnorm/data/printable.hpp"
#include "libnorm/data/stored_rows.hpp"

namespace harness {
namespace {

/// Bytes of the largest file of data that is read; AG News's have 30 million.
constexpr libnorm::Index kLargest = libnorm::Index{1} << 32;

struct Known {
  KnownFile file;
  const char* name;
  std::string sha256;
};

const std::array<Known, 4>& known_files() {
  static const std::array<Known, 4> files{{
      {KnownFile::ag_news_train, "AG News's train split (120000 rows)",
       "76a0a2d2f92b286371fe4d4044640910a04a803fdd2538e0f3f29a5c6f6b672e"},
      {KnownFile::ag_news_subset, "the subset of AG News's train split (47598 rows)",
       "3131e52dcbfafca54742b2c493d0a970d0af541be0e336acbf49596e990c613b"},
      {KnownFile::ag_news_test, "AG News's test split (7600 rows)",
       "521465c2428ed7f02f8d6db6ffdd4b5447c1c701962353eb2c40d548c3c85699"},
      {KnownFile::bert_vocabulary, "the vocabulary of bert-base-uncased (30522 tokens)",
       "07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3"},
  }};
  return files;
}

}  // namespace

std::string FileIdentity::description() const {
  for (const Known& one : known_files()) {
    if (one.file == known) return one.name;
  }
  return fmt::format("an unknown file {} ({} bytes, {} lines, sha256 {})",
                     libnorm::printable(path.filename().string()), bytes, lines, sha256);
}

FileIdentity identify_file(const std::filesystem::path& path) {
  const libnorm::OpenFile file(path, "data");
  if (file.size() > kLargest) {
    file.fail("is too large (" + std::to_string(file.size()) + " bytes)",
              "at most " + std::to_string(kLargest));
  }
  FileIdentity identity;
  identity.path = path;
  Sha256 hash;
  std::vector<char> buffer(std::size_t{1} << 18);
  char last = '\n';
  for (libnorm::Index at = 0; at < file.size();) {
    const auto size = std::min(file.size() - at, libnorm::Index(buffer.size()));
    const auto piece = std::span(buffer).first(std::size_t(size));
    file.read(at, std::as_writable_bytes(piece));
    hash.update(std::string_view(piece.data(), piece.size()));
    identity.lines += std::count(piece.begin(), piece.end(), '\n');
    last = piece.back();
    at += size;
  }
  identity.bytes = std::uint64_t(file.size());
  if (last != '\n') ++identity.lines;
  identity.sha256 = hash.hex();
  for (const Known& one : known_files()) {
    if (one.sha256 == identity.sha256) identity.known = one.file;
  }
  return identity;
}

const std::string& sha256_of(KnownFile file) {
  for (const Known& one : known_files()) {
    if (one.file == file) return one.sha256;
  }
  throw libnorm::ValueError("data: file is not in the list of known files; need one of them");
}

}  // namespace harness
