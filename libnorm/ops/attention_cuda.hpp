#pragma once

#include "libnorm/ops/attention.hpp"

namespace libnorm {

/// `attention` on the thread's GPU, with the same order; sizes are checked.
void attention_on_gpu(const MatrixView<const float>& qkv, const Sequences& sequences, Index heads,
                      float* p, const MatrixView<float>& out, float scale);
/// As above.
void attention_backward_on_gpu(const MatrixView<const float>& qkv, const Sequences& sequences,
                               Index heads, const float* p, const MatrixView<const float>& d_out,
                               float* d_p, const MatrixView<float>& d_qkv, float scale);

}  // namespace libnorm
