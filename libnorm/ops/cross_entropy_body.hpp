#pragma once

#include <limits>

#include "libnorm/core/dual_pack.hpp"
#include "libnorm/core/tensor.hpp"

namespace libnorm {

template <class T>
struct CrossEntropyBody {
  static constexpr const char* kWork = "loss";
  static constexpr bool kIsRowwise = true;
  MatrixView<const T> logits;
  const std::int32_t* target;
  Pointer<T> loss;
  MatrixView<T> d_logits;

  template <class W>
  LIBNORM_DEVICE void operator()(W warp, Index b) const {
    using P = typename W::template Lanes<T>;
    const Pointer<const T> x = logits.row(b);
    const Index cols = logits.cols;
    const T kLowest(-std::numeric_limits<Real<T>>::infinity());
    P highest(kLowest);
    for (Index v = 0; v < cols; v += kLanes) {
      highest = larger(highest, P::load(x + v, cols - v, kLowest));
    }
    const T top = largest(highest);
    const T sum_exp = sum_along<T>(warp, cols, [&](Index v) LIBNORM_ALWAYS {
      return math::exp_of_difference(P::load(x + v, cols - v, kLowest) - P(top));
    });
    warp.once([&]() LIBNORM_ALWAYS { loss[b] = math::log(sum_exp) + (top - T(x[target[b]])); });
    if (d_logits.data == nullptr) return;
    const Pointer<T> d = d_logits.row(b);
    const P scale(T(1) / (sum_exp * T(logits.rows)));
    for (Index v = 0; v < cols; v += kLanes) {
      (math::exp_of_difference(P::load(x + v, cols - v, kLowest) - P(top)) * scale)
          .store(d + v, cols - v);
    }
    warp.once([&]() LIBNORM_ALWAYS { d[target[b]] = T(d[target[b]]) - T(1) / T(logits.rows); });
  }
};

template <class T>
struct MeanBody {
  static constexpr const char* kWork = "loss";
  const T* values;
  Index count;
  double* mean;

  template <class W>
  LIBNORM_DEVICE void operator()(W warp, Index) const {
    using P = typename W::template Lanes<T>;
    using D = typename W::template Lanes<double>;
    D total(0.0);
    for (Index i = 0; i < count; i += kLanes) {
      total = total + widen(P::load(values + i, count - i));
    }
    const double average = sum(total) / double(count);
    warp.once([&]() LIBNORM_ALWAYS { *mean = average; });
  }
};

}  // namespace libnorm
