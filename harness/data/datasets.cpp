#include "harness/data/datasets.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <charconv>
#include <cstdlib>
#include <exception>
#include <mutex>
#include <sstream>
#include <unordered_map>

#include <fmt/format.h>

#include "harness/base/files.hpp"
#include "harness/base/sha256.hpp"
#include "harness/base/threads.hpp"
#include "harness/data/corpus_cache.hpp"
#include "harness/results/environment.hpp"
#include "libnorm/data/ag_news.hpp"
#include "libnorm/data/wordpiece.hpp"

namespace harness {
namespace {

namespace fs = std::filesystem;
using libnorm::Corpus;
using libnorm::DataError;
using libnorm::Index;
using libnorm::ValueError;
using libnorm::WordPiece;

/// Raised when the content of a cached corpus changes and its key does not.
constexpr int kCacheVersion = 1;
constexpr const char* kFetch = "`scripts/fetch_data --help` tells how to get it";

struct TextRow {
  std::int32_t label = -1;
  std::size_t begin = 0, size = 0;
};

/// Selected rows in order. Their texts are in one piece of memory, in any order.
struct Texts {
  std::string bytes;
  std::vector<TextRow> rows;

  std::string_view text(const TextRow& row) const {
    return std::string_view(bytes).substr(row.begin, row.size);
  }
  void put(TextRow& row, std::int32_t label, std::string_view text) {
    row = {label, bytes.size(), text.size()};
    bytes += text;
  }
};

void check(Split split, const LoadOptions& options) {
  if (split == Split::test && options.selection == Selection::subset) {
    throw ValueError("data: the test split has no subset (subset); need all of it");
  }
  if (options.rows < 0 || options.max_length < 2 || options.threads < 1) {
    throw ValueError(fmt::format(
        "data: impossible numbers (rows {}, length {}, threads {}); need 0, 2 and 1 or more",
        options.rows, options.max_length, options.threads));
  }
}

void require_known(const FileIdentity& file, const std::vector<KnownFile>& expected) {
  if (std::count(expected.begin(), expected.end(), file.known) > 0) return;
  std::string wanted;
  for (const KnownFile one : expected) {
    const FileIdentity like{{}, one, 0, 0, {}};
    wanted += fmt::format("{}{} with sha256 {}", wanted.empty() ? "" : " or ", like.description(),
                          sha256_of(one));
  }
  throw DataError(
      fmt::format("data: {} is not the file it should be ({} bytes, {} lines, sha256 {})"
                  "; need {}; {}",
                  file.path.string(), file.bytes, file.lines, file.sha256, wanted, kFetch));
}

void require_known(const FileIdentity& text, const FileIdentity& vocabulary, Split split) {
  if (split == Split::train) {
    require_known(text, {KnownFile::ag_news_train, KnownFile::ag_news_subset});
  } else {
    require_known(text, {KnownFile::ag_news_test});
  }
  require_known(vocabulary, {KnownFile::bert_vocabulary});
}

Texts read_whole(const fs::path& file, Index most) {
  Texts texts;
  const Index count = libnorm::read_ag_news(file, [&](std::int32_t label, std::string_view text) {
    if (most == 0 || Index(texts.rows.size()) < most) {
      texts.put(texts.rows.emplace_back(), label, text);
    }
  });
  if (count < most) {
    throw DataError(fmt::format("data: too few rows in {} ({}); need {}; {}", file.string(), count,
                                most, kFetch));
  }
  return texts;
}

Texts read_subset(const fs::path& file, const std::vector<std::uint64_t>& keys) {
  Texts texts;
  texts.rows.resize(keys.size());
  std::unordered_map<std::uint64_t, std::size_t> place;
  place.reserve(keys.size());
  for (std::size_t i = 0; i < keys.size(); ++i) place.emplace(keys[i], i);
  std::size_t found = 0;
  libnorm::read_ag_news(file, [&](std::int32_t label, std::string_view text) {
    const auto at = place.find(row_key(label, text));
    // A row that occurs twice is the same in both places.
    if (at == place.end() || texts.rows[at->second].label >= 0) return;
    texts.put(texts.rows[at->second], label, text);
    ++found;
  });
  if (found < keys.size()) {
    throw DataError(
        fmt::format("data: {} lacks {} of the subset's {} rows; need a file that has "
                    "them all, as the published train split; {}",
                    file.string(), keys.size() - found, keys.size(), kFetch));
  }
  return texts;
}

/// Reads the list, cut to the rows that were asked for.
SubsetList read_list(const LoadOptions& options) {
  SubsetList list = SubsetList::read(options.subset_list);
  const std::size_t rows = std::size_t(options.rows);
  if (rows > list.keys.size()) {
    throw ValueError(fmt::format("data: too many rows of the subset ({}); need at most {}", rows,
                                 list.keys.size()));
  }
  if (rows > 0) list.keys.resize(rows);
  return list;
}

std::string hash_rows(const Texts& texts) {
  Sha256 hash;
  std::string row;
  for (const TextRow& one : texts.rows) {
    row.assign(1, char('1' + one.label));
    for (int byte = 0; byte < 8; ++byte) row += char(std::uint64_t{one.size} >> (8 * byte) & 0xFF);
    row += texts.text(one);
    hash.update(row);
  }
  return hash.hex();
}

/// Works on chunks of fixed rows, so that the result does not depend on the threads.
Corpus tokenize(const Texts& texts, const WordPiece& tokenizer, const LoadOptions& options) {
  constexpr std::size_t kChunk = 1024;
  const std::size_t count = texts.rows.size();
  std::vector<Corpus> chunks((count + kChunk - 1) / kChunk);
  std::atomic<std::size_t> next{0};
  std::exception_ptr failure;
  std::mutex mutex;
  const auto work = [&] {
    try {
      for (std::size_t c = next++; c < chunks.size(); c = next++) {
        for (std::size_t i = c * kChunk; i < std::min(count, (c + 1) * kChunk); ++i) {
          tokenizer.encode(texts.text(texts.rows[i]), options.max_length, chunks[c].ids);
          chunks[c].first.push_back(Index(chunks[c].ids.size()));
        }
      }
    } catch (...) {
      const std::lock_guard lock(mutex);
      failure = std::current_exception();
    }
  };
  {
    const auto others = start_threads(options.threads - 1, work);
    work();
  }
  if (failure) std::rethrow_exception(failure);

  Corpus corpus;
  for (const TextRow& row : texts.rows) corpus.labels.push_back(row.label);
  for (const Corpus& chunk : chunks) {
    const Index before = Index(corpus.ids.size());
    corpus.ids.insert(corpus.ids.end(), chunk.ids.begin(), chunk.ids.end());
    for (std::size_t i = 1; i < chunk.first.size(); ++i) {
      corpus.first.push_back(before + chunk.first[i]);
    }
  }
  return corpus;
}

/// Everything that decides a tokenized corpus. The ids of a probe text stand for the tokenizer, so
/// that a change of its rules makes the cache invalid.
std::string cache_key(const Dataset& data, const LoadOptions& options, std::string_view list,
                      const WordPiece& tokenizer) {
  std::vector<std::int32_t> probe;
  tokenizer.encode(
      "It's the U.S. (AP) -- #39;Caf\xc3\xa9\xc3\x9f&lt;b&gt;\\$5.00\xe2\x80\x94"
      "na\xc3\xafvet\xc3\xa9 \xe4\xb8\xad\xe6\x96\x87 unaffable_xqzjvkk\t\\end",
      512, probe);
  return fmt::format(
      "version={} numerics={} text={} vocabulary={} list={} rows={} length={} probe={}",
      kCacheVersion, kNumerics, data.text.sha256, data.vocabulary.sha256, list, options.rows,
      options.max_length, fmt::join(probe, ","));
}

std::string describe(const Dataset& data, const LoadOptions& options) {
  std::string rows = data.text.description();
  if (options.selection == Selection::subset) {
    rows = "the subset of AG News's train split";
    if (options.rows == 0) rows += fmt::format(" ({} rows)", data.corpus.size());
  }
  if (options.rows > 0) rows = fmt::format("the first {} rows of {}", options.rows, rows);
  return rows + ", tokenized with " + data.vocabulary.description();
}

struct NamedFolder {
  fs::path path;
  Origin origin;
};

/// The folder where data are looked for: see find_data().
NamedFolder named_folder(const std::string& option) {
  if (!option.empty()) return {option, Origin::option};
  const char* named = std::getenv("LIBNORM_DATA");
  if (named != nullptr && *named != '\0') return {named, Origin::environment};
  const bool in_checkout = fs::exists("golden/manifest.json");
  return {in_checkout ? "data" : LIBNORM_DATA_DIR, Origin::checkout};
}

/// For a sentence that begins `the folder X`.
const char* who_named(Origin origin) {
  switch (origin) {
    case Origin::option: return ", which --data names,";
    case Origin::environment: return ", which LIBNORM_DATA names,";
    case Origin::checkout: return "";
  }
  return "";
}

}  // namespace

std::optional<DataFolder> open_data(const fs::path& folder, Origin origin) {
  const DataFolder data{folder};
  const std::array<fs::path, 3> files = {data.train(), data.test(), data.vocabulary()};
  std::vector<std::string> missing;
  for (const fs::path& file : files) {
    std::error_code ignored;
    if (!fs::is_regular_file(file, ignored)) {
      missing.push_back(file.lexically_relative(folder).string());
    }
  }
  if (missing.empty()) return data;
  if (origin == Origin::checkout && missing.size() == files.size()) return std::nullopt;
  throw DataError(fmt::format(
      "data: files are missing (the folder {}{} has no {}); need ag_news/train.csv, "
      "ag_news/test.csv and wordpiece/vocab.txt there; `scripts/fetch_data --output {}` gets them",
      folder.string(), who_named(origin), fmt::join(missing, ", no "), folder.string()));
}

std::optional<DataFolder> find_data(const std::string& option) {
  const NamedFolder folder = named_folder(option);
  return open_data(folder.path, folder.origin);
}

fs::path find_vocabulary(const std::string& option) {
  const NamedFolder folder = named_folder(option);
  const fs::path file = DataFolder{folder.path}.vocabulary();
  std::error_code ignored;
  if (fs::is_regular_file(file, ignored)) return file;
  throw DataError(fmt::format(
      "vocabulary: not found (the folder {}{} has no wordpiece/vocab.txt); need --vocab FILE, "
      "or a folder of data; `scripts/fetch_data --output {}` makes one",
      folder.path.string(), who_named(folder.origin), folder.path.string()));
}

std::uint64_t row_key(std::int32_t label, std::string_view text) {
  const char digit = char('1' + label);
  const std::string hex = Sha256().update(std::string_view(&digit, 1)).update(text).hex();
  std::uint64_t key = 0;
  std::from_chars(hex.data(), hex.data() + 16, key, 16);
  return key;
}

fs::path default_subset_list() {
  const fs::path here = "harness/data/ag_news_subset.bin";
  return fs::exists(here) ? here : fs::path(LIBNORM_SUBSET_LIST);
}

SubsetList SubsetList::read(const fs::path& path) {
  const std::string content = read_file(path);
  const std::size_t line = std::min(content.find('\n'), content.size());
  const std::string_view keys =
      std::string_view(content).substr(std::min(line + 1, content.size()));
  std::istringstream head(content.substr(0, line));
  std::string project, kind, version, sha256;
  std::size_t count = 0;
  SubsetList list;
  head >> project >> kind >> version >> count >> sha256 >> list.rows_sha256;
  if (!head || project != "libnorm" || kind != "subset" || version != "1" || count == 0 ||
      keys.size() % 8 != 0 || count != keys.size() / 8 || sha256 != sha256_hex(keys) ||
      !is_sha256_hex(list.rows_sha256)) {
    throw DataError(
        fmt::format("data: the list of a subset's rows is damaged ({}, {} bytes); need "
                    "it as it was committed",
                    path.string(), content.size()));
  }
  list.keys.resize(count);
  for (std::size_t i = 0; i < keys.size(); ++i) {
    list.keys[i / 8] = list.keys[i / 8] << 8 | static_cast<unsigned char>(keys[i]);
  }
  return list;
}

Dataset load_dataset(const DataFolder& folder, Split split, const LoadOptions& options) {
  check(split, options);
  Dataset data;
  data.text = identify_file(split == Split::train ? folder.train() : folder.test());
  data.vocabulary = identify_file(folder.vocabulary());
  if (options.trust == Trust::known) require_known(data.text, data.vocabulary, split);
  const WordPiece tokenizer = WordPiece::read(folder.vocabulary(), options.vocabulary_size);

  std::optional<SubsetList> list;
  if (options.selection == Selection::subset) list = read_list(options);

  const std::string key = cache_key(data, options, list ? list->rows_sha256 : "", tokenizer);
  std::optional<TokenizedRows> rows;
  if (!options.cache.empty()) rows = read_cached(options.cache, key);
  if (!rows) {
    const Texts texts =
        list ? read_subset(data.text.path, list->keys) : read_whole(data.text.path, options.rows);
    rows = TokenizedRows{tokenize(texts, tokenizer, options), hash_rows(texts)};
    if (!options.cache.empty()) write_cached(options.cache, key, *rows);
  }
  if (list && options.rows == 0 && rows->rows_sha256 != list->rows_sha256) {
    throw DataError(
        fmt::format("data: the subset of {} is not the one it should be (sha256 {}); "
                    "need {}",
                    data.text.path.string(), rows->rows_sha256, list->rows_sha256));
  }
  data.corpus = std::move(rows->corpus);
  data.rows_sha256 = std::move(rows->rows_sha256);
  data.corpus_sha256 = corpus_sha256(data.corpus);
  data.description = describe(data, options);
  return data;
}

}  // namespace harness
