#include "libnorm/core/cuda_kernel_entry.hpp"
#include "libnorm/optim/adam_body.hpp"

namespace libnorm {

template struct KernelEntry<Cuda, AdamBody<float>>;

}  // namespace libnorm
