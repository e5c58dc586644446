#include "libnorm/core/cuda_runner.hpp"
#include "libnorm/optim/adam_body.hpp"

namespace libnorm {

template struct Runner<Cuda, AdamBody<float>>;

}  // namespace libnorm
