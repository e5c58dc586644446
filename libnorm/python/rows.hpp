#pragma once

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>

#include <algorithm>
#include <optional>
#include <string>
#include <type_traits>
#include <vector>

#include "libnorm/core/tensor.hpp"
#include "libnorm/data/stored_rows.hpp"

namespace libnorm::python {

namespace nb = nanobind;

/// An array of Python's, by DLPack or the buffer protocol, where it lies: on the processor, of any
/// type of numbers, strided.
/// Throws: nb::type_error in one sentence for what is no array or lies elsewhere.
nb::ndarray<nb::ro> array_of(const char* where, nb::handle x);

/// `float32 [3, 4]`, for messages.
std::string text_of(const nb::ndarray<nb::ro>& array);

/// Rows [R, C] of an array [..., C] of floats, where they lie; [C] is one row.
class Rows {
 public:
  /// Throws: nb::type_error as array_of and for other numbers, ShapeError for a scalar.
  Rows(const char* where, nb::handle x);

  /// R and C.
  /// @{
  Index rows() const { return rows_; }
  Index cols() const { return cols_; }
  /// @}
  NumberFormat format() const { return format_; }

  /// Calls f with the rows as a MatrixView of const float or of const double, without a copy.
  /// Throws: nb::type_error for halves and rows that no view can show.
  template <class F>
  auto view(F f) const {
    require_view();
    if (format_ == NumberFormat::float64) return f(view_as<double>());
    return f(view_as<float>());
  }

  /// Calls f(rows, first) with all rows, as view() where it can, else kBlock at a time, copied and
  /// halves widened.
  template <class F>
  void in_blocks(F f) const {
    if (is_viewable()) {
      view([&](const auto& all) { f(all, Index{0}); });
    } else if (format_ == NumberFormat::float64) {
      copy_blocks<double>(f);
    } else {
      copy_blocks<float>(f);
    }
  }

  /// Rows of a copied block: a multiple of the stretches that the metrics cut rows into, so that
  /// bits do not depend on it.
  static constexpr Index kBlock = 1024;

 private:
  bool is_viewable() const;
  void require_view() const;
  template <class T>
  MatrixView<const T> view_as() const {
    return {static_cast<const T*>(data_), rows_, cols_, row_stride_};
  }
  template <class T>
  void copy(Index first, Index count, T* to) const;
  template <class T, class F>
  void copy_blocks(F f) const {
    std::vector<T> memory(std::size_t(std::min(kBlock, rows_) * cols_));
    for (Index first = 0; first < rows_; first += kBlock) {
      const Index count = std::min(kBlock, rows_ - first);
      copy(first, count, memory.data());
      f(MatrixView<const T>(memory.data(), count, cols_), first);
    }
  }

  const char* where_;
  nb::ndarray<nb::ro> array_;
  NumberFormat format_ = NumberFormat::float32;
  const void* data_ = nullptr;
  Index rows_ = 1, cols_ = 1;
  /// Between rows, where they are evenly apart, and between the numbers of a row.
  Index row_stride_ = 0, col_stride_ = 1;
  bool even_ = true;
};

/// Weights [R] of rows as the library takes them, rounded to float; none for None.
/// Throws: ShapeError unless there are `rows`; nb::type_error as doubles_of.
std::optional<std::vector<float>> weights_of(const char* where, nb::handle weights, Index rows);

/// Null where there are none.
inline const float* data_of(const std::optional<std::vector<float>>& weights) {
  return weights ? weights->data() : nullptr;
}

/// The numbers of an array of floats or integers of any shape, in C order.
/// Throws: nb::type_error for what is no such array.
std::vector<double> doubles_of(const char* where, nb::handle x);

/// The same for an array of integers. Throws: ShapeError unless there are `size` of them, or size
/// is negative; nb::type_error for other numbers.
std::vector<std::int64_t> integers_of(const char* where, nb::handle x, Index size = -1);

}  // namespace libnorm::python
