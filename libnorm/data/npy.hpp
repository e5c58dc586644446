#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

#include "libnorm/core/tensor.hpp"
#include "libnorm/data/stored_rows.hpp"

namespace libnorm {

/// Bytes that a .npy header may have. NumPy's have some 120, PyTorch users' too: what is longer
/// describes records, or is no header.
inline constexpr Index kLongestNpyHeader = Index{1} << 16;

/// A .npy file, as numpy.save writes it: format versions 1.0, 2.0 and 3.0; '<f2', '<f4' or '<f8';
/// in C order.
///
/// Throws, when it is opened: DataError with file and reason, for another dtype or order, for a
/// header that is none, and unless the file ends with its last number.
/// Source: numpy.lib.format, "Format Version 1.0" to "3.0".
class NpyFile : public StoredRows {
 public:
  /// Opens it; its rows stay in the file.
  explicit NpyFile(const std::filesystem::path& path);
};

/// The integers of a .npy file, such as the labels of rows: '|i1', '|u1', '<i2', '<u2', '<i4',
/// '<u4', '<i8' or '<u8'; of any shape, in C order.
/// Throws: DataError as NpyFile does, and for a number beyond 2^63 - 1.
std::vector<std::int64_t> read_npy_integers(const std::filesystem::path& path);

/// Writes rows [R, C] as a .npy file of version 1.0, '<f4' or '<f8'; what was there before is lost.
/// Throws: DataError if it cannot.
template <class T>
void write_npy(const std::filesystem::path& path, const MatrixView<const T>& rows);

}  // namespace libnorm
