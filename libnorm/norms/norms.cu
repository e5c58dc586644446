#include "libnorm/core/cuda_kernel_entry.hpp"
#include "libnorm/norms/norm_kernels.hpp"

namespace libnorm {

template struct NormKernels<Cuda, float, Stabilizer>;

}  // namespace libnorm
