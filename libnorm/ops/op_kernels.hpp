#pragma once

// Included by the translation units that are compiled for one instruction set or device.

#include "libnorm/core/instantiate.hpp"
#include "libnorm/ops/attention_body.hpp"
#include "libnorm/ops/cross_entropy_body.hpp"
#include "libnorm/ops/gelu_body.hpp"
#include "libnorm/ops/row_sums_kernels.hpp"
#include "libnorm/ops/rows_body.hpp"

namespace libnorm {

/// The bodies of every operation but the product.
template <class IsaTag, class T>
struct OpKernels {
  static auto all() {
    return std::tuple_cat(
        instantiate<IsaTag, AttentionBody<T>, AttentionBackwardBody<T>, PredictionAttentionBody<T>,
                    PredictionQueryBackwardBody<T>, PredictionKeyBackwardBody<T>, GeluBody<T>,
                    MultiplyBody<T>, CrossEntropyBody<T>, MeanBody<Real<T>>, GatherRowsBody<T>,
                    ZeroRowsBody<T>, AddRowsBody<T>, AddScaledRowsBody<T>, ScaleRowsBody<T>,
                    ScatterRowsBody<T>, SumGroupsBody<T>>(),
        instantiate_row_sums<IsaTag, T, ColumnRowSums<T>>(), joins());
  }

 private:
  /// Only sums of float are queued by their shards.
  static auto joins() {
    if constexpr (std::is_same_v<T, float>) {
      return instantiate<IsaTag, JoinShardsBody<T>>();
    } else {
      return std::tuple<>();
    }
  }
};

}  // namespace libnorm
