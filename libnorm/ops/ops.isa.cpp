#include "libnorm/core/kernel_entry.hpp"
#include "libnorm/ops/op_kernels.hpp"

namespace libnorm {

template struct OpKernels<LIBNORM_ISA, float>;
template struct OpKernels<LIBNORM_ISA, double>;
template struct OpKernels<LIBNORM_ISA, Dual<double>>;

}  // namespace libnorm
