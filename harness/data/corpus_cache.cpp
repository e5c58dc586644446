#include "harness/data/corpus_cache.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <span>
#include <vector>

#include "harness/base/files.hpp"
#include "harness/base/sha256.hpp"
#include "libnorm/core/error.hpp"

namespace harness {
namespace {

namespace fs = std::filesystem;
using libnorm::Corpus;
using libnorm::Index;

// Numbers are stored and hashed as they lie in memory.
static_assert(std::endian::native == std::endian::little);

constexpr std::string_view kMagic = "libnorm corpus 1\n";
constexpr std::size_t kHashLength = 64;
/// The most bytes of a corpus that is cached; each run makes a larger one again.
constexpr std::uintmax_t kMostBytes = std::uintmax_t{1} << 33;

template <class T>
std::string_view text_of(const std::vector<T>& values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T)};
}

/// Reads a stored file part by part. Each read may find that too little is left.
class Parts {
 public:
  explicit Parts(std::string_view rest) : rest_(rest) {}

  std::string_view take(std::size_t size) {
    const std::string_view part = rest_.substr(0, size);
    whole_ = whole_ && part.size() == size;
    rest_.remove_prefix(part.size());
    return part;
  }

  /// A count, then so many values.
  template <class T>
  void take_array(std::vector<T>& values) {
    std::uint64_t count = 0;
    const std::string_view head = take(sizeof count);
    if (whole_) std::memcpy(&count, head.data(), sizeof count);
    whole_ = whole_ && count <= rest_.size() / sizeof(T);
    if (!whole_) return;
    values.resize(count);
    std::memcpy(values.data(), take(count * sizeof(T)).data(), count * sizeof(T));
  }

  bool all_taken() const { return whole_ && rest_.empty(); }

 private:
  std::string_view rest_;
  bool whole_ = true;
};

bool is_sound(const Corpus& corpus) {
  return corpus.first.size() == corpus.labels.size() + 1 && corpus.first.front() == 0 &&
         std::is_sorted(corpus.first.begin(), corpus.first.end()) &&
         corpus.first.back() == Index(corpus.ids.size());
}

template <class T>
void put_array(std::string& content, const std::vector<T>& values) {
  const std::uint64_t count = values.size();
  content.append(reinterpret_cast<const char*>(&count), sizeof count);
  content += text_of(values);
}

}  // namespace

std::string corpus_sha256(const Corpus& corpus) {
  return Sha256()
      .update(text_of(corpus.labels))
      .update(text_of(corpus.first))
      .update(text_of(corpus.ids))
      .hex();
}

fs::path cached_file(const fs::path& folder, std::string_view key) {
  return folder / ("corpus-" + sha256_hex(key).substr(0, 16) + ".bin");
}

std::optional<TokenizedRows> read_cached(const fs::path& folder, std::string_view key) {
  std::string content;
  try {
    content = read_file(cached_file(folder, key), kMostBytes);
  } catch (const libnorm::DataError&) {
    return std::nullopt;
  }
  if (content.size() < kHashLength) return std::nullopt;
  const std::string_view sealed(content.data(), content.size() - kHashLength);
  if (sha256_hex(sealed) != std::string_view(content).substr(sealed.size())) return std::nullopt;

  Parts parts(sealed);
  if (parts.take(kMagic.size()) != kMagic) return std::nullopt;
  if (parts.take(kHashLength) != sha256_hex(key)) return std::nullopt;
  TokenizedRows rows;
  rows.rows_sha256 = parts.take(kHashLength);
  parts.take_array(rows.corpus.labels);
  parts.take_array(rows.corpus.first);
  parts.take_array(rows.corpus.ids);
  if (!parts.all_taken() || !is_sound(rows.corpus)) return std::nullopt;
  return rows;
}

void write_cached(const fs::path& folder, std::string_view key, const TokenizedRows& rows) {
  std::string content(kMagic);
  content += sha256_hex(key);
  content += rows.rows_sha256;
  put_array(content, rows.corpus.labels);
  put_array(content, rows.corpus.first);
  put_array(content, rows.corpus.ids);
  content += sha256_hex(content);
  if (content.size() > kMostBytes) return;
  std::error_code ignored;
  fs::create_directories(folder, ignored);
  try {
    write_atomically(cached_file(folder, key), content);
  } catch (const libnorm::DataError&) {
    // The next run computes it again.
  }
}

}  // namespace harness
