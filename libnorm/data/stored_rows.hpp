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

/// What a number that can be read is in its file.
enum class NumberFormat { float16, bfloat16, float32, float64 };

/// Which byte of a number comes first in a file: the lowest (little) or the highest.
enum class ByteOrder { little, big };

/// Which numbers lie side by side in a file: those of the last dimension (C), or of the first.
enum class ArrayOrder { c, fortran };

/// Bytes of one number.
Index bytes_of(NumberFormat format);

/// `float16`, for messages.
std::string_view name_of(NumberFormat format);

/// A piece of a file as an error shows it: in quotes, short, and printable.
std::string shown(std::string_view text);

/// Turns the bytes of each of numbers that are `width` bytes wide.
void swap_bytes(std::span<std::byte> numbers, Index width);

/// a b of two that are not below 0; nothing where that is 2^63 or more.
std::optional<Index> checked_product(Index a, Index b);

/// Most dimensions that a shape may have; NumPy's own bound.
inline constexpr Index kMostDimensions = 64;

/// Bytes that are read at any place, never as a whole: of a file, or of something inside one.
/// Reading changes nothing in them, so threads may share one.
class StoredBytes {
 public:
  /// name: of the file, which errors tell. where: what they begin with. size: bytes, 0 or more.
  StoredBytes(std::string name, std::string where, Index size = 0);
  StoredBytes(const StoredBytes&) = delete;
  StoredBytes& operator=(const StoredBytes&) = delete;
  virtual ~StoredBytes() = default;

  /// Bytes, when they were opened.
  Index size() const { return size_; }
  /// As errors tell it.
  const std::string& name() const { return name_; }
  /// As given.
  const std::string& where() const { return where_; }

  /// Fills `into` with the bytes from `offset` on.
  /// Throws: DataError if it cannot.
  virtual void read(Index offset, std::span<std::byte> into) const = 0;

  /// Throws: DataError `where: file: wrong; need right`.
  [[noreturn]] void fail(const std::string& wrong, const std::string& right) const;

 protected:
  /// For who knows it only once it is open.
  void set_size(Index size) { size_ = size; }

 private:
  std::string name_, where_;
  Index size_;
};

/// A file.
class OpenFile : public StoredBytes {
 public:
  /// Throws: DataError for what is no file that can be read.
  OpenFile(const std::filesystem::path& path, std::string where);
  ~OpenFile() override;

  /// As above. Throws: DataError too if the file has become shorter.
  void read(Index offset, std::span<std::byte> into) const override;

 private:
  int descriptor_ = -1;
};

/// An array of numbers in a file, of any size: it lies in memory only where it is read into.
///
/// Leading dimensions are rows, [..., C] -> [R, C]; [C] is one row, and a number alone [1, 1].
/// Copies share the open file, and const members may be called from several threads.
///
/// In Fortran order a column lies in one piece, of which a row has one number: few rows at a time
/// are many short reads, and of compressed bytes, which are read from their start each time, slow.
class StoredRows {
 public:
  /// Numbers from `offset` on, whose extent the file has been found to hold.
  /// Throws: DataError for a shape whose rows or numbers cannot be counted.
  StoredRows(std::shared_ptr<const StoredBytes> file, Index offset, NumberFormat format,
             std::vector<Index> shape, ByteOrder bytes = ByteOrder::little,
             ArrayOrder order = ArrayOrder::c);

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
  template <class T>
  void read_rows(Index first, const MatrixView<T>& into) const;
  template <class T>
  void read_columns(Index first, const MatrixView<T>& into) const;
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
