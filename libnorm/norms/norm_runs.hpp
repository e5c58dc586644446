#pragma once

// Included by the translation units that are compiled for one instruction set or device.

#include "libnorm/core/runs.hpp"
#include "libnorm/norms/column_norm.hpp"
#include "libnorm/norms/norm.hpp"
#include "libnorm/norms/row_norm.hpp"

namespace libnorm {
namespace detail {

/// The bodies of a stabilizer's family.
template <class IsaTag, class T, class S>
auto runs_of() {
  if constexpr (S::kFamily == Family::row) {
    return runs<IsaTag, RowNormBody<T, S>, RowNormBackwardBody<T, S>>();
  } else if constexpr (S::kFamily == Family::pointwise) {
    return runs<IsaTag, PointwiseNormBody<T, S>, PointwiseNormBackwardBody<T, S>,
                ShapeGradientBody<T, S>>();
  } else if constexpr (S::kFamily == Family::column) {
    return runs<IsaTag, ColumnStatisticsBody<T, S>, RunningScaleBody<T, S>,
                ColumnNormBackwardBody<T, S>>();
  } else {
    return runs<IsaTag, InstanceNormBody<T>, InstanceNormBackwardBody<T>>();
  }
}

}  // namespace detail

/// The bodies of every stabilizer of the variant.
template <class IsaTag, class T, class Variant>
struct NormRuns;
template <class IsaTag, class T, class... S>
struct NormRuns<IsaTag, T, std::variant<S...>> {
  static auto all() {
    return std::tuple_cat(
        runs<IsaTag, AffineGradientBody<T>, SumChannelsBody<T>, ColumnNormBody<T>>(),
        detail::runs_of<IsaTag, T, S>()...);
  }
};

}  // namespace libnorm
