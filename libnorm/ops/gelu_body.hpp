#pragma once

#include "libnorm/core/dual_pack.hpp"
#include "libnorm/core/tensor.hpp"

namespace libnorm {

template <class T>
struct GeluBody {
  static constexpr const char* kWork = "GELU";
  static constexpr bool kIsRowwise = true;
  MatrixView<const T> x;
  MatrixView<T> value, slope;

  template <class W>
  LIBNORM_DEVICE void operator()(W, Index r) const {
    using P = typename W::template Lanes<T>;
    for (Index c = 0; c < x.cols; c += kLanes) {
      const Index left = x.cols - c;
      const auto gelu = math::gelu(P::load(x.row(r) + c, left));
      gelu.value.store(value.row(r) + c, left);
      gelu.slope.store(slope.row(r) + c, left);
    }
  }
};

template <class T>
struct MultiplyBody {
  static constexpr const char* kWork = "GELU";
  static constexpr bool kIsRowwise = true;
  MatrixView<const T> a, b;
  MatrixView<T> out;

  template <class W>
  LIBNORM_DEVICE void operator()(W, Index r) const {
    using P = typename W::template Lanes<T>;
    for (Index c = 0; c < a.cols; c += kLanes) {
      const Index left = a.cols - c;
      (P::load(a.row(r) + c, left) * P::load(b.row(r) + c, left)).store(out.row(r) + c, left);
    }
  }
};

}  // namespace libnorm
