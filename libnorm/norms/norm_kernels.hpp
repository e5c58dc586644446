#pragma once

// Included by the translation units that are compiled for one instruction set or device.

#include "libnorm/core/instantiate.hpp"
#include "libnorm/norms/column_norm.hpp"
#include "libnorm/norms/norm.hpp"
#include "libnorm/norms/row_norm.hpp"
#include "libnorm/ops/row_sums_kernels.hpp"

namespace libnorm {
namespace detail {

/// The bodies of a stabilizer's family.
template <class IsaTag, class T, class S>
auto runs_of() {
  if constexpr (S::kFamily == Family::row) {
    return instantiate<IsaTag, RowNormBody<T, S>, RowNormBackwardBody<T, S>>();
  } else if constexpr (S::kFamily == Family::pointwise) {
    return std::tuple_cat(
        instantiate<IsaTag, PointwiseNormBody<T, S>, PointwiseNormBackwardBody<T, S>>(),
        instantiate_row_sums<IsaTag, T, ShapeGradientRowSums<T, S>>());
  } else if constexpr (S::kFamily == Family::column) {
    return instantiate<IsaTag, ColumnStatisticsBody<T, S>, RunningScaleBody<T, S>,
                       ColumnNormBackwardBody<T, S>>();
  } else {
    return instantiate<IsaTag, InstanceNormBody<T>, InstanceNormBackwardBody<T>>();
  }
}

}  // namespace detail

/// The bodies of every stabilizer of the variant.
template <class IsaTag, class T, class Variant>
struct NormKernels;
template <class IsaTag, class T, class... S>
struct NormKernels<IsaTag, T, std::variant<S...>> {
  static auto all() {
    return std::tuple_cat(instantiate<IsaTag, SumChannelsBody<T>, ColumnNormBody<T>>(),
                          instantiate_row_sums<IsaTag, T, AffineGradientRowSums<T>>(),
                          detail::runs_of<IsaTag, T, S>()...);
  }
};

}  // namespace libnorm
