#pragma once

#include <filesystem>
#include <string>

#include "tests/cli/process.hpp"

namespace cli {

/// A folder of data as fetch_data makes it, with texts that are not AG News.
inline void write_data(const std::filesystem::path& folder) {
  std::filesystem::create_directories(folder / "ag_news");
  std::filesystem::create_directories(folder / "wordpiece");
  write(folder / "wordpiece/vocab.txt", "[PAD]\n[UNK]\n[CLS]\n[SEP]\nred\nblue\n##s\n");
  std::string rows;
  for (int i = 0; i < 40; ++i) {
    rows += "\"" + std::to_string(1 + i % 4) + "\",\"red\",\"" + (i % 2 ? "blue reds" : "reds") +
            "\"\n";
  }
  write(folder / "ag_news/train.csv", rows);
  write(folder / "ag_news/test.csv", rows);
}

}  // namespace cli
