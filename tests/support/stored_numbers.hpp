#pragma once

#include <string>
#include <vector>

#include "libnorm/data/stored_rows.hpp"

/// What tests of files with numbers share.
namespace libnorm::test {

/// As they lie in a file.
template <class T>
std::string bytes_of_numbers(const std::vector<T>& numbers) {
  return {reinterpret_cast<const char*>(numbers.data()), numbers.size() * sizeof(T)};
}

template <class T>
std::vector<T> read_all(const StoredRows& rows) {
  std::vector<T> numbers(std::size_t(rows.rows() * rows.cols()));
  rows.read(0, MatrixView<T>(numbers.data(), rows.rows(), rows.cols()));
  return numbers;
}

inline std::string repeated(const std::string& text, int count) {
  std::string result;
  for (int i = 0; i < count; ++i) result += text;
  return result;
}

/// A file that is refused, by the name of its test, and a part of what is said of it.
struct Broken {
  const char* name;
  std::string content;
  const char* reason;
};

}  // namespace libnorm::test
