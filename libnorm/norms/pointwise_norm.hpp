#pragma once

#include "libnorm/norms/affine.hpp"

namespace libnorm {

/// A learned number that shapes a pointwise stabilizer, the same for all channels.
struct StabilizerParameter {
  /// `alpha`; a model puts its name of the norm before it.
  const char* name;
  /// First value.
  double initial;
};
/// The most parameters of a pointwise stabilizer.
inline constexpr Index kMostStabilizerParameters = 2;

/// The results of a pointwise stabilizer for one x: z, dz/dx, and dz by each stabilizer parameter.
template <class P>
struct PointwiseSlopes {
  /// The stabilizer's output.
  P z;
  /// dz/dx
  P by_x;
  /// dz by stabilizer parameter i.
  P by_shape[kMostStabilizerParameters];
};

/// The stabilizer parameters, each in all lanes.
template <class T, class W>
struct ShapePacks {
  /// Entries from `count` on are undefined.
  typename W::template Lanes<T> numbers[kMostStabilizerParameters];
  /// shape [count]
  LIBNORM_INLINE ShapePacks(Pointer<const T> shape, Index count) {
    for (Index i = 0; i < count; ++i) numbers[i] = typename W::template Lanes<T>(T(shape[i]));
  }
};

/// saved = x + branch, z = f(saved), and the affine part; one output is a row.
template <class T, class PointwiseStabilizer>
struct PointwiseNormBody {
  static constexpr const char* kWork = "norms";
  static constexpr bool kIsRowwise = true;
  PointwiseStabilizer stabilizer;
  MatrixView<const T> x, branch;
  Pointer<const T> shape;
  AffineView<T> affine;
  MatrixView<T> saved, stabilized, output;

  template <class W>
  LIBNORM_DEVICE void operator()(W warp, Index r) const {
    using P = typename W::template Lanes<T>;
    AddRowsBody<T>{x, branch, saved}(warp, r);
    const ShapePacks<T, W> s(shape, stabilizer.shape_count());
    for (Index c = 0; c < x.cols; c += kLanes) {
      const Index left = x.cols - c;
      const P z = stabilizer.value(P::load(saved.row(r) + c, left), s.numbers, x.cols);
      z.store(stabilized.row(r) + c, left);
      affine.apply(z, c, left).store(output.row(r) + c, left);
    }
  }
};

/// d_x = g f'(saved), g taken through the affine part; one output is a row.
template <class T, class PointwiseStabilizer>
struct PointwiseNormBackwardBody {
  static constexpr const char* kWork = "norms";
  static constexpr bool kIsRowwise = true;
  PointwiseStabilizer stabilizer;
  MatrixView<const T> d_output, saved;
  Pointer<const T> shape;
  AffineView<T> affine;
  MatrixView<T> d_x;

  template <class W>
  LIBNORM_DEVICE void operator()(W, Index r) const {
    using P = typename W::template Lanes<T>;
    const ShapePacks<T, W> s(shape, stabilizer.shape_count());
    for (Index c = 0; c < d_x.cols; c += kLanes) {
      const Index left = d_x.cols - c;
      const P g = affine.backward(P::load(d_output.row(r) + c, left), c, left);
      const auto slopes = stabilizer.slopes(P::load(saved.row(r) + c, left), s.numbers, d_x.cols);
      (g * slopes.by_x).store(d_x.row(r) + c, left);
    }
  }
};

/// sums[i C + c] = sum over rows of g dz/d(stabilizer parameter i), each channel for itself
/// (RowSumsBody).
template <class T, class PointwiseStabilizer>
struct ShapeGradientRowSums {
  static constexpr const char* kWork = "norms";
  PointwiseStabilizer stabilizer;
  MatrixView<const T> d_output, saved;
  Pointer<const T> shape;
  AffineView<T> affine;
  Pointer<T> sums;

  LIBNORM_INLINE Index count() const { return stabilizer.shape_count(); }
  LIBNORM_INLINE Index rows() const { return saved.rows; }
  LIBNORM_INLINE Index cols() const { return saved.cols; }
  LIBNORM_INLINE Pointer<T> out(Index sum) const { return sums + sum * saved.cols; }
  template <class W>
  LIBNORM_INLINE auto value(W, Index sum, Index r, Index c) const {
    using P = typename W::template Lanes<T>;
    const Index left = saved.cols - c;
    const ShapePacks<T, W> s(shape, stabilizer.shape_count());
    const P g = affine.backward(P::load(d_output.row(r) + c, left), c, left);
    return g *
           stabilizer.slopes(P::load(saved.row(r) + c, left), s.numbers, saved.cols).by_shape[sum];
  }
};

}  // namespace libnorm
