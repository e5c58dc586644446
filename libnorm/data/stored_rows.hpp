#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "libnorm/core/tensor.hpp"

namespace libnorm {

/// How a number that can be read lies in a file, its lowest byte first.
enum class NumberFormat { float16, bfloat16, float32, float64 };

/// Bytes of one number.
Index bytes_of(NumberFormat format);

/// `float16`, for messages.
std::string_view name_of(NumberFormat format);

/// A piece of a file as an error shows it: in quotes, short, and on one line.
std::string shown(std::string_view text);

/// a b of two that are not below 0; nothing where that is 2^63 or more.
std::optional<Index> checked_product(Index a, Index b);

/// Most dimensions that a shape may have; NumPy's own bound.
inline constexpr Index kMostDimensions = 64;

/// A file that is read at any place, never as a whole. Reading changes nothing in it, so threads
/// may share one.
class OpenFile {
 public:
  /// where: what errors begin with.
  /// Throws: DataError for what is no file that can be read.
  OpenFile(const std::filesystem::path& path, std::string where);
  OpenFile(const OpenFile&) = delete;
  OpenFile& operator=(const OpenFile&) = delete;
  ~OpenFile();

  /// Bytes, when it was opened.
  Index size() const { return size_; }
  /// Its path.
  const std::string& name() const { return name_; }
  /// As given.
  const std::string& where() const { return where_; }

  /// Fills `into` with the bytes from `offset` on.
  /// Throws: DataError if it cannot, or the file has become shorter.
  void read(Index offset, std::span<std::byte> into) const;

  /// Throws: DataError `where: file: wrong; need right`.
  [[noreturn]] void fail(const std::string& wrong, const std::string& right) const;

 private:
  std::string name_, where_;
  int descriptor_ = -1;
  Index size_ = 0;
};

/// An array of numbers in a file, of any size: it lies in memory only where it is read into.
///
/// Leading dimensions are rows, [..., C] -> [R, C]; [C] is one row, and a number alone [1, 1].
/// Copies share the open file, and const members may be called from several threads.
class StoredRows {
 public:
  /// Numbers from `offset` on, whose extent the file has been found to hold.
  /// Throws: DataError for a shape whose rows or numbers cannot be counted.
  StoredRows(std::shared_ptr<const OpenFile> file, Index offset, NumberFormat format,
             std::vector<Index> shape);

  /// As the file has its numbers; read widens or rounds them.
  NumberFormat format() const { return format_; }
  /// As the file has it.
  const std::vector<Index>& shape() const { return shape_; }
  /// R
  Index rows() const { return rows_; }
  /// C
  Index cols() const { return cols_; }

  /// Reads rows `first` .. `first + into.rows - 1`, T float or double. Exact, but for float64 read
  /// into float, which rounds to nearest, and to infinity beyond float's range.
  ///
  /// into: [rows wanted, C].
  /// Throws: ShapeError for rows that are not there, or another width; DataError if the file
  /// cannot be read any more.
  template <class T>
  void read(Index first, const MatrixView<T>& into) const;

 private:
  std::shared_ptr<const OpenFile> file_;
  Index offset_;
  NumberFormat format_;
  std::vector<Index> shape_;
  Index rows_ = 1, cols_ = 1;
};

}  // namespace libnorm
