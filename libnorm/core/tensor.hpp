#pragma once

#include <string>
#include <vector>

#include "libnorm/core/error.hpp"

namespace libnorm {

/// A view of `rows x cols` numbers whose rows are contiguous and `stride` elements apart.
/// It owns nothing: whoever made the memory keeps it alive.
template <class T>
struct MatrixView {
  T* data = nullptr;
  Index rows = 0;
  Index cols = 0;
  Index stride = 0;

  MatrixView() = default;
  MatrixView(T* data_, Index rows_, Index cols_) : MatrixView(data_, rows_, cols_, cols_) {}
  MatrixView(T* data_, Index rows_, Index cols_, Index stride_)
      : data(data_), rows(rows_), cols(cols_), stride(stride_) {}

  operator MatrixView<const T>() const { return {data, rows, cols, stride}; }

  T* row(Index r) const { return data + r * stride; }
  T& operator()(Index r, Index c) const { return data[r * stride + c]; }
  Index size() const { return rows * cols; }

  MatrixView row_range(Index first, Index count) const { return {row(first), count, cols, stride}; }
  MatrixView col_range(Index first, Index count) const {
    return {data + first, rows, count, stride};
  }
};

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
  T* data() { return memory_.data(); }

 private:
  std::vector<T> memory_;
};

/// `[rows, cols]`, for messages.
inline std::string shape_text(Index rows, Index cols) {
  return "[" + std::to_string(rows) + ", " + std::to_string(cols) + "]";
}

}  // namespace libnorm
