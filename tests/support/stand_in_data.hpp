#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "harness/base/sha256.hpp"
#include "harness/data/datasets.hpp"
#include "libnorm/core/error.hpp"
#include "tests/unit/harness/results/result_samples.hpp"

namespace harness {

inline constexpr libnorm::Index kVocabulary = 9;
inline const std::array<std::string, 4> kWords = {"one", "two", "three", "four"};

/// A row of a stand-in for AG News: texts that differ, of words the vocabulary has.
struct Sample {
  std::int32_t label;
  std::string text;
};

inline std::vector<Sample> samples(int count) {
  std::vector<Sample> rows;
  for (int i = 0; i < count; ++i) {
    Sample row{i % 4, ""};
    for (int rest = i + 1; rest > 0; rest /= 4) row.text += kWords[std::size_t(rest % 4)] + " ";
    row.text.pop_back();
    rows.push_back(row);
  }
  return rows;
}

inline std::string csv(const std::vector<Sample>& rows) {
  std::string content;
  for (const Sample& row : rows) {
    content += "\"" + std::to_string(row.label + 1) + "\",\"\",\"" + row.text + "\"\n";
  }
  return content;
}

/// The list as datasets.hpp describes it, put together without the code that reads it.
inline std::string subset_list(const std::vector<Sample>& rows) {
  std::string keys, whole;
  for (const Sample& row : rows) {
    const std::string digit = std::to_string(row.label + 1);
    const std::string hex = sha256_hex(digit + row.text);
    for (int i = 0; i < 16; i += 2)
      keys += char(std::stoi(hex.substr(std::size_t(i), 2), nullptr, 16));
    whole += digit + char(row.text.size()) + std::string(7, '\0') + row.text;
  }
  return "libnorm subset 1 " + std::to_string(rows.size()) + " " + sha256_hex(keys) + " " +
         sha256_hex(whole) + "\n" + keys;
}

/// A folder of stand-ins, complete.
class Data {
 public:
  Data() {
    std::filesystem::create_directories(folder.path / "ag_news");
    std::filesystem::create_directories(folder.path / "wordpiece");
    scribble(folder.train(), csv(samples(40)));
    scribble(folder.test(), csv(samples(5)));
    scribble(folder.vocabulary(), "[PAD]\n[UNK]\n[CLS]\n[SEP]\none\ntwo\nthree\nfour\n##s\n");
    scribble(list(), subset_list(samples(40)));
  }
  std::filesystem::path list() const { return scratch_.path() / "list.bin"; }
  std::filesystem::path cache() const { return scratch_.path() / "deep" / "cache"; }

  LoadOptions options(Selection selection = Selection::whole) const {
    LoadOptions options;
    options.selection = selection;
    options.trust = Trust::any;
    options.vocabulary_size = kVocabulary;
    options.subset_list = list();
    return options;
  }
  Dataset load(const LoadOptions& options) const {
    return load_dataset(folder, Split::train, options);
  }
  std::string failure(const LoadOptions& options) const {
    return message_of<libnorm::DataError>([&] { load(options); });
  }

 private:
  ScratchFolder scratch_;

 public:
  DataFolder folder{scratch_.path() / "data"};
};

}  // namespace harness
