#include "libnorm/core/kernel_entry.hpp"
#include "libnorm/ops/gemm_body.hpp"

namespace libnorm {

template struct KernelEntry<LIBNORM_ISA, PeakBody<float>>;
template struct KernelEntry<LIBNORM_ISA, PackPanelsBody<float>>;
template struct KernelEntry<LIBNORM_ISA, PackPanelsBody<double>>;
template struct KernelEntry<LIBNORM_ISA, GemmRowsBody<float>>;
template struct KernelEntry<LIBNORM_ISA, GemmRowsBody<double>>;
template struct KernelEntry<LIBNORM_ISA, GemmBody<float>>;
template struct KernelEntry<LIBNORM_ISA, GemmBody<double>>;

}  // namespace libnorm
