#pragma once

#include "libnorm/norms/affine.hpp"
#include "libnorm/norms/family.hpp"
#include "libnorm/norms/far_channels.hpp"

namespace libnorm {

/// z = (x - mean) / sqrt(var + epsilon) over the positions of a sequence and the channels of a
/// group: the stabilizer of InstanceNorm (Ulyanov et al. 2016, arXiv:1607.08022), where each
/// channel is a group, and of GroupNorm (Wu, He 2018, arXiv:1803.08494) on [B, C, T]. Nothing is
/// kept for evaluation, PyTorch's default. A row that stands for several positions enters the
/// statistics so often.
struct StandardizeInstances {
  /// It looks at sequences, a group of channels at a time.
  static constexpr Family kFamily = Family::instance;
  /// Keeps the root above 0.
  double epsilon = 1e-5;
};

/// Adds up over each group of channels and writes the group's total to each of its channels.
template <class W, class T>
LIBNORM_INLINE void share_in_groups(W warp, Pointer<T> x, Index channels, Index groups) {
  using P = typename W::template Lanes<T>;
  const Index width = channels / groups;
  if (width == 1) return;
  warp.sync();
  for (Index g = 0; g < groups; ++g) {
    const Pointer<T> part = x + g * width;
    P total(T(0));
    for (Index c = 0; c < width; c += kLanes) total = total + P::load(part + c, width - c);
    const P all(sum(total));
    for (Index c = 0; c < width; c += kLanes) all.store(part + c, width - c);
  }
  warp.sync();
}

/// One output is a sequence: rows first[b] .. first[b + 1] - 1.
/// Order: over the rows of a channel in shards, then over the channels of a group in the one order.
template <class T>
struct InstanceNormBody {
  StandardizeInstances stabilizer;
  Index groups;
  const Index* first;
  const float* count;
  MatrixView<const T> x;
  AffineView<T> affine;
  MatrixView<T> stabilized, output;
  /// [B, C] each; the last two are scratch.
  Pointer<T> mean, scale, factor, mean_of_x;

  template <class W>
  LIBNORM_DEVICE void operator()(W warp, Index b) const {
    using P = typename W::template Lanes<T>;
    const Index row = first[b], rows = first[b + 1] - row, channels = x.cols;
    const Pointer<T> centre = mean + b * channels, inverse = scale + b * channels,
                     factors = factor + b * channels, centre_of_x = mean_of_x + b * channels;
    float n = 0;
    for (Index r = row; r < row + rows; ++r) n += count == nullptr ? 1.0f : count[r];
    const P numbers(T(n) * T(channels / groups));
    sums(warp, b, numbers, [](const P& v, Index) LIBNORM_ALWAYS { return v; });
    bool any_far = false;
    for (Index c = 0; c < channels; c += kLanes) {
      const Index left = channels - c;
      const P squares = P::load(inverse + c, left);
      const P scale_of_x = P(T(1)) / sqrt(squares / numbers + P(T(stabilizer.epsilon)));
      const P factor_of_x = far_factor(squares, scale_of_x);
      any_far = any_far || !none_is_far(factor_of_x);
      factor_of_x.store(factors + c, left);
      scale_of_x.store(inverse + c, left);
      P::load(centre + c, left).store(centre_of_x + c, left);
    }
    if (any_far) {
      sums(warp, b, numbers, [&](const P& v, Index c) LIBNORM_ALWAYS {
        return v * P::load(factors + c, channels - c);
      });
      for (Index c = 0; c < channels; c += kLanes) {
        const Index left = channels - c;
        const P f = P::load(factors + c, left, T(1));
        far_mean(P::load(centre_of_x + c, left), P::load(centre + c, left), f)
            .store(centre + c, left);
        far_inverse(P::load(inverse + c, left), numbers, f, stabilizer.epsilon)
            .store(inverse + c, left);
      }
    }
    for (Index c = 0; c < channels; c += kLanes) {
      const Index left = channels - c;
      for (Index r = row; r < row + rows; ++r) {
        const P z = standardized(P::load(x.row(r) + c, left), P::load(centre + c, left),
                                 P::load(inverse + c, left));
        z.store(stabilized.row(r) + c, left);
        affine.apply(z, c, left).store(output.row(r) + c, left);
      }
    }
  }

 private:
  /// Of scaled(x, channel): its mean to `mean`, its sum of squares to `scale`.
  template <class W, class P, class Scaled>
  LIBNORM_INLINE void sums(W warp, Index b, const P& numbers, Scaled scaled) const {
    const Index row = first[b], rows = first[b + 1] - row, channels = x.cols;
    const Pointer<T> centre = mean + b * channels, squares = scale + b * channels;
    const auto weight = [&](Index r) LIBNORM_ALWAYS {
      return P(count == nullptr ? T(1) : T(count[row + r]));
    };
    for (Index c = 0; c < channels; c += kLanes) {
      sum_rows_in_shards<P>(warp, rows, [&](Index r) LIBNORM_ALWAYS {
        return scaled(P::load(x.row(row + r) + c, channels - c), c) * weight(r);
      }).store(centre + c, channels - c);
    }
    share_in_groups<W, T>(warp, centre, channels, groups);
    for (Index c = 0; c < channels; c += kLanes) {
      const Index left = channels - c;
      (P::load(centre + c, left) / numbers).store(centre + c, left);
    }
    square(warp, b, scaled);
    bool close = false;
    for (Index c = 0; c < channels; c += kLanes) {
      const Index left = channels - c;
      const P here = are_close(P::load(squares + c, left), P::load(centre + c, left), numbers);
      close = close || value_of(sum(here)) != Real<T>(0);
    }
    if (!close) return;
    // The means once more, of what is left; `squares` holds them meanwhile.
    for (Index c = 0; c < channels; c += kLanes) {
      const Index left = channels - c;
      const P m = P::load(centre + c, left),
              here = are_close(P::load(squares + c, left), m, numbers);
      const P rest = sum_rows_in_shards<P>(warp, rows, [&](Index r) LIBNORM_ALWAYS {
        return (scaled(P::load(x.row(row + r) + c, left), c) - m) * weight(r);
      });
      select_less(P(T(0)), here, rest, P(T(0))).store(squares + c, left);
    }
    share_in_groups<W, T>(warp, squares, channels, groups);
    for (Index c = 0; c < channels; c += kLanes) {
      const Index left = channels - c;
      (P::load(centre + c, left) + P::load(squares + c, left) / numbers).store(centre + c, left);
    }
    square(warp, b, scaled);
  }
  template <class W, class Scaled>
  LIBNORM_INLINE void square(W warp, Index b, Scaled scaled) const {
    using P = typename W::template Lanes<T>;
    const Index row = first[b], rows = first[b + 1] - row, channels = x.cols;
    const Pointer<T> centre = mean + b * channels, squares = scale + b * channels;
    for (Index c = 0; c < channels; c += kLanes) {
      const Index left = channels - c;
      const P m = P::load(centre + c, left);
      sum_rows_in_shards<P>(warp, rows, [&](Index r) LIBNORM_ALWAYS {
        const P d = scaled(P::load(x.row(row + r) + c, left), c) - m;
        return d * d * P(count == nullptr ? T(1) : T(count[row + r]));
      }).store(squares + c, left);
    }
    share_in_groups<W, T>(warp, squares, channels, groups);
  }
};

/// d_x = scale (g - count / n (sum g + z sum(z g))), g taken through the affine part, sums over the
/// rows of a sequence and the channels of a group. One output is a sequence.
template <class T>
struct InstanceNormBackwardBody {
  Index groups;
  const Index* first;
  const float* count;
  MatrixView<const T> d_output, stabilized;
  AffineView<T> affine;
  Pointer<const T> scale;
  /// [B, C] each.
  Pointer<T> sum_g, sum_zg;
  MatrixView<T> d_x;

  template <class W>
  LIBNORM_DEVICE void operator()(W warp, Index b) const {
    using P = typename W::template Lanes<T>;
    const Index row = first[b], rows = first[b + 1] - row, channels = d_x.cols;
    const Pointer<T> g_total = sum_g + b * channels, zg_total = sum_zg + b * channels;
    float n = 0;
    for (Index r = row; r < row + rows; ++r) n += count == nullptr ? 1.0f : count[r];
    for (Index c = 0; c < channels; c += kLanes) {
      const Index left = channels - c;
      for (Index r = row; r < row + rows; ++r) {
        affine.backward(P::load(d_output.row(r) + c, left), c, left).store(d_x.row(r) + c, left);
      }
      sum_rows_in_shards<P>(warp, rows, [&](Index r) LIBNORM_ALWAYS {
        return P::load(d_x.row(row + r) + c, left);
      }).store(g_total + c, left);
      sum_rows_in_shards<P>(warp, rows, [&](Index r) LIBNORM_ALWAYS {
        return P::load(d_x.row(row + r) + c, left) * P::load(stabilized.row(row + r) + c, left);
      }).store(zg_total + c, left);
    }
    share_in_groups<W, T>(warp, g_total, channels, groups);
    share_in_groups<W, T>(warp, zg_total, channels, groups);
    for (Index r = row; r < row + rows; ++r) {
      const P share(-((count == nullptr ? T(1) : T(count[r])) / (T(n) * T(channels / groups))));
      for (Index c = 0; c < channels; c += kLanes) {
        const Index left = channels - c;
        const P total = fma(P::load(stabilized.row(r) + c, left), P::load(zg_total + c, left),
                            P::load(g_total + c, left));
        const P d = fma(share, total, P::load(d_x.row(r) + c, left));
        (d * P::load(scale + b * channels + c, left)).store(d_x.row(r) + c, left);
      }
    }
  }
};

}  // namespace libnorm
