#pragma once

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <string>
#include <vector>

#include "libnorm/models/parameters.hpp"

namespace libnorm::test {

/// All that a command prints.
inline std::string output_of(const std::string& command) {
  std::FILE* pipe = popen(command.c_str(), "r");
  if (pipe == nullptr) return "no pipe";
  std::string text;
  for (int c = std::fgetc(pipe); c != EOF; c = std::fgetc(pipe)) text += char(c);
  const int status = pclose(pipe);
  return status == 0 ? text : "ended with " + std::to_string(status) + "\n" + text;
}

/// Adds the lines that read_safetensors.py prints of a list's numbers.
template <class T>
void print_tensors(const std::string& prefix, const ParameterList& list,
                   const std::vector<T>& values, std::vector<std::string>& lines) {
  constexpr const char* kDigits = "0123456789abcdef";
  for (const Parameter& p : list.all()) {
    std::string line = prefix + p.name + " ";
    if (p.rows > 1) line += std::to_string(p.rows) + ",";
    line += std::to_string(p.cols) + " ";
    const auto* bytes = reinterpret_cast<const unsigned char*>(values.data() + p.offset);
    for (std::size_t i = 0; i < sizeof(T) * std::size_t(p.rows * p.cols); ++i) {
      line += {kDigits[bytes[i] >> 4], kDigits[bytes[i] & 15]};
    }
    lines.push_back(line + "\n");
  }
}

/// In the order of their names.
inline std::string joined(std::vector<std::string> lines) {
  std::sort(lines.begin(), lines.end());
  std::string text;
  for (const std::string& line : lines) text += line;
  return text;
}

/// What read_safetensors.py prints of a file.
inline std::string read_by_python(const std::filesystem::path& path) {
  return output_of("python3 '" LIBNORM_READ_SAFETENSORS "' '" + path.string() + "' 2>&1");
}

}  // namespace libnorm::test
