#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "libnorm/core/tensor.hpp"
#include "libnorm/data/stored_rows.hpp"

namespace libnorm {

/// Bytes that a .npy header may have. NumPy's have some 120, PyTorch users' too: what is longer
/// describes records, or is no header.
inline constexpr Index kLongestNpyHeader = Index{1} << 16;

/// A .npy file, as numpy.save writes it: format versions 1.0, 2.0 and 3.0, Python 2's too; in C or
/// Fortran order, of either byte order. Its numbers are float16, float32 or float64, in any of
/// NumPy's words for them ('<f4', 'f4', '=f', '>f4', 'float32'); or bfloat16, which ml_dtypes, and
/// so JAX, writes as '<V2'.
///
/// Throws, when it is opened: DataError with file and reason, for another dtype, for a header that
/// is none, and unless the file ends with its last number.
/// Source: numpy.lib.format, "Format Version 1.0" to "3.0".
class NpyFile : public StoredRows {
 public:
  /// Opens it; its rows stay in the file.
  explicit NpyFile(const std::filesystem::path& path);
  /// Of bytes that are such a file, as in an archive.
  explicit NpyFile(const std::shared_ptr<const StoredBytes>& bytes);
};

/// The integers of a .npy file, such as the labels of rows: of 8 to 64 bits, or truth values, which
/// are 0 and 1. Of any shape, in its C order, whatever order and byte order the file has.
/// Throws: DataError as NpyFile does, and for a number beyond 2^63 - 1.
/// @{
std::vector<std::int64_t> read_npy_integers(const std::filesystem::path& path);
std::vector<std::int64_t> read_npy_integers(const std::shared_ptr<const StoredBytes>& bytes);
/// @}

/// What the numbers of a .npy file are.
enum class NpyNumbers {
  /// What NpyFile reads.
  real,
  /// What read_npy_integers reads.
  whole,
  /// Numbers of any other dtype.
  other,
};

/// What a .npy file says of itself.
struct NpySummary {
  /// The kind of its numbers.
  NpyNumbers numbers;
  /// NumPy's word.
  std::string dtype;
  /// Extents; empty for a scalar.
  std::vector<Index> shape;
};

/// Reads a header, and no numbers. Throws: DataError for one that is none.
NpySummary summarize_npy(const std::shared_ptr<const StoredBytes>& bytes);

/// Writes rows [R, C] as a .npy file of version 1.0, '<f4' or '<f8'; what was there before is lost.
/// Throws: DataError if it cannot.
template <class T>
void write_npy(const std::filesystem::path& path, const MatrixView<const T>& rows);

}  // namespace libnorm
