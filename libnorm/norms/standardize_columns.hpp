#pragma once

#include "libnorm/core/pack.hpp"
#include "libnorm/core/tensor.hpp"
#include "libnorm/ops/rows_body.hpp"

namespace libnorm {

/// z = (x - mean x) / sqrt(var x + epsilon) over the positions of each channel: the stabilizer of
/// BatchNorm (Ioffe, Szegedy 2015, arXiv:1502.03167). var is the mean squared deviation; the
/// running variance takes the unbiased one, and
/// running = (1 - momentum) running + momentum batch, PyTorch's convention.
/// A row that stands for several positions enters the statistics so often.
struct StandardizeColumns {
  double epsilon = 1e-5;
  double momentum = 0.1;
};

/// mean and 1 / sqrt(var + epsilon) of 32 channels, and their running values.
template <class T>
struct ColumnStatisticsBody {
  StandardizeColumns stabilizer;
  MatrixView<const T> x;
  const float* count;
  Index positions;
  T* mean;
  T* scale;
  T* running_mean;
  T* running_variance;

  template <class W>
  void operator()(W, Index block) const {
    using P = typename W::template Lanes<T>;
    const Index c = block * kLanes, left = x.cols - c;
    const P n{T(positions)};
    const P centre = sum_rows_in_shards<P>(x.rows,
                                           [&](Index r) LIBNORM_ALWAYS {
                                             return P::load(x.row(r) + c, left) *
                                                    P(count == nullptr ? T(1) : T(count[r]));
                                           }) /
                     n;
    const P squares = sum_rows_in_shards<P>(x.rows, [&](Index r) LIBNORM_ALWAYS {
      const P d = P::load(x.row(r) + c, left) - centre;
      return d * d * P(count == nullptr ? T(1) : T(count[r]));
    });
    centre.store(mean + c, left);
    (P(T(1)) / sqrt(squares / n + P(T(stabilizer.epsilon)))).store(scale + c, left);
    if (running_mean == nullptr) return;
    const P keep(T(1.0 - stabilizer.momentum)), take(T(stabilizer.momentum));
    const P unbiased = squares / P(T(positions - 1));
    fma(keep, P::load(running_mean + c, left), take * centre).store(running_mean + c, left);
    fma(keep, P::load(running_variance + c, left), take * unbiased)
        .store(running_variance + c, left);
  }
};

/// mean and 1 / sqrt(var + epsilon) of 32 channels from their running values.
template <class T>
struct RunningScaleBody {
  StandardizeColumns stabilizer;
  Index channels;
  const T* running_mean;
  const T* running_variance;
  T* mean;
  T* scale;

  template <class W>
  void operator()(W, Index block) const {
    using P = typename W::template Lanes<T>;
    const Index c = block * kLanes, left = channels - c;
    const P variance = P::load(running_variance + c, left, T(1)) + P(T(stabilizer.epsilon));
    P::load(running_mean + c, left).store(mean + c, left);
    (P(T(1)) / sqrt(variance)).store(scale + c, left);
  }
};

/// z = (x - mean) scale; one output is a row.
template <class T>
struct StandardizeColumnsBody {
  MatrixView<const T> x;
  const T* mean;
  const T* scale;
  const T* gain;
  const T* bias;
  MatrixView<T> stabilized, output;

  template <class W>
  void operator()(W, Index r) const {
    using P = typename W::template Lanes<T>;
    for (Index c = 0; c < x.cols; c += kLanes) {
      const Index left = x.cols - c;
      const P z =
          (P::load(x.row(r) + c, left) - P::load(mean + c, left)) * P::load(scale + c, left);
      z.store(stabilized.row(r) + c, left);
      if (gain != nullptr) {
        fma(z, P::load(gain + c, left), P::load(bias + c, left)).store(output.row(r) + c, left);
      } else {
        z.store(output.row(r) + c, left);
      }
    }
  }
};

/// d_x = scale gain (g - count / n (sum g + z sum(z g))), the sums being those of the affine part's
/// gradient; one output is a row.
template <class T>
struct StandardizeColumnsBackwardBody {
  MatrixView<const T> d_output, stabilized;
  const float* count;
  Index positions;
  const T* scale;
  const T* gain;
  const T* sum_g;
  const T* sum_zg;
  MatrixView<T> d_x;

  template <class W>
  void operator()(W, Index r) const {
    using P = typename W::template Lanes<T>;
    const P share(-((count == nullptr ? T(1) : T(count[r])) / T(positions)));
    for (Index c = 0; c < d_x.cols; c += kLanes) {
      const Index left = d_x.cols - c;
      const P total = fma(P::load(stabilized.row(r) + c, left), P::load(sum_zg + c, left),
                          P::load(sum_g + c, left));
      const P d = fma(share, total, P::load(d_output.row(r) + c, left));
      const P factor = gain == nullptr ? P::load(scale + c, left)
                                       : P::load(scale + c, left) * P::load(gain + c, left);
      (d * factor).store(d_x.row(r) + c, left);
    }
  }
};

}  // namespace libnorm
