#pragma once

#include <string>
#include <type_traits>

#include "libnorm/core/tensor.hpp"

namespace libnorm {

/// Terms of a product that are chained before they join the total. Part of the order of summation.
inline constexpr Index kSegment = 128;

/// A matrix as a factor of a product: element (i, j) is data[i * row_stride + j * col_stride].
template <class T>
struct Factor {
  /// Element (0, 0).
  Pointer<const T> data;
  /// Sizes, i < rows and j < cols.
  /// @{
  Index rows;
  Index cols;
  /// @}
  /// Elements from i to i + 1, and from j to j + 1; fast where one of them is 1.
  /// @{
  Index row_stride;
  Index col_stride;
  /// @}
};

/// m as a factor.
template <class T>
LIBNORM_ALWAYS LIBNORM_HOST_DEVICE inline Factor<std::remove_const_t<T>> plain(
    const MatrixView<T>& m) {
  return {m.data, m.rows, m.cols, m.stride, 1};
}

/// The transpose of m as a factor.
template <class T>
LIBNORM_ALWAYS LIBNORM_HOST_DEVICE inline Factor<std::remove_const_t<T>> transposed(
    const MatrixView<T>& m) {
  return {m.data, m.cols, m.rows, 1, m.stride};
}

/// The values of a factor of duals.
template <class R>
Factor<R> value_part(const Factor<Dual<R>>& f) {
  return {f.data.value, f.rows, f.cols, f.row_stride, f.col_stride};
}
/// The tangents of a factor of duals.
template <class R>
Factor<R> tangent_part(const Factor<Dual<R>>& f) {
  return {f.data.tangent, f.rows, f.cols, f.row_stride, f.col_stride};
}

/// What becomes of the numbers that stood in the output.
enum class Output { overwrite, add };

/// C = A B + bias, or C = C + A B + bias.
///
/// a [M, K], b [K, N], c [M, N]; bias [N] or null, added to every row.
/// Order: for each element of C, k ascending, one fused multiply-add a term, in segments of
/// kSegment; then (C, if it is added to,) the segments from left to right, then the bias. A row of
/// C depends on no other row of A, so it has the same bits alone and in any batch.
/// Throws: ShapeError unless the sizes fit.
template <class T>
void gemm(const Factor<std::type_identity_t<T>>& a, const Factor<std::type_identity_t<T>>& b,
          const MatrixView<T>& c, Pointer<const std::type_identity_t<T>> bias = nullptr,
          Output output = Output::overwrite);

/// The implementation of float products on a GPU.
enum class Gemm {
  /// The library, in the order of `gemm`: the processor's bits.
  exact,
  /// NVIDIA's cuBLAS, in float (no TF32). Its order of summation is its own, and may change with
  /// the device and the version; runs with one and the same have had the same bits.
  cublas
};

/// Selects the implementation of `gemm` on a GPU for the calling thread while this object lives.
/// Attention's products, which are many small ones of several sizes, always use the library's.
///
/// cuBLAS (libcublas.so) is loaded at run time, so that programs do not link it.
class GemmScope {
 public:
  /// Throws: BackendError for cublas outside of a GPU's DeviceScope, or where it cannot be loaded.
  explicit GemmScope(Gemm gemm);
  ~GemmScope();
  GemmScope(const GemmScope&) = delete;
  GemmScope& operator=(const GemmScope&) = delete;

 private:
  /// The calling thread's setting before this object.
  void* before_;
  void* own_ = nullptr;
};

/// The calling thread's implementation of products, for records: `cuBLAS 13.1`; empty for the
/// library's.
std::string describe_gemm();

/// C' = A' B + A B' + bias', or C' = C' + ..., the tangents of a product of duals; values stay as
/// they are.
template <class R>
void gemm_tangent(const Factor<Dual<R>>& a, const Factor<Dual<R>>& b, const MatrixView<Dual<R>>& c,
                  DualPointer<const R> bias = nullptr, Output output = Output::overwrite) {
  gemm<R>(value_part(a), tangent_part(b), tangent_part(c), bias.tangent, output);
  gemm<R>(tangent_part(a), value_part(b), tangent_part(c), nullptr, Output::add);
}

/// Runs only fused multiply-adds on registers, on one thread: `outputs` rounds of one or two
/// microseconds each. Returns the floating-point operations, a multiply-add counting two. The speed
/// of products is compared with its speed.
double chain_fmas(Index outputs);

}  // namespace libnorm
