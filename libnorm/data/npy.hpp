#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "libnorm/core/tensor.hpp"
#include "libnorm/data/stored_rows.hpp"

namespace libnorm {

/// The most bytes of a .npy header. NumPy's headers of arrays have some 120; a longer one describes
/// records or is not a header.
inline constexpr Index kLongestNpyHeader = Index{1} << 16;

/// A .npy file, as numpy.save writes it: format versions 1.0, 2.0 and 3.0, Python 2's too; in C or
/// Fortran order, of either byte order. Its numbers are float16, float32 or float64, in any of
/// NumPy's words for them ('<f4', 'f4', '=f', '>f4', 'float32'); or bfloat16, which ml_dtypes, and
/// so JAX, writes as '<V2'.
///
/// Opening throws: DataError with file and reason, for another dtype, for a malformed header, and
/// unless the file ends with its last number.
/// Source: numpy.lib.format, "Format Version 1.0" to "3.0".
class NpyFile : public StoredRows {
 public:
  /// Opens it; its rows stay in the file.
  explicit NpyFile(const std::filesystem::path& path);
  /// Reads a .npy file inside another, such as a member of an archive.
  explicit NpyFile(const std::shared_ptr<const StoredBytes>& bytes);
};

/// The integers of a .npy file, such as labels of rows: 8 to 64 bits, or booleans as 0 and 1. Any
/// shape; returned in C order, whatever array order and byte order the file has.
/// Throws: DataError as NpyFile does, and for a number beyond 2^63 - 1.
/// @{
std::vector<std::int64_t> read_npy_integers(const std::filesystem::path& path);
std::vector<std::int64_t> read_npy_integers(const std::shared_ptr<const StoredBytes>& bytes);
/// @}

/// The kinds of numbers in a .npy file.
enum class NpyNumbers {
  /// Numbers that NpyFile reads.
  real,
  /// Numbers that read_npy_integers reads.
  whole,
  /// Numbers of any other dtype.
  other,
};

/// The header of a .npy file.
struct NpySummary {
  /// The kind of its numbers.
  NpyNumbers numbers;
  /// As NumPy spells it.
  std::string dtype;
  /// Extents; empty for a scalar.
  std::vector<Index> shape;
};

/// Reads a header only. Throws: DataError for a malformed one.
NpySummary summarize_npy(const std::shared_ptr<const StoredBytes>& bytes);

/// Writes rows [R, C] as a .npy file of version 1.0, '<f4' or '<f8', replacing an existing file
/// once it is whole (OutputFile). Throws: DataError if it cannot.
template <class T>
void write_npy(const std::filesystem::path& path, const MatrixView<const T>& rows);

}  // namespace libnorm
