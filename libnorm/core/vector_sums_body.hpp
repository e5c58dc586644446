#pragma once

#include "libnorm/core/reduce.hpp"
#include "libnorm/core/tensor.hpp"

namespace libnorm {

/// One output is the product of a row with x.
template <class T>
struct DotRowsBody {
  static constexpr bool kOnProcessorAlone = true;
  MatrixView<const T> rows;
  const T* x;
  double* out;

  template <class W>
  void operator()(W, Index r) const {
    using P = typename W::template Lanes<T>;
    using D = typename W::template Lanes<double>;
    const T* row = rows.row(r);
    D lanes(0.0);
    for (Index i = 0; i < rows.cols; i += kLanes) {
      const Index n = rows.cols - i;
      lanes = fma(widen(P::load(row + i, n)), widen(P::load(x + i, n)), lanes);
    }
    out[r] = sum(lanes);
  }
};

/// One output is kChunk numbers of y, which stay in the first-level cache while the rows stream
/// through.
struct AddCombinationBody {
  static constexpr Index kChunk = 512;
  MatrixView<const double> rows;
  const double* factors;
  double* y;

  template <class W>
  void operator()(W, Index chunk) const {
    using P = typename W::template Lanes<double>;
    const Index first = chunk * kChunk;
    const Index end = first + kChunk < rows.cols ? first + kChunk : rows.cols;
    for (Index k = 0; k < rows.rows; ++k) {
      const double* row = rows.row(k);
      const P factor(factors[k]);
      for (Index i = first; i < end; i += kLanes) {
        const Index n = end - i;
        fma(factor, P::load(row + i, n), P::load(y + i, n)).store(y + i, n);
      }
    }
  }
};

}  // namespace libnorm
