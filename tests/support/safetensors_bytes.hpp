#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "libnorm/data/safetensors.hpp"
#include "tests/support/stored_numbers.hpp"
#include "tests/unit/harness/results/result_samples.hpp"

namespace libnorm::test {

inline std::string with_length(std::uint64_t length, const std::string& rest) {
  std::string file;
  for (int i = 0; i < 8; ++i) file += char(length >> (8 * i) & 255);
  return file + rest;
}

/// A safetensors file of a header and what is behind it.
inline std::string file_of(const std::string& header, const std::string& data = "") {
  return with_length(header.size(), header + data);
}

/// What a header says of a tensor.
inline std::string entry(const std::string& name, const std::string& dtype,
                         const std::string& shape, Index begin, Index end) {
  return "\"" + name + "\":{\"dtype\":\"" + dtype + "\",\"shape\":" + shape +
         ",\"data_offsets\":[" + std::to_string(begin) + "," + std::to_string(end) + "]}";
}

/// A file for each test.
class Safetensors : public testing::Test {
 protected:
  std::filesystem::path path() const { return folder_.path() / "some.safetensors"; }
  SafetensorsFile open(const std::string& content) const {
    harness::scribble(path(), content);
    return SafetensorsFile(path());
  }
  std::string content() const {
    std::ifstream file(path(), std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }

 private:
  harness::ScratchFolder folder_;
};

}  // namespace libnorm::test
