#include <tuple>

#include "libnorm/core/runner.hpp"
#include "libnorm/norms/column_norm.hpp"
#include "libnorm/norms/norm.hpp"
#include "libnorm/norms/row_norm.hpp"

namespace libnorm {
namespace {

/// Naming a function makes the compiler emit it.
template <class... Bodies>
auto runs() {
  return std::tuple(&Runner<LIBNORM_ISA, Bodies>::run...);
}

/// The bodies of a stabilizer's family.
template <class T, class S>
auto runs_of() {
  if constexpr (S::kFamily == Family::row) {
    return runs<RowNormBody<T, S>, RowNormBackwardBody<T, S>>();
  } else if constexpr (S::kFamily == Family::pointwise) {
    return runs<PointwiseNormBody<T, S>, PointwiseNormBackwardBody<T, S>,
                ShapeGradientBody<T, S>>();
  } else if constexpr (S::kFamily == Family::column) {
    return runs<ColumnStatisticsBody<T, S>, RunningScaleBody<T, S>, ColumnNormBackwardBody<T, S>>();
  } else {
    return runs<InstanceNormBody<T>, InstanceNormBackwardBody<T>>();
  }
}

}  // namespace

/// The bodies of every stabilizer of the variant.
template <class IsaTag, class T, class Variant>
struct NormRuns;
template <class IsaTag, class T, class... S>
struct NormRuns<IsaTag, T, std::variant<S...>> {
  static auto all() {
    return std::tuple_cat(runs<AffineGradientBody<T>, SumChannelsBody<T>, ColumnNormBody<T>>(),
                          runs_of<T, S>()...);
  }
};

template struct NormRuns<LIBNORM_ISA, float, Stabilizer>;
template struct NormRuns<LIBNORM_ISA, double, Stabilizer>;
template struct NormRuns<LIBNORM_ISA, Dual<double>, Stabilizer>;

}  // namespace libnorm
