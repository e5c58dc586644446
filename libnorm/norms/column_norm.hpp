#pragma once

#include "libnorm/norms/affine.hpp"
#include "libnorm/norms/range_rescaling.hpp"

namespace libnorm {

/// mean + rest and 1 / sqrt(var + epsilon) of 32 channels over all positions, and their running
/// values. `rest` is the mean's rounding error: 0, except for numbers that are close together and
/// for many rows. A stabilizer that does not centre has mean 0, and the mean square as var.
template <class T, class ColumnStabilizer>
struct ColumnStatisticsBody {
  static constexpr const char* kWork = "norms";
  static constexpr bool kSumsRows = true;
  ColumnStabilizer stabilizer;
  MatrixView<const T> x;
  const float* count;
  Index positions;
  Pointer<T> mean, rest;
  Pointer<T> scale;
  Pointer<T> running_mean;
  Pointer<T> running_variance;

  template <class W>
  LIBNORM_DEVICE void operator()(W warp, Index block) const {
    using P = typename W::template Lanes<T>;
    const Index c = block * kLanes, left = x.cols - c;
    const P n{T(positions)};
    P centre, beside, squares;
    sums(
        warp, c, left, [](const P& v) LIBNORM_ALWAYS { return v; }, centre, beside, squares);
    P inverse = P(T(1)) / sqrt(squares / n + P(T(stabilizer.epsilon)));
    const P factor = far_factor(squares, inverse, centre);
    if (!none_is_far(factor)) {
      sums(
          warp, c, left, [&](const P& v) LIBNORM_ALWAYS { return v * factor; }, centre, beside,
          squares);
      inverse = far_inverse(squares, n, factor, stabilizer.epsilon);
      centre = centre / factor;
      beside = beside / factor;
      squares = squares / factor / factor;
    }
    if (!warp.leads()) return;
    centre.store(mean + c, left);
    beside.store(rest + c, left);
    inverse.store(scale + c, left);
    if (running_variance == nullptr) return;
    const P keep(T(1.0 - stabilizer.momentum)), take(T(stabilizer.momentum));
    P batch = squares / n;
    if (ColumnStabilizer::kCentred) {
      batch = squares / P(T(positions - 1));
      fma(keep, P::load(running_mean + c, left), take * (centre + beside))
          .store(running_mean + c, left);
    }
    fma(keep, P::load(running_variance + c, left), take * batch).store(running_variance + c, left);
  }

 private:
  template <class P>
  LIBNORM_INLINE P weight(Index r) const {
    return P(count == nullptr ? T(1) : T(count[r]));
  }

  /// The mean (0 without centring), its rounding error, and the sum of squares of scaled(x).
  template <class W, class P, class Scaled>
  LIBNORM_INLINE void sums(W warp, Index c, Index left, Scaled scaled, P& centre, P& beside,
                           P& squares) const {
    const auto total = [&](auto value) LIBNORM_ALWAYS {
      return sum_rows_in_shards<P>(warp, x.rows, [&](Index r) LIBNORM_ALWAYS {
        return value(scaled(P::load(x.row(r) + c, left))) * weight<P>(r);
      });
    };
    const P n{T(positions)}, none(T(0));
    beside = none;
    if constexpr (!ColumnStabilizer::kCentred) {
      centre = none;
      squares = total([](const P& v) LIBNORM_ALWAYS { return v * v; });
    } else {
      centre = total([](const P& v) LIBNORM_ALWAYS { return v; }) / n;
      for (bool is_first = true;; is_first = false) {
        squares = total([&](const P& v) LIBNORM_ALWAYS {
          const P d = (v - centre) - beside;
          return d * d;
        });
        const P again = x.rows > kManyRows ? P(T(1)) : are_close(squares, centre, n);
        if (!is_first || value_of(sum(again)) == Real<T>(0)) return;
        // The mean of what is left joins the mean; that of what the sum's rounding leaves stays
        // beside.
        for (int round = 0; round < 2; ++round) {
          centre = centre + beside;
          beside = total([&](const P& v) LIBNORM_ALWAYS { return v - centre; }) / n;
          beside = select_less(none, again, beside, none);
        }
      }
    }
  }
};

/// mean and 1 / sqrt(var + epsilon) of 32 channels from their running values. Without epsilon, a
/// channel of variance 0 gives 0, as in training.
template <class T, class ColumnStabilizer>
struct RunningScaleBody {
  static constexpr const char* kWork = "norms";
  ColumnStabilizer stabilizer;
  Index channels;
  Pointer<const T> running_mean;
  Pointer<const T> running_variance;
  Pointer<T> mean, rest;
  Pointer<T> scale;

  template <class W>
  LIBNORM_DEVICE void operator()(W, Index block) const {
    using P = typename W::template Lanes<T>;
    const Index c = block * kLanes, left = channels - c;
    const P variance = P::load(running_variance + c, left, T(1)) + P(T(stabilizer.epsilon));
    const P centre = ColumnStabilizer::kCentred ? P::load(running_mean + c, left) : P(T(0));
    centre.store(mean + c, left);
    P(T(0)).store(rest + c, left);
    const P root = sqrt(variance);
    select_less(P(T(0)), variance, P(T(1)) / root, root).store(scale + c, left);
  }
};

/// z = (x - mean - rest) scale and the affine part; one output is a row.
template <class T>
struct ColumnNormBody {
  static constexpr const char* kWork = "norms";
  static constexpr bool kIsRowwise = true;
  MatrixView<const T> x;
  Pointer<const T> mean, rest;
  Pointer<const T> scale;
  AffineView<T> affine;
  MatrixView<T> stabilized, output;

  template <class W>
  LIBNORM_DEVICE void operator()(W, Index r) const {
    using P = typename W::template Lanes<T>;
    for (Index c = 0; c < x.cols; c += kLanes) {
      const Index left = x.cols - c;
      const P z = standardized(P::load(x.row(r) + c, left), P::load(mean + c, left),
                               P::load(rest + c, left), P::load(scale + c, left));
      z.store(stabilized.row(r) + c, left);
      affine.apply(z, c, left).store(output.row(r) + c, left);
    }
  }
};

/// d_x = scale gain (g - count / n (sum g + z sum(z g))), without sum g where nothing is centred;
/// the sums are those of the affine part's gradient. One output is a row.
template <class T, class ColumnStabilizer>
struct ColumnNormBackwardBody {
  static constexpr const char* kWork = "norms";
  static constexpr bool kIsRowwise = true;
  MatrixView<const T> d_output, stabilized;
  const float* count;
  Index positions;
  Pointer<const T> scale;
  AffineView<T> affine;
  Pointer<const T> sum_g;
  Pointer<const T> sum_zg;
  MatrixView<T> d_x;

  template <class W>
  LIBNORM_DEVICE void operator()(W, Index r) const {
    using P = typename W::template Lanes<T>;
    const P share(-((count == nullptr ? T(1) : T(count[r])) / T(positions)));
    for (Index c = 0; c < d_x.cols; c += kLanes) {
      const Index left = d_x.cols - c;
      const P start = ColumnStabilizer::kCentred ? P::load(sum_g + c, left) : P(T(0));
      const P total = fma(P::load(stabilized.row(r) + c, left), P::load(sum_zg + c, left), start);
      const P d = fma(share, total, P::load(d_output.row(r) + c, left));
      const P factor = affine.backward(P::load(scale + c, left), c, left);
      (d * factor).store(d_x.row(r) + c, left);
    }
  }
};

}  // namespace libnorm
