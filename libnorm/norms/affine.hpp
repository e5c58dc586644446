#pragma once

#include "libnorm/core/dual_pack.hpp"
#include "libnorm/core/tensor.hpp"
#include "libnorm/ops/row_sums_body.hpp"
#include "libnorm/ops/rows_body.hpp"

namespace libnorm {

/// The learned half of a norm: y = gain z + bias, or a part of it. Gain and bias have a number for
/// each channel; scalar_gain is one number for all channels.
enum class Affine { none, scalar_gain, gain, bias, gain_and_bias };

/// Whether it has a gain.
constexpr bool has_gain(Affine affine) { return affine != Affine::none && affine != Affine::bias; }
/// Whether it has a bias.
constexpr bool has_bias(Affine affine) {
  return affine == Affine::bias || affine == Affine::gain_and_bias;
}
/// Numbers in the gain, for affine parts with one.
constexpr Index gain_size(Affine affine, Index channels) {
  return affine == Affine::scalar_gain ? 1 : channels;
}

/// An affine part and its arrays, for bodies.
template <class T>
struct AffineView {
  /// Which of gain and bias it has.
  Affine kind;
  /// [C], a scalar gain [1]; null if it has none.
  /// @{
  Pointer<const T> gain, bias;
  /// @}

  /// y of 32 channels from c on, `left` of which there are.
  template <class P>
  LIBNORM_INLINE P apply(const P& z, Index c, Index left) const {
    switch (kind) {
      case Affine::none: return z;
      case Affine::scalar_gain: return z * P(T(gain[0]));
      case Affine::gain: return z * P::load(gain + c, left);
      case Affine::bias: return z + P::load(bias + c, left);
      case Affine::gain_and_bias: break;
    }
    return fma(z, P::load(gain + c, left), P::load(bias + c, left));
  }

  /// d_z from d_y.
  template <class P>
  LIBNORM_INLINE P backward(const P& d, Index c, Index left) const {
    if (!has_gain(kind)) return d;
    return kind == Affine::scalar_gain ? d * P(T(gain[0])) : d * P::load(gain + c, left);
  }
};

/// d_gain = sum of z g and d_bias = sum of g over rows, each channel for itself (RowSumsBody). Null
/// pointers are left out.
template <class T>
struct AffineGradientRowSums {
  static constexpr const char* kWork = "norms";
  MatrixView<const T> d_output, stabilized;
  Pointer<T> d_gain;
  Pointer<T> d_bias;

  LIBNORM_INLINE Index count() const { return 2; }
  LIBNORM_INLINE Index rows() const { return d_output.rows; }
  LIBNORM_INLINE Index cols() const { return d_output.cols; }
  LIBNORM_INLINE Pointer<T> out(Index sum) const { return sum == 0 ? d_gain : d_bias; }
  template <class W>
  LIBNORM_INLINE auto value(W, Index sum, Index r, Index c) const {
    using P = typename W::template Lanes<T>;
    const Index left = d_output.cols - c;
    const P g = P::load(d_output.row(r) + c, left);
    return sum == 0 ? g * P::load(stabilized.row(r) + c, left) : g;
  }
};

/// out[0] = sum of x[c] in the one order.
template <class T>
struct SumChannelsBody {
  static constexpr const char* kWork = "norms";
  Pointer<const T> x;
  Index channels;
  Pointer<T> out;

  template <class W>
  LIBNORM_DEVICE void operator()(W warp, Index) const {
    using P = typename W::template Lanes<T>;
    const T all = sum_along<T>(
        warp, channels, [&](Index c) LIBNORM_ALWAYS { return P::load(x + c, channels - c); });
    warp.once([&]() LIBNORM_ALWAYS { out[0] = all; });
  }
};

}  // namespace libnorm
