#pragma once

#include <type_traits>

#include <Eigen/Core>

#include "libnorm/core/tensor.hpp"

namespace libnorm {

/// The same memory as a row-major Eigen matrix of `rows x cols`; nothing is copied. For programs
/// that use Eigen (3.4) to look at results: Eigen's products and sums have their own order. The
/// library itself neither needs nor links Eigen.
template <class T>
auto as_eigen(const MatrixView<T>& m) {
  using Plain =
      Eigen::Matrix<std::remove_const_t<T>, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  using Seen = std::conditional_t<std::is_const_v<T>, const Plain, Plain>;
  return Eigen::Map<Seen, Eigen::Unaligned, Eigen::OuterStride<>>(m.data, m.rows, m.cols,
                                                                  Eigen::OuterStride<>(m.stride));
}

/// A view of an Eigen matrix or map whose rows are contiguous; nothing is copied, and the matrix
/// must outlive the view.
template <class Derived>
MatrixView<typename Derived::Scalar> view_of(Eigen::PlainObjectBase<Derived>& m) {
  static_assert(Derived::IsRowMajor, "rows must be contiguous: use Eigen::RowMajor");
  return {m.data(), m.rows(), m.cols(), m.outerStride()};
}

}  // namespace libnorm
