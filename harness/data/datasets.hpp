#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "harness/data/known_files.hpp"
#include "libnorm/core/error.hpp"
#include "libnorm/data/corpus.hpp"

namespace harness {

/// A folder with all of `ag_news/train.csv`, `ag_news/test.csv` and `wordpiece/vocab.txt`.
struct DataFolder {
  std::filesystem::path path;
  std::filesystem::path train() const { return path / "ag_news" / "train.csv"; }
  std::filesystem::path test() const { return path / "ag_news" / "test.csv"; }
  std::filesystem::path vocabulary() const { return path / "wordpiece" / "vocab.txt"; }
};

/// Where the path of a data folder comes from. The checkout's own folder may be empty.
enum class Origin { option, environment, checkout };

/// Returns: the folder, or nothing if it is the checkout's and has none of the files.
/// Throws: DataError with the missing files, if it was named or has some of the files.
std::optional<DataFolder> open_data(const std::filesystem::path& folder, Origin origin);

/// The data folder: `option` (--data) unless it is empty, else the folder in the environment
/// variable LIBNORM_DATA, else `data` of the checkout. Returns: nothing if there are no data;
/// experiments then use generated texts. Throws: DataError as open_data().
std::optional<DataFolder> find_data(const std::string& option);

/// The vocabulary in the folder that find_data() would use; other files may be missing.
/// Throws: DataError, naming the folder, if it has none.
std::filesystem::path find_vocabulary(const std::string& option);

enum class Split { train, test };

/// Which rows of a file to use, and in what order.
enum class Selection {
  /// All, in the file's order: the paper's, for the published train split.
  whole,
  /// Those of the committed list, in its order.
  subset,
};

/// Whether files of unknown content are accepted.
enum class Trust { any, known };

/// The committed list of a subset's rows, without their texts. The file is one line,
/// `libnorm subset 1 <number of rows> <sha256 of what follows the line> <rows_sha256>`, and then
/// row_key() of each row as 8 bytes, most significant first. scripts/make_subset.py writes it.
struct SubsetList {
  std::vector<std::uint64_t> keys;
  /// The expected rows_sha256 of the whole subset.
  std::string rows_sha256;

  /// Throws: DataError for a file that is missing or damaged.
  static SubsetList read(const std::filesystem::path& path);
};

/// A row's key: the first 8 bytes of the sha256 of its class as a digit 1 .. 4 and its text.
std::uint64_t row_key(std::int32_t label, std::string_view text);

/// The path of the list of AG News's subset.
std::filesystem::path default_subset_list();

struct LoadOptions {
  Selection selection = Selection::whole;
  /// The first so many rows of the selection; 0 for all.
  libnorm::Index rows = 0;
  /// The most tokens of a row, [CLS] and [SEP] included.
  libnorm::Index max_length = 128;
  Trust trust = Trust::known;
  /// Expected tokens of the vocabulary; 0 for any number.
  libnorm::Index vocabulary_size = kBertVocabulary;
  /// Threads for tokenizing; the result does not depend on it.
  int threads = 2;
  /// Folder where tokenized rows are kept; empty for none.
  std::filesystem::path cache;
  std::filesystem::path subset_list = default_subset_list();
};

/// Tokenized rows, and their identity.
struct Dataset {
  libnorm::Corpus corpus;
  FileIdentity text, vocabulary;
  /// Hash of the selected (label, text) pairs in order: a digit 1 .. 4, the text's length as 8
  /// bytes, least significant first, and the text. Does not depend on the file they came from.
  std::string rows_sha256;
  /// corpus_sha256() of the tokenized rows.
  std::string corpus_sha256;
  /// Description of the rows, for results.
  std::string description;
};

/// Reads, selects and tokenizes a split, or takes the result from the cache. Throws: DataError for
/// a file that cannot be read, is malformed, is unknown although known files are required, or lacks
/// rows of the selection (with their number), and for a vocabulary of another size;
/// ValueError for a subset of the test split, a negative number of rows, max_length below 2,
/// threads below 1.
Dataset load_dataset(const DataFolder& folder, Split split, const LoadOptions& options);

}  // namespace harness
