#include "libnorm/core/cuda_kernel_entry.hpp"
#include "libnorm/optim/adam_body.hpp"
#include "libnorm/optim/clip_body.hpp"

namespace libnorm {

template struct KernelEntry<Cuda, AdamBody<float>>;
template struct KernelEntry<Cuda, SquaresBody<float>>;
template struct KernelEntry<Cuda, ClipBody<float>>;

}  // namespace libnorm
