#pragma once

#include <cstddef>
#include <vector>

#include "libnorm/ops/gemm.hpp"
#include "libnorm/ops/rows.hpp"

namespace libnorm {

/// Computes the matrix products of a model and counts their operations.
template <class T>
class Products {
 public:
  /// Computes gemm.
  void multiply(const Factor<T>& a, const Factor<T>& b, const MatrixView<T>& c,
                Pointer<const T> bias = nullptr, Output output = Output::overwrite) {
    count(2.0 * double(a.rows) * double(a.cols) * double(b.cols));
    gemm<T>(a, b, c, bias, output);
  }
  /// Adds operations done elsewhere.
  void count(double flop) { flop_ += flop; }
  /// Floating-point operations so far, a multiply-add counting two.
  double flop() const { return flop_; }

 private:
  double flop_ = 0;
};

/// Products of duals. The values of a pass over one batch at one point do not depend on the
/// tangents, so they are computed once and kept: each further tangent costs two products instead of
/// three. A pass without tangents costs one.
template <class R>
class Products<Dual<R>> {
 public:
  /// Begins a new pass, whose values are kept.
  void begin_new() {
    kept_.clear();
    next_ = 0;
    pass_ = Pass::first;
  }
  /// Repeats the last pass with other tangents: the same products in the same order.
  void begin_again() {
    next_ = 0;
    pass_ = Pass::again;
  }
  /// Begins a pass of values only; its tangents are undefined. Values kept before stay.
  void begin_values() { pass_ = Pass::values; }

  /// Computes gemm; in a repeated pass the values of c are the ones kept.
  void multiply(const Factor<Dual<R>>& a, const Factor<Dual<R>>& b, const MatrixView<Dual<R>>& c,
                DualPointer<const R> bias = nullptr, Output output = Output::overwrite) {
    const auto value = value_part(c);
    if (pass_ != Pass::again) {
      gemm<R>(value_part(a), value_part(b), value, bias.value, output);
      count(product_flop(a, b));
    }
    if (pass_ == Pass::values) return;
    if (pass_ == Pass::first) {
      std::vector<R>& kept = kept_.emplace_back();
      kept.reserve(std::size_t(c.size()));
      for (Index r = 0; r < c.rows; ++r) {
        kept.insert(kept.end(), value.row(r), value.row(r) + c.cols);
      }
    } else {
      copy_rows<R>(MatrixView<const R>(kept_[next_].data(), c.rows, c.cols), value);
    }
    ++next_;
    gemm_tangent<R>(a, b, c, bias, output);
    count(2 * product_flop(a, b));
  }
  /// As in Products; values that are kept are not counted again.
  /// @{
  void count(double flop) { flop_ += flop; }
  double flop() const { return flop_; }
  /// @}

 private:
  enum class Pass { first, again, values };

  static double product_flop(const Factor<Dual<R>>& a, const Factor<Dual<R>>& b) {
    return 2.0 * double(a.rows) * double(a.cols) * double(b.cols);
  }

  std::vector<std::vector<R>> kept_;
  std::size_t next_ = 0;
  Pass pass_ = Pass::first;
  double flop_ = 0;
};

}  // namespace libnorm
