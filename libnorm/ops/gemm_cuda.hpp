#pragma once

#include "libnorm/ops/gemm.hpp"

namespace libnorm {

/// `gemm` on the thread's GPU, with the same order. The caller has checked the sizes.
void gemm_on_gpu(const Factor<float>& a, const Factor<float>& b, const MatrixView<float>& c,
                 const float* bias, Output output);

/// Adds a bias to every row of c.
void add_bias_on_gpu(const float* bias, const MatrixView<float>& c);

/// cuBLAS's state for one thread and its stream. Throws: BackendError where there is no cuBLAS.
void* open_cublas();
void close_cublas(void* handle) noexcept;
/// The text of describe_gemm for cuBLAS.
std::string describe_cublas(void* handle);

/// C = A B + bias, or C = C + A B + bias, by cuBLAS. Throws: ShapeError for a factor of which
/// neither rows nor columns are contiguous, BackendError where cuBLAS fails.
void gemm_by_cublas(void* handle, const Factor<float>& a, const Factor<float>& b,
                    const MatrixView<float>& c, const float* bias, Output output);

}  // namespace libnorm
