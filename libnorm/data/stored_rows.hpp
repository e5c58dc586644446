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
#include "libnorm/data/printable.hpp"

namespace libnorm {

/// The formats of numbers that can be read.
enum class NumberFormat { float16, bfloat16, float32, float64 };

/// Which byte of a number comes first in a file: the lowest (little) or the highest.
enum class ByteOrder { little, big };

/// Which numbers are adjacent in a file: those of the last dimension (C), or of the first.
enum class ArrayOrder { c, fortran };

/// Bytes of one number.
Index bytes_of(NumberFormat format);

/// The numbers of little-endian bytes, T float or double: exact, but for float64 read into float.
/// Throws: ShapeError unless there are bytes for each number.
template <class T>
void decode_numbers(NumberFormat format, std::span<const std::byte> bytes, std::span<T> numbers);

/// `float16`, for messages.
std::string_view name_of(NumberFormat format);

/// A piece of a file as an error shows it: in quotes, short, and printable.
std::string shown(std::string_view text);

/// Reverses the bytes of each number; a number has `width` bytes.
void swap_bytes(std::span<std::byte> numbers, Index width);

/// a b for a, b >= 0; nothing if it is 2^63 or more.
std::optional<Index> checked_product(Index a, Index b);

/// Most dimensions that a shape may have; NumPy's own bound.
inline constexpr Index kMostDimensions = 64;

/// Bytes with random access: a file, or a member inside one. Threads may share an object.
class StoredBytes {
 public:
  /// name: the file's, for errors. where: the beginning of error texts. size: bytes, 0 or more.
  StoredBytes(std::string name, std::string where, Index size = 0);
  StoredBytes(const StoredBytes&) = delete;
  StoredBytes& operator=(const StoredBytes&) = delete;
  virtual ~StoredBytes() = default;

  /// Bytes at the time of opening.
  Index size() const { return size_; }
  /// The file's name in error texts.
  const std::string& name() const { return name_; }
  /// The beginning of error texts.
  const std::string& where() const { return where_; }

  /// Fills `into` with the bytes from `offset` on.
  /// Throws: DataError if it cannot.
  virtual void read(Index offset, std::span<std::byte> into) const = 0;

  /// Throws: DataError `where: file: wrong; need right`.
  [[noreturn]] void fail(const std::string& wrong, const std::string& right) const;

 protected:
  /// For classes that learn the size after opening.
  void set_size(Index size) { size_ = size; }

 private:
  std::string name_, where_;
  Index size_;
};

/// A file on disk.
class OpenFile : public StoredBytes {
 public:
  /// Throws: DataError if it is not a readable file.
  OpenFile(const std::filesystem::path& path, std::string where);
  ~OpenFile() override;

  /// Throws: DataError as StoredBytes::read, and if the file has become shorter.
  void read(Index offset, std::span<std::byte> into) const override;

 private:
  int descriptor_ = -1;
};

/// An array of numbers in a file of any size. Only the rows that are read come into memory.
///
/// Leading dimensions are rows, [..., C] -> [R, C]; [C] is one row, and a scalar is [1, 1].
/// Copies share the open file, and const members may be called from several threads.
///
/// In Fortran order a column is contiguous and a row has one number in each. Reading a few rows at
/// a time then takes many short reads, and is slow for compressed bytes, which are read from their
/// start each time.
class StoredRows {
 public:
  /// Numbers from `offset` on; the caller has checked that the file holds them.
  /// Throws: DataError for a shape with 2^63 numbers or more.
  StoredRows(std::shared_ptr<const StoredBytes> file, Index offset, NumberFormat format,
             std::vector<Index> shape, ByteOrder bytes = ByteOrder::little,
             ArrayOrder order = ArrayOrder::c);

  /// Format in the file; read() widens or rounds.
  NumberFormat format() const { return format_; }
  /// Shape in the file.
  const std::vector<Index>& shape() const { return shape_; }
  /// R
  Index rows() const { return rows_; }
  /// C
  Index cols() const { return cols_; }

  /// Reads rows `first` .. `first + into.rows - 1`, T float or double. Exact, but for float64 read
  /// into float, which rounds to nearest, and to infinity beyond float's range.
  ///
  /// into: [rows wanted, C].
  /// Throws: ShapeError for rows out of range or another width; DataError if the file can no
  /// longer be read.
  template <class T>
  void read(Index first, const MatrixView<T>& into) const;

 private:
  template <class T>
  void read_in_c_order(Index first, const MatrixView<T>& into) const;
  template <class T>
  void read_in_fortran_order(Index first, const MatrixView<T>& into) const;
  void read_numbers(Index first, std::span<std::byte> into) const;
  Index row_of_line(Index line) const;

  std::shared_ptr<const StoredBytes> file_;
  Index offset_;
  NumberFormat format_;
  ByteOrder bytes_;
  ArrayOrder order_;
  std::vector<Index> shape_;
  Index rows_ = 1, cols_ = 1;
};

}  // namespace libnorm
