#pragma once

#include "libnorm/norms/affine.hpp"
#include "libnorm/norms/family.hpp"
#include "libnorm/norms/range_rescaling.hpp"

namespace libnorm {

/// z = (x - mean) / sqrt(var + epsilon) over the positions of a sequence and the channels of a
/// group: the stabilizer of InstanceNorm (Ulyanov et al. 2016, arXiv:1607.08022), where each
/// channel is a group, and of GroupNorm (Wu, He 2018, arXiv:1803.08494) on [B, C, T]. Nothing is
/// kept for evaluation, PyTorch's default. A row counts once for each position it represents.
struct StandardizeInstances {
  /// A stabilizer of instances: a sequence and a group of channels.
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
    const P all(sum_along<T>(warp, width,
                             [&](Index c) LIBNORM_ALWAYS { return P::load(part + c, width - c); }));
    for (Index c = 0; c < width; c += kLanes) all.store(part + c, width - c);
  }
  warp.sync();
}

/// Rows first[b] .. first[b + 1] - 1 of a sequence, and the number of positions they represent.
struct InstanceRows {
  /// As in NormArrays.
  const float* count;
  /// The first row.
  Index row;
  /// Number of rows.
  Index rows;

  /// The rows of sequence b.
  LIBNORM_INLINE InstanceRows(const Index* first, const float* count_, Index b)
      : count(count_), row(first[b]), rows(first[b + 1] - first[b]) {}

  /// Positions of row r.
  LIBNORM_INLINE Index weight(Index r) const { return count == nullptr ? 1 : Index(count[r]); }
  /// Positions of all rows.
  LIBNORM_INLINE Index positions() const {
    Index total = 0;
    for (Index r = row; r < row + rows; ++r) total += weight(r);
    return total;
  }
};

/// One output is a sequence.
/// Order: over the rows of a channel in shards, then over the channels of a group in the one order.
template <class T>
struct InstanceNormBody {
  static constexpr const char* kWork = "norms";
  StandardizeInstances stabilizer;
  Index groups;
  const Index* first;
  const float* count;
  MatrixView<const T> x;
  AffineView<T> affine;
  MatrixView<T> stabilized, output;
  /// [B, C] each; all but the scale are scratch. `rest` is the mean's rounding error, as in
  /// ColumnStatisticsBody.
  Pointer<T> scale, mean, rest, factor;

  template <class W>
  LIBNORM_DEVICE void operator()(W warp, Index b) const {
    using P = typename W::template Lanes<T>;
    const InstanceRows own(first, count, b);
    if (own.rows == 0) return;
    const Index channels = x.cols;
    const Pointer<T> centre = mean + b * channels, beside = rest + b * channels,
                     inverse = scale + b * channels, factors = factor + b * channels;
    const P numbers(T(own.positions() * (channels / groups)));
    sums(warp, b, own, numbers, [](const P& v, Index) LIBNORM_ALWAYS { return v; });
    bool any_far = false;
    for (Index c = 0; c < channels; c += kLanes) {
      const Index left = channels - c;
      const P squares = P::load(inverse + c, left);
      const P scale_of_x = P(T(1)) / sqrt(squares / numbers + P(T(stabilizer.epsilon)));
      const P factor_of_x = far_factor(squares, scale_of_x, P::load(centre + c, left));
      any_far = any_far || !none_is_far(factor_of_x);
      factor_of_x.store(factors + c, left);
      scale_of_x.store(inverse + c, left);
    }
    if (any_far) {
      sums(warp, b, own, numbers, [&](const P& v, Index c) LIBNORM_ALWAYS {
        return v * P::load(factors + c, channels - c);
      });
      for (Index c = 0; c < channels; c += kLanes) {
        const Index left = channels - c;
        const P f = P::load(factors + c, left, T(1));
        (P::load(centre + c, left) / f).store(centre + c, left);
        (P::load(beside + c, left) / f).store(beside + c, left);
        far_inverse(P::load(inverse + c, left), numbers, f, stabilizer.epsilon)
            .store(inverse + c, left);
      }
    }
    for (Index c = 0; c < channels; c += kLanes) {
      const Index left = channels - c;
      for (Index r = own.row; r < own.row + own.rows; ++r) {
        const P z = standardized(P::load(x.row(r) + c, left), P::load(centre + c, left),
                                 P::load(beside + c, left), P::load(inverse + c, left));
        z.store(stabilized.row(r) + c, left);
        affine.apply(z, c, left).store(output.row(r) + c, left);
      }
    }
  }

 private:
  /// to[c] = sum of value(scaled x, c) over the rows and the channels of c's group.
  template <class W, class Scaled, class Value>
  LIBNORM_INLINE void total(W warp, const InstanceRows& own, Scaled scaled, Value value,
                            Pointer<T> to) const {
    using P = typename W::template Lanes<T>;
    for (Index c = 0; c < x.cols; c += kLanes) {
      const Index left = x.cols - c;
      sum_rows_in_shards<P>(warp, own.rows, [&](Index r) LIBNORM_ALWAYS {
        return value(scaled(P::load(x.row(own.row + r) + c, left), c), c) *
               P(T(own.weight(own.row + r)));
      }).store(to + c, left);
    }
    share_in_groups<W, T>(warp, to, x.cols, groups);
  }

  /// Of scaled(x, channel): its mean to `mean` and `rest`, its sum of squares to `scale`.
  template <class W, class P, class Scaled>
  LIBNORM_INLINE void sums(W warp, Index b, const InstanceRows& own, const P& numbers,
                           Scaled scaled) const {
    const Index channels = x.cols;
    const Pointer<T> centre = mean + b * channels, beside = rest + b * channels,
                     squares = scale + b * channels;
    const auto deviation = [&](const P& v, Index c)
                               LIBNORM_ALWAYS { return v - P::load(centre + c, channels - c); };
    total(
        warp, own, scaled, [](const P& v, Index) LIBNORM_ALWAYS { return v; }, centre);
    for (Index c = 0; c < channels; c += kLanes) {
      const Index left = channels - c;
      (P::load(centre + c, left) / numbers).store(centre + c, left);
      P(T(0)).store(beside + c, left);
    }
    for (bool is_first = true;; is_first = false) {
      total(
          warp, own, scaled,
          [&](const P& v, Index c) LIBNORM_ALWAYS {
            const P d = deviation(v, c) - P::load(beside + c, channels - c);
            return d * d;
          },
          squares);
      if (!is_first || !mark_close(b, own, numbers)) return;
      // The mean of what is left joins the mean; that of what the sum's rounding leaves stays
      // beside, where the marks were.
      for (int round = 0; round < 2; ++round) {
        total(warp, own, scaled, deviation, squares);
        for (Index c = 0; c < channels; c += kLanes) {
          const Index left = channels - c;
          const P part = select_less(P(T(0)), P::load(beside + c, left),
                                     P::load(squares + c, left) / numbers, P(T(0)));
          if (round == 0) {
            (P::load(centre + c, left) + part).store(centre + c, left);
          } else {
            part.store(beside + c, left);
          }
        }
      }
    }
  }

  /// Sets `rest` to 1 where the numbers of a group are close together or their sums long, else to
  /// 0. Returns whether any is 1.
  template <class P>
  LIBNORM_INLINE bool mark_close(Index b, const InstanceRows& own, const P& numbers) const {
    const Index channels = x.cols;
    const bool is_long = own.rows > kManyRows || channels / groups > kLongSum;
    bool any = is_long;
    for (Index c = 0; c < channels; c += kLanes) {
      const Index left = channels - c, at = b * channels + c;
      P close = P(T(1));
      if (!is_long) close = are_close(P::load(scale + at, left), P::load(mean + at, left), numbers);
      any = any || value_of(sum(close)) != Real<T>(0);
      close.store(rest + at, left);
    }
    return any;
  }
};

/// d_x = scale (g - count / n (sum g + z sum(z g))), g taken through the affine part, sums over the
/// rows of a sequence and the channels of a group. One output is a sequence.
template <class T>
struct InstanceNormBackwardBody {
  static constexpr const char* kWork = "norms";
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
    const InstanceRows own(first, count, b);
    const Index row = own.row, rows = own.rows, channels = d_x.cols;
    const Pointer<T> g_total = sum_g + b * channels, zg_total = sum_zg + b * channels;
    const T numbers(own.positions() * (channels / groups));
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
      const P share(-(T(own.weight(r)) / numbers));
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
