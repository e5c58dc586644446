#pragma once

#include <algorithm>
#include <string>
#include <type_traits>
#include <vector>

#include "libnorm/core/device.hpp"
#include "libnorm/core/dual.hpp"
#include "libnorm/core/error.hpp"
#include "libnorm/core/row_queue.hpp"

namespace libnorm {

/// A view of `rows x cols` numbers whose rows are contiguous and `stride` elements apart.
/// It owns nothing: the owner of the memory keeps it alive.
template <class T>
struct MatrixView {
  /// Element (0, 0); null in an empty view.
  Pointer<T> data{};
  /// R
  Index rows = 0;
  /// C
  Index cols = 0;
  /// Elements from a row's first to the next row's.
  Index stride = 0;

  MatrixView() = default;
  /// Without a stride, rows are adjacent.
  /// @{
  LIBNORM_HOST_DEVICE MatrixView(Pointer<T> data_, Index rows_, Index cols_)
      : MatrixView(data_, rows_, cols_, cols_) {}
  LIBNORM_HOST_DEVICE MatrixView(Pointer<T> data_, Index rows_, Index cols_, Index stride_)
      : data(data_), rows(rows_), cols(cols_), stride(stride_) {}
  /// @}

  /// A read-only view of the same numbers.
  LIBNORM_HOST_DEVICE operator MatrixView<const T>() const { return {data, rows, cols, stride}; }

  /// The start of row r. Bounds are not checked.
  LIBNORM_HOST_DEVICE Pointer<T> row(Index r) const { return data + r * stride; }
  /// Element (r, c), to be read or written.
  LIBNORM_HOST_DEVICE decltype(auto) operator()(Index r, Index c) const {
    return data[r * stride + c];
  }
  /// R C, whatever the stride.
  LIBNORM_HOST_DEVICE Index size() const { return rows * cols; }

  /// `count` rows or columns from `first` on, in the same memory.
  /// @{
  LIBNORM_HOST_DEVICE MatrixView row_range(Index first, Index count) const {
    return {row(first), count, cols, stride};
  }
  LIBNORM_HOST_DEVICE MatrixView col_range(Index first, Index count) const {
    return {data + first, rows, count, stride};
  }
  /// @}
};

/// Deduces T from the pointer.
/// @{
template <class T>
MatrixView(T*, Index, Index) -> MatrixView<T>;
template <class T>
MatrixView(T*, Index, Index, Index) -> MatrixView<T>;
/// @}

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

/// `[rows, cols]`, for messages.
inline std::string shape_text(Index rows, Index cols) {
  return "[" + std::to_string(rows) + ", " + std::to_string(cols) + "]";
}

/// Memory for one matrix at a time, on the thread's device. It grows to the largest size asked for
/// and is kept, so that no training step after the first allocates.
template <class T>
class Buffer {
 public:
  /// A view of `rows x cols`; the content is undefined.
  MatrixView<T> view(Index rows, Index cols) {
    if constexpr (std::is_same_v<T, float>) {
      if (current_device() == Device::cuda) return device_view(rows, cols);
    }
    if (Index(memory_.size()) < rows * cols) {
      // Queued launches may still use the old memory.
      detail::run_queued();
      // Frees the old memory first, and reserves a little more, so that batches that grow by a row
      // do not reallocate each time.
      memory_ = {};
      memory_.resize(std::size_t(rows * cols + rows * cols / 16));
    }
    return {memory_.data(), rows, cols};
  }

 private:
  MatrixView<T> device_view(Index rows, Index cols) {
    const auto bytes = std::size_t(rows * cols) * sizeof(T);
    if (device_.size() < bytes) {
      device_.reserve(bytes + bytes / 16, "an array " + shape_text(rows, cols));
    }
    return {static_cast<T*>(device_.data()), rows, cols};
  }

  Array<T> memory_;
  DeviceMemory device_;
};

}  // namespace libnorm
