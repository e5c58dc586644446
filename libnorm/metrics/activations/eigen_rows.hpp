#pragma once

#include <Eigen/Core>

#include "libnorm/metrics/activations/activation_spectrum.hpp"

namespace libnorm {

/// Rows of an Eigen matrix as a MatrixView, for programs that use Eigen (3.4). Matrices with
/// contiguous rows (Eigen::RowMajor, blocks and maps of it) are not copied; others are, into this
/// object.
template <class T>
class EigenRows {
 public:
  /// Rows are contiguous.
  using Matrix = Eigen::Matrix<T, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  /// A view of m, or a copy.
  using Ref = Eigen::Ref<const Matrix, 0, Eigen::OuterStride<>>;

  /// m must outlive this object unless it is copied.
  template <class Derived>
  explicit EigenRows(const Eigen::MatrixBase<Derived>& m) : rows_(m.derived()) {}

  /// Valid as long as this object and the matrix.
  MatrixView<const T> view() const {
    return {rows_.data(), rows_.rows(), rows_.cols(), rows_.outerStride()};
  }

 private:
  Ref rows_;
};

/// mean_cosine(rows_of(m).view())
template <class Derived>
EigenRows<typename Derived::Scalar> rows_of(const Eigen::MatrixBase<Derived>& m) {
  return EigenRows<typename Derived::Scalar>(m);
}

/// The spectrum of an Eigen matrix, one row a sample. See activation_spectrum of a MatrixView.
template <class Derived>
ActivationSpectrum activation_spectrum(const Eigen::MatrixBase<Derived>& m, Centring centring,
                                       const float* count = nullptr) {
  const EigenRows<typename Derived::Scalar> rows(m);
  return activation_spectrum(rows.view(), centring, count);
}

}  // namespace libnorm
