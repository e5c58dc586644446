#include "libnorm/core/kernel_entry.hpp"
#include "libnorm/optim/adam_body.hpp"

namespace libnorm {

template struct KernelEntry<LIBNORM_ISA, AdamBody<float>>;
template struct KernelEntry<LIBNORM_ISA, AdamBody<double>>;

}  // namespace libnorm
