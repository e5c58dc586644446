#pragma once

#include "libnorm/core/pack.hpp"
#include "libnorm/core/tensor.hpp"
#include "libnorm/ops/rows_body.hpp"

namespace libnorm {

/// out = x + branch; one output is a row.
template <class T>
struct AddRowsBody {
  MatrixView<const T> x, branch;
  MatrixView<T> out;

  template <class W>
  void operator()(W, Index r) const {
    using P = typename W::template Lanes<T>;
    for (Index c = 0; c < x.cols; c += kLanes) {
      const Index left = x.cols - c;
      P v = P::load(x.row(r) + c, left);
      if (branch.data != nullptr) v = v + P::load(branch.row(r) + c, left);
      v.store(out.row(r) + c, left);
    }
  }
};

/// A stabilizer that looks at one row at a time, and the affine part; one output is a row.
template <class T, class RowStabilizer>
struct RowNormBody {
  RowStabilizer stabilizer;
  MatrixView<const T> x, branch;
  const T* gain;
  const T* bias;
  MatrixView<T> stabilized, output;
  T* scale;

  template <class W>
  void operator()(W warp, Index r) const {
    using P = typename W::template Lanes<T>;
    const Index channels = x.cols;
    T* z = stabilized.row(r);
    AddRowsBody<T>{x, branch, stabilized}(warp, r);
    scale[r] = stabilizer.forward(warp, z, channels);
    if (output.data == stabilized.data) return;
    for (Index c = 0; c < channels; c += kLanes) {
      const Index left = channels - c;
      P y = P::load(z + c, left);
      if (gain != nullptr) y = fma(y, P::load(gain + c, left), P::load(bias + c, left));
      y.store(output.row(r) + c, left);
    }
  }
};

template <class T, class RowStabilizer>
struct RowNormBackwardBody {
  RowStabilizer stabilizer;
  MatrixView<const T> d_output, stabilized;
  const T* gain;
  const T* scale;
  MatrixView<T> d_x;

  template <class W>
  void operator()(W warp, Index r) const {
    using P = typename W::template Lanes<T>;
    const Index channels = d_x.cols;
    T* g = d_x.row(r);
    for (Index c = 0; c < channels; c += kLanes) {
      const Index left = channels - c;
      P d = P::load(d_output.row(r) + c, left);
      if (gain != nullptr) d = d * P::load(gain + c, left);
      d.store(g + c, left);
    }
    stabilizer.backward(warp, stabilized.row(r), scale[r], g, channels);
  }
};

/// d_bias = sum of g, d_gain = sum of z g over rows; one output is 32 channels.
template <class T>
struct AffineGradientBody {
  MatrixView<const T> d_output, stabilized;
  T* d_gain;
  T* d_bias;

  template <class W>
  void operator()(W, Index block) const {
    using P = typename W::template Lanes<T>;
    const Index c = block * kLanes, left = d_output.cols - c;
    sum_rows_in_shards<P>(d_output.rows, [&](Index r) LIBNORM_ALWAYS {
      return P::load(d_output.row(r) + c, left);
    }).store(d_bias + c, left);
    sum_rows_in_shards<P>(d_output.rows, [&](Index r) LIBNORM_ALWAYS {
      return P::load(d_output.row(r) + c, left) * P::load(stabilized.row(r) + c, left);
    }).store(d_gain + c, left);
  }
};

}  // namespace libnorm
