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

/// Bytes as pairs of hexadecimal digits.
inline std::string from_hex(const std::string& digits) {
  std::string bytes;
  for (std::size_t i = 0; i + 1 < digits.size(); i += 2) {
    bytes += char(std::stoi(digits.substr(i, 2), nullptr, 16));
  }
  return bytes;
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
