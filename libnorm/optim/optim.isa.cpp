#include "libnorm/core/kernel_entry.hpp"
#include "libnorm/optim/adam_body.hpp"
#include "libnorm/optim/clip_body.hpp"

namespace libnorm {

template struct KernelEntry<LIBNORM_ISA, AdamBody<float>>;
template struct KernelEntry<LIBNORM_ISA, AdamBody<double>>;
template struct KernelEntry<LIBNORM_ISA, SquaresBody<float>>;
template struct KernelEntry<LIBNORM_ISA, SquaresBody<double>>;
template struct KernelEntry<LIBNORM_ISA, ClipBody<float>>;
template struct KernelEntry<LIBNORM_ISA, ClipBody<double>>;

}  // namespace libnorm
