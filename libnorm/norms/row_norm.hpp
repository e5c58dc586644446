#pragma once

#include <cstdint>

#include "libnorm/norms/affine.hpp"

namespace libnorm {

/// A stabilizer of rows, or of groups of a row's channels, and the affine part; one output is a
/// row.
template <class T, class RowStabilizer>
struct RowNormBody {
  static constexpr const char* kWork = "norms";
  static constexpr bool kIsRowwise = true;
  RowStabilizer stabilizer;
  Index groups;
  MatrixView<const T> x, branch;
  AffineView<T> affine;
  MatrixView<T> stabilized, output;
  Pointer<T> scale;

  template <class W>
  LIBNORM_DEVICE void operator()(W warp, Index r) const {
    using P = typename W::template Lanes<T>;
    const Index channels = x.cols, width = channels / groups;
    const Pointer<T> z = stabilized.row(r);
    AddRowsBody<T>{x, branch, stabilized}(warp, r);
    for (Index g = 0; g < groups; ++g) {
      const T size = stabilizer.template forward<T>(warp, z + g * width, width);
      const T used = in_range(size) ? size : rescaled_row(warp, r, g * width, width);
      warp.once([&]() LIBNORM_ALWAYS { scale[r * groups + g] = used; });
    }
    if (output.data == stabilized.data) return;
    for (Index c = 0; c < channels; c += kLanes) {
      const Index left = channels - c;
      affine.apply(P::load(z + c, left), c, left).store(output.row(r) + c, left);
    }
  }

 private:
  static constexpr bool kIsFloat = sizeof(Real<T>) == sizeof(float);

  /// Whether the squares that gave this scale neither overflowed nor lost digits to underflow.
  static LIBNORM_INLINE bool in_range(T scale) {
    const Real<T> s = value_of(scale), size = s < Real<T>(0) ? -s : s;
    return size > Real<T>(0) && size < Real<T>(kIsFloat ? 0x1p60 : 0x1p500);
  }

  /// The stabilizer for a row whose squares are out of range: scales it near 1 by a power of two
  /// first.
  template <class W>
  LIBNORM_INLINE T rescaled_row(W warp, Index r, Index first, Index width) const {
    using P = typename W::template Lanes<T>;
    const Pointer<T> z = stabilized.row(r) + first;
    const auto part = [&](const MatrixView<const T>& m) {
      return m.data == nullptr ? m : m.col_range(first, width);
    };
    AddRowsBody<T>{part(x), part(branch), stabilized.col_range(first, width)}(warp, r);
    P size(T(0)), rest(T(0));
    for (Index c = 0; c < width; c += kLanes) {
      const P v = P::load(z + c, width - c);
      size = larger(size, larger(v, -v));
      rest = rest + (v - v);
    }
    const bool was_finite = is_finite(sum(rest));
    const double factor = towards_one(double(value_of(largest(size))));
    for (Index c = 0; c < width; c += kLanes) {
      (P::load(z + c, width - c) * P(T(Real<T>(factor)))).store(z + c, width - c);
    }
    if (factor != 0) {
      const T found = stabilizer.scaled(factor).template forward<T>(warp, z, width);
      if (is_finite(found) || !was_finite) return found * T(Real<T>(factor));
    }
    return was_finite ? zeros(warp, z, width) : T(0);
  }

  /// The stabilizer for rows of zeros, and for constants that centring turns into zeros. They give
  /// zeros without epsilon too.
  template <class W>
  LIBNORM_INLINE T zeros(W warp, Pointer<T> z, Index width) const {
    using P = typename W::template Lanes<T>;
    for (Index c = 0; c < width; c += kLanes) P(T(0)).store(z + c, width - c);
    const T size = stabilizer.template forward<T>(warp, z, width);
    if (is_finite(size)) return size;
    for (Index c = 0; c < width; c += kLanes) P(T(0)).store(z + c, width - c);
    return T(0);
  }

  static LIBNORM_INLINE bool is_finite(T x) { return value_of(x) - value_of(x) == Real<T>(0); }

  /// The power of two that scales a positive x near 1; 0 for 0.
  static LIBNORM_INLINE double towards_one(double x) {
    if (x == 0) return 0;
    constexpr std::int64_t kBias = 1023, kMost = kIsFloat ? 120 : 1000;
    std::int64_t exponent = std::int64_t(__builtin_bit_cast(std::uint64_t, x) >> 52) - kBias;
    exponent = exponent < -kMost ? -kMost : exponent > kMost ? kMost : exponent;
    return __builtin_bit_cast(double, std::uint64_t(kBias - exponent) << 52);
  }
};

template <class T, class RowStabilizer>
struct RowNormBackwardBody {
  static constexpr const char* kWork = "norms";
  static constexpr bool kIsRowwise = true;
  RowStabilizer stabilizer;
  Index groups;
  MatrixView<const T> d_output, stabilized;
  AffineView<T> affine;
  Pointer<const T> scale;
  MatrixView<T> d_x;

  template <class W>
  LIBNORM_DEVICE void operator()(W warp, Index r) const {
    using P = typename W::template Lanes<T>;
    const Index channels = d_x.cols, width = channels / groups;
    const Pointer<T> g = d_x.row(r);
    for (Index c = 0; c < channels; c += kLanes) {
      const Index left = channels - c;
      affine.backward(P::load(d_output.row(r) + c, left), c, left).store(g + c, left);
    }
    warp.sync();
    for (Index i = 0; i < groups; ++i) {
      stabilizer.template backward<T>(warp, stabilized.row(r) + i * width, T(scale[r * groups + i]),
                                      g + i * width, width);
    }
  }
};

}  // namespace libnorm
