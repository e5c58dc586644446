#include "libnorm/core/runner.hpp"
#include "libnorm/ops/op_runs.hpp"

namespace libnorm {

template struct OpRuns<LIBNORM_ISA, float>;
template struct OpRuns<LIBNORM_ISA, double>;
template struct OpRuns<LIBNORM_ISA, Dual<double>>;

}  // namespace libnorm
