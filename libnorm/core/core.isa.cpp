#include "libnorm/core/kernel_entry.hpp"
#include "libnorm/core/vector_sums_body.hpp"

namespace libnorm {

template struct KernelEntry<LIBNORM_ISA, DotRowsBody<float>>;
template struct KernelEntry<LIBNORM_ISA, DotRowsBody<double>>;
template struct KernelEntry<LIBNORM_ISA, AddCombinationBody>;

}  // namespace libnorm
