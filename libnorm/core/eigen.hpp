#pragma once

#include <type_traits>

#include <Eigen/Core>

#include "libnorm/core/tensor.hpp"

namespace libnorm {

/// The same memory as an Eigen matrix of `rows x cols`, rows contiguous; nothing is copied. For
/// programs that have Eigen (3.4), to look at results: its products and sums have an order of their
/// own. The library itself neither needs nor links any.
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
