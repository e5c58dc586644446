#pragma once

#include "libnorm/core/dual_pack.hpp"
#include "libnorm/ops/rows.hpp"

namespace libnorm {

template <class T>
struct GatherRowsBody {
  static constexpr const char* kWork = "rows";
  MatrixView<const T> table;
  const std::int32_t* index;
  MatrixView<T> out;

  template <class W>
  LIBNORM_DEVICE void operator()(W, Index r) const {
    using P = typename W::template Lanes<T>;
    const Pointer<const T> from = table.row(index[r]);
    for (Index c = 0; c < out.cols; c += kLanes) {
      P::load(from + c, out.cols - c).store(out.row(r) + c, out.cols - c);
    }
  }
};

/// out = 0; one output is a row.
template <class T>
struct ZeroRowsBody {
  static constexpr const char* kWork = "rows";
  static constexpr bool kIsRowwise = true;
  MatrixView<T> out;

  template <class W>
  LIBNORM_DEVICE void operator()(W, Index r) const {
    using P = typename W::template Lanes<T>;
    for (Index c = 0; c < out.cols; c += kLanes) P(T(0)).store(out.row(r) + c, out.cols - c);
  }
};

/// out = x + branch; one output is a row.
template <class T>
struct AddRowsBody {
  static constexpr const char* kWork = "rows";
  static constexpr bool kIsRowwise = true;
  MatrixView<const T> x, branch;
  MatrixView<T> out;

  template <class W>
  LIBNORM_DEVICE void operator()(W, Index r) const {
    using P = typename W::template Lanes<T>;
    for (Index c = 0; c < x.cols; c += kLanes) {
      const Index left = x.cols - c;
      P v = P::load(x.row(r) + c, left);
      if (branch.data != nullptr) v = v + P::load(branch.row(r) + c, left);
      v.store(out.row(r) + c, left);
    }
  }
};

/// out = x + scale branch, scale [C], or [1] for all channels; one output is a row.
template <class T>
struct AddScaledRowsBody {
  static constexpr const char* kWork = "rows";
  static constexpr bool kIsRowwise = true;
  MatrixView<const T> x, branch;
  Pointer<const T> scale;
  Index scales;
  MatrixView<T> out;

  template <class W>
  LIBNORM_DEVICE void operator()(W, Index r) const {
    using P = typename W::template Lanes<T>;
    for (Index c = 0; c < x.cols; c += kLanes) {
      const Index left = x.cols - c;
      const P s = scales == 1 ? P(T(scale[0])) : P::load(scale + c, left);
      fma(s, P::load(branch.row(r) + c, left), P::load(x.row(r) + c, left))
          .store(out.row(r) + c, left);
    }
  }
};

/// out = factor rows; one output is a row.
template <class T>
struct ScaleRowsBody {
  static constexpr const char* kWork = "rows";
  static constexpr bool kIsRowwise = true;
  MatrixView<const T> rows;
  T factor;
  MatrixView<T> out;

  template <class W>
  LIBNORM_DEVICE void operator()(W, Index r) const {
    using P = typename W::template Lanes<T>;
    for (Index c = 0; c < out.cols; c += kLanes) {
      const Index left = out.cols - c;
      (P(factor) * P::load(rows.row(r) + c, left)).store(out.row(r) + c, left);
    }
  }
};

template <class T>
struct ScatterRowsBody {
  static constexpr const char* kWork = "rows";
  MatrixView<const T> rows;
  const std::int32_t* index;
  MatrixView<T> out;
  Output output;

  template <class W>
  LIBNORM_DEVICE void operator()(W, Index r) const {
    using P = typename W::template Lanes<T>;
    const Pointer<T> to = out.row(index[r]);
    for (Index c = 0; c < out.cols; c += kLanes) {
      P x = P::load(rows.row(r) + c, out.cols - c);
      if (output == Output::add) x = P::load(to + c, out.cols - c) + x;
      x.store(to + c, out.cols - c);
    }
  }
};

template <class T>
struct SumGroupsBody {
  static constexpr const char* kWork = "rows";
  MatrixView<const T> rows;
  Groups groups;
  MatrixView<const T> start;
  MatrixView<T> out;

  template <class W>
  LIBNORM_DEVICE void operator()(W warp, Index g) const {
    using P = typename W::template Lanes<T>;
    const Index begin = groups.begin(g), end = groups.end(g);
    for (Index c = 0; c < out.cols; c += kLanes) {
      const Index left = out.cols - c;
      with_sums<T>(warp, end - begin, [&](auto total) LIBNORM_ALWAYS {
        using S = decltype(total);
        if (start.data != nullptr) total = as<S>(P::load(start.row(g) + c, left));
        for (Index i = begin; i < end; ++i) {
          total = total + as<S>(P::load(rows.row(groups.member(i)) + c, left));
        }
        as<P>(total).store(out.row(g) + c, left);
      });
    }
  }
};

}  // namespace libnorm
