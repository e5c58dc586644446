#pragma once

#include "libnorm/ops/attention.hpp"

namespace libnorm {

/// `attention` and its backward pass on the thread's GPU, with the same order. The caller has
/// checked the sizes.
/// @{
void attention_on_gpu(const MatrixView<const float>& qkv, const Sequences& sequences, Index heads,
                      float* p, const MatrixView<float>& out, float scale);
void attention_backward_on_gpu(const MatrixView<const float>& qkv, const Sequences& sequences,
                               Index heads, const float* p, const MatrixView<const float>& d_out,
                               float* d_p, const MatrixView<float>& d_qkv, float scale);

/// @}

}  // namespace libnorm
