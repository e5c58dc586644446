#include "libnorm/core/kernel_entry.hpp"
#include "libnorm/norms/norm_kernels.hpp"

namespace libnorm {

template struct NormKernels<LIBNORM_ISA, float, Stabilizer>;
template struct NormKernels<LIBNORM_ISA, double, Stabilizer>;
template struct NormKernels<LIBNORM_ISA, Dual<double>, Stabilizer>;

}  // namespace libnorm
