#pragma once

#include <string>

/// .npy files byte by byte, sharing no code with what reads and writes them.
namespace libnorm::test {

/// A file of version 1.0, or with the longer lengths of 2.0 and 3.0.
inline std::string npy(const std::string& header, const std::string& data, int version = 1) {
  std::string file = "\x93NUMPY";
  file += {char(version), '\0'};
  for (int i = 0; i < (version == 1 ? 2 : 4); ++i) file += char(header.size() >> (8 * i) & 255);
  return file + header + data;
}

/// In C order.
inline std::string header(const std::string& dtype, const std::string& shape) {
  return "{'descr': '" + dtype + "', 'fortran_order': False, 'shape': " + shape + ", }  \n";
}

/// In Fortran order.
inline std::string turned(const std::string& dtype, const std::string& shape) {
  return "{'descr': '" + dtype + "', 'fortran_order': True, 'shape': " + shape + ", }";
}

}  // namespace libnorm::test
