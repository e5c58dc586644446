#include "libnorm/core/runner.hpp"
#include "libnorm/ops/gemm_body.hpp"

namespace libnorm {

template struct Runner<LIBNORM_ISA, PeakBody<float>>;
template struct Runner<LIBNORM_ISA, GemmBody<float>>;
template struct Runner<LIBNORM_ISA, GemmBody<double>>;

}  // namespace libnorm
