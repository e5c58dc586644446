#include "libnorm/core/runner.hpp"
#include "libnorm/optim/adam_body.hpp"

namespace libnorm {

template struct Runner<LIBNORM_ISA, AdamBody<float>>;
template struct Runner<LIBNORM_ISA, AdamBody<double>>;

}  // namespace libnorm
