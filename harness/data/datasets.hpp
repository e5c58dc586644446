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

/// Who named a folder of data. One that nobody named may have nothing in it.
enum class Origin { option, environment, checkout };

/// Returns: the folder, or nothing if nobody named it and it has none of the files.
/// Throws: DataError with what is missing, if it was named or has some of the files.
std::optional<DataFolder> open_data(const std::filesystem::path& folder, Origin origin);

/// Where the data lie: in `option` (what --data says) unless it is empty, else in the folder that
/// the environment's LIBNORM_DATA names, else in `data` of the checkout. Returns: nothing where
/// there are none; experiments then use generated texts. Throws: DataError as open_data().
std::optional<DataFolder> find_data(const std::string& option);

/// The vocabulary of the folder that find_data() looks in, which need hold no other file.
/// Throws: DataError, naming the folder, if it has none.
std::filesystem::path find_vocabulary(const std::string& option);

enum class Split { train, test };

/// Which rows of a file, and in what order.
enum class Selection {
  /// All, as they stand: with the published train split, the paper's.
  whole,
  /// Those of the committed list, in its order, wherever they stand in the file.
  subset,
};

/// Whether a file of unknown content will do.
enum class Trust { any, known };

/// The committed list of a subset's rows, which has no text in it. The file is one line,
/// `libnorm subset 1 <number of rows> <sha256 of what follows the line> <rows_sha256>`, and then
/// row_key() of each row as 8 bytes, most significant first. scripts/make_subset.py writes it.
struct SubsetList {
  std::vector<std::uint64_t> keys;
  /// What rows_sha256 of the whole subset must be.
  std::string rows_sha256;

  /// Throws: DataError for a file that is missing or damaged.
  static SubsetList read(const std::filesystem::path& path);
};

/// What names a row: the first 8 bytes of the sha256 of its class as a digit 1 .. 4 and its text.
std::uint64_t row_key(std::int32_t label, std::string_view text);

/// Where the list of AG News's subset lies.
std::filesystem::path default_subset_list();

struct LoadOptions {
  Selection selection = Selection::whole;
  /// Only so many, the first ones of the selection; 0 for all.
  libnorm::Index rows = 0;
  /// Tokens of a row at most, [CLS] and [SEP] included.
  libnorm::Index max_length = 128;
  Trust trust = Trust::known;
  /// Of the vocabulary's file; 0 for any number.
  libnorm::Index vocabulary_size = kBertVocabulary;
  /// The result does not depend on it.
  int threads = 2;
  /// Folder where tokenized rows are kept; empty for none.
  std::filesystem::path cache;
  std::filesystem::path subset_list = default_subset_list();
};

/// Rows ready to train on, and what they are.
struct Dataset {
  libnorm::Corpus corpus;
  FileIdentity text, vocabulary;
  /// Of the selected (label, text) pairs in order: a digit 1 .. 4, the text's length as 8 bytes,
  /// least significant first, and the text. The same whichever file they came from.
  std::string rows_sha256;
  /// corpus_sha256() of the tokenized rows.
  std::string corpus_sha256;
  /// What the rows are, in words, for results.
  std::string description;
};

/// Reads, selects and tokenizes a split; or takes that from the cache, if it has it and it is
/// whole. Throws: DataError for a file that cannot be read, is malformed, is not known where that
/// is asked for, or lacks rows of the selection (how many), and for a vocabulary of another size;
/// ValueError for a subset of the test split, a negative number of rows, max_length below 2,
/// threads below 1.
Dataset load_dataset(const DataFolder& folder, Split split, const LoadOptions& options);

}  // namespace harness
