#include "harness/known_data.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <span>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "harness/sha256.hpp"

namespace harness {
namespace {

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

[[noreturn]] void fail_to_read(const std::filesystem::path& path, const std::string& reason) {
  throw libnorm::DataError("data: cannot read " + path.string() + " (" + reason +
                           "); need a file that is there and can be read");
}

}  // namespace

std::string FileIdentity::description() const {
  for (const Known& one : known_files()) {
    if (one.file == known) return one.name;
  }
  return fmt::format("an unknown file {} ({} bytes, {} lines, sha256 {})", path.filename().string(),
                     bytes, lines, sha256);
}

FileIdentity identify_file(const std::filesystem::path& path) {
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  if (!file) fail_to_read(path, std::strerror(errno));
  FileIdentity identity;
  identity.path = path;
  Sha256 hash;
  std::vector<char> buffer(std::size_t{1} << 18);
  char last = '\n';
  while (file) {
    file.read(buffer.data(), std::streamsize(buffer.size()));
    if (file.bad()) fail_to_read(path, "the system failed on the way");
    const std::string_view bytes(buffer.data(), std::size_t(file.gcount()));
    if (bytes.empty()) break;
    hash.update(bytes);
    identity.bytes += bytes.size();
    identity.lines += std::count(bytes.begin(), bytes.end(), '\n');
    last = bytes.back();
  }
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
  throw libnorm::ValueError("data: an unknown file has no checksum to expect; need a known one");
}

}  // namespace harness
