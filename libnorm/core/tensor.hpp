#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "libnorm/core/dual.hpp"
#include "libnorm/core/error.hpp"

namespace libnorm {

/// A view of `rows x cols` numbers whose rows are contiguous and `stride` elements apart.
/// It owns nothing: whoever made the memory keeps it alive.
template <class T>
struct MatrixView {
  Pointer<T> data{};
  Index rows = 0;
  Index cols = 0;
  Index stride = 0;

  MatrixView() = default;
  MatrixView(Pointer<T> data_, Index rows_, Index cols_) : MatrixView(data_, rows_, cols_, cols_) {}
  MatrixView(Pointer<T> data_, Index rows_, Index cols_, Index stride_)
      : data(data_), rows(rows_), cols(cols_), stride(stride_) {}

  operator MatrixView<const T>() const { return {data, rows, cols, stride}; }

  Pointer<T> row(Index r) const { return data + r * stride; }
  decltype(auto) operator()(Index r, Index c) const { return data[r * stride + c]; }
  Index size() const { return rows * cols; }

  MatrixView row_range(Index first, Index count) const { return {row(first), count, cols, stride}; }
  MatrixView col_range(Index first, Index count) const {
    return {data + first, rows, count, stride};
  }
};

/// A pointer tells the type of its matrix.
template <class T>
MatrixView(T*, Index, Index) -> MatrixView<T>;
/// As above.
template <class T>
MatrixView(T*, Index, Index, Index) -> MatrixView<T>;

/// The values of a matrix of duals.
template <class T>
auto value_part(const MatrixView<T>& m) {
  return MatrixView(value_of(m.data), m.rows, m.cols, m.stride);
}
/// The tangents of a matrix of duals.
template <class T>
auto tangent_part(const MatrixView<T>& m) {
  return MatrixView(m.data.tangent, m.rows, m.cols, m.stride);
}

/// Sets every number to 0.
template <class T>
void set_zero(const MatrixView<T>& m) {
  for (Index r = 0; r < m.rows; ++r) {
    if constexpr (is_dual<T>) {
      std::fill_n(m.row(r).value, m.cols, Real<T>(0));
      std::fill_n(m.row(r).tangent, m.cols, Real<T>(0));
    } else {
      std::fill_n(m.row(r), m.cols, T(0));
    }
  }
}

/// Memory for one matrix at a time: it grows to the largest asked for and stays, so that a training
/// step allocates nothing after the first.
template <class T>
class Buffer {
 public:
  /// A view of `rows x cols`; what stood there before is lost.
  MatrixView<T> view(Index rows, Index cols) {
    if (Index(memory_.size()) < rows * cols) {
      // The old memory goes first, and a little more is taken, or batches that grow by a row would
      // each move all of it.
      memory_ = {};
      memory_.resize(std::size_t(rows * cols + rows * cols / 16));
    }
    return {memory_.data(), rows, cols};
  }
  Pointer<T> data() { return memory_.data(); }

 private:
  Array<T> memory_;
};

/// `[rows, cols]`, for messages.
inline std::string shape_text(Index rows, Index cols) {
  return "[" + std::to_string(rows) + ", " + std::to_string(cols) + "]";
}

}  // namespace libnorm
