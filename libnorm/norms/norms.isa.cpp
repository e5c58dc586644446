#include "libnorm/core/runner.hpp"
#include "libnorm/norms/norm_runs.hpp"

namespace libnorm {

template struct NormRuns<LIBNORM_ISA, float, Stabilizer>;
template struct NormRuns<LIBNORM_ISA, double, Stabilizer>;
template struct NormRuns<LIBNORM_ISA, Dual<double>, Stabilizer>;

}  // namespace libnorm
