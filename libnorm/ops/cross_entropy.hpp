#pragma once

#include <cstdint>

#include "libnorm/core/tensor.hpp"

namespace libnorm {

/// loss[b] = log sum_v exp(logits[b, v]) - logits[b, target[b]], and the gradient of their mean:
/// d_logits[b, v] = (softmax(logits[b])[v] - (v == target[b])) / B
///
/// logits [B, V], target [B] in 0 .. V-1, loss [B] in nats, d_logits [B, V] or empty.
/// Returns: the mean loss. Order: the one order, over v and then over b, in double over b.
/// Throws: ShapeError, ValueError for a target outside 0 .. V-1.
template <class T>
double cross_entropy(const MatrixView<const T>& logits, const std::int32_t* target, Pointer<T> loss,
                     const MatrixView<T>& d_logits);

}  // namespace libnorm
