#pragma once

#include "libnorm/ops/gemm.hpp"

namespace libnorm {

/// `gemm` on the thread's GPU, with the same order; sizes are checked.
void gemm_on_gpu(const Factor<float>& a, const Factor<float>& b, const MatrixView<float>& c,
                 const float* bias, Output output);

}  // namespace libnorm
