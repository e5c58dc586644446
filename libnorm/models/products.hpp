#pragma once

#include <cstddef>
#include <vector>

#include "libnorm/ops/gemm.hpp"
#include "libnorm/ops/rows.hpp"

namespace libnorm {

/// The matrix products of a model, and what they cost.
template <class T>
class Products {
 public:
  /// As gemm.
  void multiply(const Factor<T>& a, const Factor<T>& b, const MatrixView<T>& c,
                Pointer<const T> bias = nullptr, Output output = Output::overwrite) {
    count(2.0 * double(a.rows) * double(a.cols) * double(b.cols));
    gemm<T>(a, b, c, bias, output);
  }
  /// Adds operations that were done elsewhere.
  void count(double flop) { flop_ += flop; }
  /// Floating-point operations so far, a multiply-add counting two.
  double flop() const { return flop_; }

 private:
  double flop_ = 0;
};

/// Products of duals. The values of a pass over one batch at one point are the same whatever the
/// tangents are, so they are computed once and kept: a further tangent costs two products where a
/// pass of its own would cost three. A pass that is asked for no tangents costs one.
template <class R>
class Products<Dual<R>> {
 public:
  /// The next products are those of a pass that was not made before.
  void begin_new() {
    kept_.clear();
    next_ = 0;
    pass_ = Pass::first;
  }
  /// The next products are those of the pass before, in the same order, with other tangents.
  void begin_again() {
    next_ = 0;
    pass_ = Pass::again;
  }
  /// The next products are those of another pass, of values alone: their tangents mean nothing.
  /// What was kept stays.
  void begin_values() { pass_ = Pass::values; }

  /// As gemm; the values of c come from the pass before where this one repeats it.
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
  /// As of other products; values that are kept are not counted again.
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
