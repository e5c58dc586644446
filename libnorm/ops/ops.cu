#include "libnorm/core/cuda_kernel_entry.hpp"
#include "libnorm/ops/op_kernels.hpp"

namespace libnorm {

template struct OpKernels<Cuda, float>;

}  // namespace libnorm
