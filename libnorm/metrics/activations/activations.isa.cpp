#include "libnorm/core/kernel_entry.hpp"
#include "libnorm/metrics/activations/gram_body.hpp"

namespace libnorm {

template struct KernelEntry<LIBNORM_ISA, GramBody<float>>;
template struct KernelEntry<LIBNORM_ISA, GramBody<double>>;
template struct KernelEntry<LIBNORM_ISA, GramJoinBody>;

}  // namespace libnorm
